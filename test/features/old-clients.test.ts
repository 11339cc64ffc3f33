/** The clients of 2012 to 2021 that are still in app stores: what XMPPFramework says and needs, word for word. */
import { expect, test } from 'bun:test'
import { child, childText, type Element, elements } from '../../src/xmpp/xml.ts'
import { scram, verdict } from '../stream/scram-client.ts'
import { PASSWORD } from '../support/actor.ts'
import type { Actor } from '../support/actor.ts'
import { card, photo, photoOf, picture, shows, UPDATE } from '../support/avatars.ts'
import { befriend, publishes } from '../support/pubsub.ts'
import { type Play, play } from '../support/world.ts'

const MINUTE = 60_000
const TOML = '[auth]\nscram_iterations = 4096\n'
const rose = picture('rose')
const moon = picture('moon')

/** TLS 1.2, SCRAM-SHA-1, bind, the session that means nothing, the roster, and presence that is not ready yet. */
async function oldLogin(p: Play, name: string): Promise<{ actor: Actor; features: Element }> {
  await p.account(`${name}@bix.org`)
  const actor = p.connect({ tls: 'TLSv1.2' })
  await actor.opens()
  const { end } = await scram(actor, { mechanism: 'SCRAM-SHA-1', name, password: PASSWORD })
  expect(verdict(end)).toBe('success')
  const features = await actor.opens()
  actor.sends(
    `<iq id='bind' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>iPhone</resource></bind></iq>`,
  )
  await actor.answer('bind')
  actor.jid = `${name}@bix.org/iPhone`
  const session = await actor.asks('set', `<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>`)
  expect(session.attrs.type).toBe('result')
  expect((await actor.asks('get', `<query xmlns='jabber:iq:roster'/>`)).attrs.type).toBe('result')
  actor.sends(`<presence><x xmlns='${UPDATE}'/></presence>`)
  await actor.settles()
  actor.forget()
  return { actor, features }
}

test('an old client logs in, and nothing that it asks at login is an error', async () => {
  using p = play({ toml: TOML })
  const { actor, features } = await oldLogin(p, 'romeo')
  const names = elements(features).map(({ name }) => name)
  for (const name of ['bind', 'session']) expect(names).toContain(name)
  const asked = [
    `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
    `<vCard xmlns='vcard-temp'/>`,
    `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>`,
    `<query xmlns='jabber:iq:privacy'/>`,
    `<blocklist xmlns='urn:xmpp:blocking'/>`,
  ]
  for (const payload of asked) expect((await actor.asks('get', payload)).attrs.type).toBe('result')
  const time = await actor.asks('get', `<time xmlns='urn:xmpp:time'/>`, 'bix.org')
  expect(time.attrs.type).toBe('result')
  expect((await actor.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)).attrs.type).toBe('result')
})

test('it registers for push without an address, again at each login', async () => {
  using p = play({ toml: TOML })
  const { actor } = await oldLogin(p, 'romeo')
  const field = (name: string, value: string) => `<field var='${name}'><value>${value}</value></field>`
  const token = 'ab'.repeat(32)
  const enable =
    `<enable xmlns='urn:xmpp:push:0' jid='bix.org' node='n'><x xmlns='jabber:x:data' type='submit'>` +
    field('FORM_TYPE', 'http://jabber.org/protocol/pubsub#publish-options') +
    field('token', token) +
    '</x></enable>'
  for (let i = 0; i < 2; i++) expect((await actor.asks('set', enable)).attrs.type).toBe('result')
  const account = p.store.accounts.find('romeo@bix.org')
  expect(p.store.push.devices.of(account?.id ?? 0)).toHaveLength(1)
})

test('a blank every two minutes keeps it connected', async () => {
  using p = play({ toml: TOML })
  const { actor } = await oldLogin(p, 'romeo')
  for (let i = 0; i < 15; i++) {
    p.clock.advance(2 * MINUTE)
    actor.sends(' ')
    await p.router.run(() => undefined)
  }
  expect(actor.transport.closed).toBe(false)
  await actor.hearsNothing()
})

test('its picture and that of a new client are seen by each other', async () => {
  using p = play({ toml: TOML })
  const { actor: romeo } = await oldLogin(p, 'romeo')
  const { actor: juliet } = await oldLogin(p, 'juliet')
  await befriend(romeo, juliet)
  // XMPPvCardAvatarModule: the card first, then presence with the hash.
  await romeo.asks('set', card(`<FN>Romeo</FN>${photo(rose)}`))
  for (let i = 0; i < 3; i++) await juliet.settles()
  const told = juliet.heard.filter(({ name }) => name === 'presence').at(-1)
  const x = told && child(told, 'x', UPDATE)
  expect(x && childText(x, 'photo')).toBe(rose.hash)
  expect(await photoOf(juliet, 'romeo@bix.org')).toBe(rose.base64)
  await shows(juliet, moon)
  expect(await photoOf(romeo, 'juliet@bix.org')).toBe(moon.base64)
})

test('its bookmarks are those of a new client', async () => {
  using p = play({ toml: TOML })
  const { actor: romeo } = await oldLogin(p, 'romeo')
  const node = 'urn:xmpp:bookmarks:1'
  const item = `<item id='play@c.bix.org'><conference xmlns='${node}' name='P' autojoin='true'/></item>`
  await publishes(romeo, node, item)
  const answer = await romeo.asks(
    'get',
    `<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'/></query>`,
  )
  expect(answer.toString()).toContain('<conference jid="play@c.bix.org" name="P" autojoin="true"/>')
})
