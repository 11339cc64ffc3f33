/** What web apps are made with, over WebSocket: log in, roster, chat, carbons, archive. */
import { expect, test } from 'bun:test'
import { byStanza, byStrophe, byXmppJs, type Person } from './stock-clients.ts'
import { wire } from './support.ts'

/** A round trip, after which everything that was under way has been heard. */
async function hears(person: Person, ...bodies: string[]): Promise<void> {
  for (let tries = 0; tries < 200 && person.heard.length < bodies.length; tries++) await person.roster()
  expect(person.heard).toEqual(bodies)
}

test.each([
  ['stanza', byStanza],
  ['@xmpp/client', byXmppJs],
  ['strophe.js', byStrophe],
] as const)('%s', async (_name, make) => {
  await using own = await wire()
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
  const url = `ws://127.0.0.1:${own.port('http')}/xmpp-websocket`
  const romeo = make('romeo', 'orchard', url)
  const juliet = make('juliet', 'balcony', url)
  const phone = make('juliet', 'phone', url)
  for (const person of [romeo, juliet, phone]) await person.starts()
  await juliet.adds('romeo@bix.org')
  expect(await juliet.roster()).toEqual(['romeo@bix.org'])
  romeo.says('juliet@bix.org', 'But soft <&> what light')
  for (const person of [juliet, phone]) await hears(person, 'But soft <&> what light')
  juliet.says('romeo@bix.org', 'Ay me')
  await hears(romeo, 'Ay me')
  await hears(phone, 'But soft <&> what light', 'carbon: Ay me')
  expect(await phone.history()).toEqual(['But soft <&> what light', 'Ay me'])
  for (const person of [romeo, juliet, phone]) await person.stops()
})
