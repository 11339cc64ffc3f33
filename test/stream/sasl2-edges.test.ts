/** Corners of XEP-0388 and of what is asked for along with it. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { child, childText, elements } from '../../src/xmpp/xml.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { type Play, play } from '../support/world.ts'

const SASL2 = 'urn:xmpp:sasl:2'
const SM = 'urn:xmpp:sm:3'
const plain = (password = PASSWORD) => Buffer.from(`\0juliet\0${password}`).toString('base64')
const authenticate = (more = '', initial = plain()) =>
  `<authenticate xmlns='${SASL2}' mechanism='PLAIN'><initial-response>${initial}</initial-response>${more}</authenticate>`
/** A binding that wants stream management twice. */
const TWICE = `<bind xmlns='urn:xmpp:bind:0'>${`<enable xmlns='${SM}' resume='true'/>`.repeat(2)}</bind>`

async function opened(p: Play): Promise<Actor> {
  const actor = p.connect()
  await actor.opens()
  return actor
}

test('XEP-0388 §2.6.2: what a failure says in words is of its own namespace', async () => {
  const limits = 'auth_failures = 0\nauth_failures_per_ip = 1\nauth_tries = 0\n'
  using p = play({ toml: `[limits]\nrates = true\n${limits}` })
  await p.account('juliet@bix.org')
  const actor = await opened(p)
  actor.sends(authenticate('', plain('wrong')))
  await actor.cutOffAmong('policy-violation')
  const banned = await opened(p)
  banned.sends(authenticate())
  const failure = await banned.next()
  expect(child(failure, 'temporary-auth-failure', 'urn:ietf:params:xml:ns:xmpp-sasl')).toBeDefined()
  expect(childText(failure, 'text')).toBe('Too many failed logins.')
})

test('XEP-0388 §2.2: an app that binds as of old is known by its id as well', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  const juliet = await opened(p)
  const id = 'd4565fa7-4d72-4749-b3d3-740edbf87770'
  juliet.sends(authenticate(`<user-agent id='${id}'><software>Verona</software></user-agent>`))
  expect((await juliet.next()).name).toBe('success')
  expect((await juliet.next()).name).toBe('features')
  await juliet.asks(
    'set',
    `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind>`,
  )
  await juliet.settles()
  const agents = [...p.world.sessions.of('juliet@bix.org')].map(({ agent }) => agent)
  expect(agents).toEqual([{ id, software: 'Verona', device: undefined }])
})

test('XEP-0198 §3, §9.1: asked for twice in one binding, stream management is enabled once', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-twice-'))
  const file = join(dir, 'belfry.db')
  try {
    const before = play({ file })
    await before.account('juliet@bix.org')
    const juliet = await opened(before)
    juliet.sends(authenticate(TWICE))
    const success = await juliet.next()
    const bound = child(success, 'bound', 'urn:xmpp:bind:0')
    const answers = bound ? elements(bound).filter(({ attrs }) => attrs.xmlns === SM) : []
    expect(answers.map(({ name }) => name)).toEqual(['enabled', 'failed'])
    expect(
      answers[1] && child(answers[1], 'unexpected-request', 'urn:ietf:params:xml:ns:xmpp-stanzas'),
    ).toBeDefined()
    juliet.transport.destroy()
    before.stop()
    const saved = before.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM sm_sessions').get()
    before[Symbol.dispose]()
    expect(saved?.n).toBe(1)
  } finally {
    rmSync(dir, { recursive: true })
  }
})
