/** What waits for an account when one of its apps binds by XEP-0386: the app fetches it from the archive. */
import { expect, test } from 'bun:test'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { type Play, play } from '../support/world.ts'

const SM = 'urn:xmpp:sm:3'
const PLAIN = Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')
const LOGIN =
  `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>${PLAIN}</initial-response>` +
  `<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/>` +
  `<bind xmlns='urn:xmpp:bind:0'><enable xmlns='${SM}' resume='true'/></bind></authenticate>`

/** Juliet's phone, with stream management, available. */
async function phone(p: Play): Promise<Actor> {
  const actor = p.connect()
  await actor.opens()
  actor.sends(LOGIN)
  expect((await actor.next()).name).toBe('success')
  actor.sends('<presence/>')
  await actor.settles()
  return actor
}

const messages = (actor: Actor) => actor.heard.filter(({ name }) => name === 'message').map(String)
const waiting = (p: Play) =>
  p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM offline').get()?.n

test('XEP-0386 §4.2: what the session that it replaces had not acknowledged is not sent again beside the archive', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  const romeo = await p.online('romeo@bix.org/orchard')
  const before = await phone(p)
  for (const hint of ['', `<no-permanent-store xmlns='urn:xmpp:hints'/>`])
    romeo.sends(
      `<message to='juliet@bix.org' type='chat'><body>hist!${hint && ' in secret'}</body>${hint}</message>`,
    )
  await romeo.settles()
  await before.settles()
  expect(messages(before)).toHaveLength(2)
  before.transport.destroy()
  expect(waiting(p)).toBe(2)
  const after = await phone(p)
  // Only the archive's own are fetched from there.
  expect(messages(after)).toHaveLength(1)
  expect(messages(after)[0]).toContain('in secret')
})

test('XEP-0386 §4.2: nor where that is more than lands at once; what comes behind the binding is sent', async () => {
  using p = play({ toml: '[limits]\nstanzas_per_second = 0\nbytes_per_second = 0' })
  await p.account('juliet@bix.org')
  const romeo = await p.online('romeo@bix.org/orchard')
  const before = await phone(p)
  for (let i = 0; i < 450; i++)
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist ${i}!</body></message>`)
  await romeo.settles()
  before.transport.destroy()
  const after = p.connect()
  await after.opens()
  after.sends(LOGIN)
  expect((await after.next()).name).toBe('success')
  romeo.sends(`<message to='juliet@bix.org' type='chat'><body>wherefore?</body></message>`)
  await romeo.settles()
  await after.settles()
  expect(waiting(p)).toBe(1)
  after.sends('<presence/>')
  await after.settles()
  expect(messages(after)).toHaveLength(1)
  expect(messages(after)[0]).toContain('wherefore')
})
