/** What web apps are made with, over WebSocket: log in, roster, chat, carbons, archive. */
import { expect, test } from 'bun:test'
import { byStanza, byStrophe, byXmppJs, type Person } from './stock-clients.ts'
import { Cable } from '../support/cable.ts'
import { befriend, says, times, watches } from './contact.ts'
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

// strophe.js has no stream management of its own; what it says into a dead connection is lost.
test.each([
  ['stanza', byStanza, 'resumed'],
  ['@xmpp/client', byXmppJs, 'resumed'],
  ['strophe.js', byStrophe, 'anew'],
] as const)('%s over a cut network and a restart: each message once', async (_name, make, how) => {
  await using own = await wire()
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
  await befriend(own)
  await using cable = await Cable.to(own.port('http'))
  const juliet = make('juliet', 'balcony', `ws://127.0.0.1:${cable.port}/xmpp-websocket`)
  let romeo = await watches(own)
  await juliet.starts()
  await romeo.until(
    ({ name, attrs }) => name === 'presence' && !!attrs.from?.startsWith('juliet@bix.org/balcony'),
  )
  romeo.send(says('before'))
  await hears(juliet, 'before')

  const back = juliet.returns()
  cable.cut()
  if (how === 'resumed') juliet.says('romeo@bix.org', 'out of it')
  romeo.send(says('into the dark'))
  await romeo.ping()
  cable.mend()
  expect(await back).toBe(how)
  await hears(juliet, 'before', 'into the dark')
  if (how === 'resumed') expect(await romeo.body()).toBe('out of it')
  await romeo.ping()
  // Whoever resumes was never gone.
  expect(romeo.text.includes('unavailable')).toBe(how !== 'resumed')

  const again = juliet.returns()
  romeo.send(says('just before the end'))
  await romeo.ping()
  await own.restart()
  romeo = await watches(own)
  expect(await again).toBe(how)
  romeo.send(says('after it'))
  await hears(juliet, 'before', 'into the dark', 'just before the end', 'after it')
  juliet.says('romeo@bix.org', 'at last')
  expect(await romeo.body()).toBe('at last')
  await romeo.ping()
  expect(times(romeo, 'at last')).toBe(1)
  const history = [
    'before',
    'into the dark',
    ...(how === 'resumed' ? ['out of it'] : []),
    'just before the end',
  ]
  expect(await juliet.history()).toEqual([...history, 'after it', 'at last'])
  await juliet.stops()
  romeo.close()
})
