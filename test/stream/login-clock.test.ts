/** From connect to bound there is little time; more, once, where a person fills in a form meanwhile. */
import { describe, expect, test } from 'bun:test'
import { makeInvite } from '../../src/accounts/invites.ts'
import type { Actor } from '../support/actor.ts'
import { bosh, BoshActor } from '../support/bosh.ts'
import { type Play, play } from '../support/world.ts'

const OPEN = '[registration]\nin_band = true\nip_access = ["192.0.2.0/24"]\n'
const GET = `<query xmlns='jabber:iq:register'/>`
const register = (name: string) =>
  `<query xmlns='jabber:iq:register'><username>${name}</username><password>swear not by the moon</password></query>`
const SECOND = 1_000
const MINUTE = 60_000

async function guest(p: Play, ip = '192.0.2.1'): Promise<Actor> {
  const actor = p.connect({ ip })
  await actor.opens()
  p.clock.advance(29 * SECOND)
  return actor
}

async function token(p: Play): Promise<string> {
  const { uri } = await p.router.run((t) =>
    makeInvite(t, { host: 'bix.org', register: true, contact: false }),
  )
  return /preauth=(\w+)/.exec(uri)?.[1] ?? ''
}

/** Still there this long from now, and gone a moment later. */
async function expectEndAfter(p: Play, actor: Actor, ms: number): Promise<void> {
  p.clock.advance(ms - 1)
  await p.router.run(() => undefined)
  expect(actor.transport.closed).toBe(false)
  p.clock.advance(1)
  await actor.cutOffAmong('connection-timeout')
  expect(await p.openStreams()).toBe(0)
}

describe('limits.registration_form_timeout: the login has this long from', () => {
  test('the registration form', async () => {
    using p = play({ toml: OPEN })
    const actor = await guest(p)
    expect((await actor.asks('get', GET)).attrs.type).toBe('result')
    await expectEndAfter(p, actor, 5 * MINUTE)
  })

  test('a registration whose name is taken', async () => {
    using p = play({ toml: OPEN })
    await p.account('juliet@bix.org')
    const actor = await guest(p)
    await actor.isRefused('conflict', 'set', register('juliet'))
    await expectEndAfter(p, actor, 5 * MINUTE)
  })

  test('the invitation that was shown, whatever is asked for after it', async () => {
    using p = play()
    const invitation = await token(p)
    const actor = await guest(p)
    await actor.asks('set', `<preauth xmlns='urn:xmpp:pars:0' token='${invitation}'/>`)
    p.clock.advance(MINUTE)
    expect((await actor.asks('get', GET)).attrs.type).toBe('result')
    await expectEndAfter(p, actor, 4 * MINUTE)
  })

  test('the form, and a second form gives no more', async () => {
    using p = play({ toml: `${OPEN}[limits]\nrates = false\nregistration_form_timeout = "2m"` })
    const actor = await guest(p)
    for (let i = 0; i < 3; i++) await actor.asks('get', GET)
    p.clock.advance(MINUTE)
    await actor.asks('get', GET)
    await expectEndAfter(p, actor, MINUTE)
  })

  test('a form over BOSH', async () => {
    using p = play({ toml: OPEN })
    const actor = new BoshActor(bosh(p))
    await actor.opens()
    const form = await actor.asks(p, `<iq xmlns='jabber:client' type='get' id='f'>${GET}</iq>`)
    expect(form.toString()).toContain('<username/>')
    for (let i = 0; i < 5; i++) {
      expect(await p.openStreams()).toBe(1)
      const { answer } = actor.sends()
      p.clock.advance(55 * SECOND)
      await answer
    }
    const { answer } = actor.sends()
    p.clock.advance(55 * SECOND)
    expect((await answer).toString()).toContain('connection-timeout')
    expect(await p.openStreams()).toBe(0)
  })
})

test('who fills in the form slowly gets an account and logs in on the same stream', async () => {
  using p = play({ toml: OPEN })
  const actor = await guest(p)
  await actor.asks('get', GET)
  p.clock.advance(4 * MINUTE)
  expect((await actor.asks('set', register('juliet'))).attrs.type).toBe('result')
  await actor.authenticates('juliet', 'swear not by the moon')
  await actor.opens()
  await actor.asks('set', `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>`)
  p.clock.advance(2 * MINUTE)
  await actor.settles()
})

describe('it does not hold', () => {
  test.each([
    ['where nobody may register', '', GET],
    ['for an address that may not register', OPEN.replace('192.0.2', '198.51.100'), GET],
    [
      'for an invitation that does not exist',
      OPEN,
      `<preauth xmlns='urn:xmpp:pars:0' token='${'ab'.repeat(16)}'/>`,
    ],
    ['for another request', OPEN, `<query xmlns='jabber:iq:auth'/>`],
  ])('%s', async (_where, toml, payload) => {
    using p = play({ toml })
    const actor = await guest(p)
    const type = payload.includes('token') ? 'set' : 'get'
    expect((await actor.asks(type, payload)).attrs.type).toBe('error')
    await expectEndAfter(p, actor, SECOND)
  })

  test.each([
    ['10s', 11 * SECOND],
    ['0s', 24 * 60 * MINUTE],
  ])('for less than the login has anyway, and ends nobody where it is off: %s', async (limit, left) => {
    const limits = `[limits]\nrates = false\npreauth_timeout = "40s"\nregistration_form_timeout = "${limit}"`
    using p = play({ toml: OPEN + limits })
    const actor = await guest(p)
    await actor.asks('get', GET)
    p.clock.advance(left - 1)
    await actor.settles()
    p.clock.advance(1)
    if (limit === '0s') await actor.settles()
    else await actor.cutOffAmong('connection-timeout')
  })
})

test('a connection with a form keeps its place among those of its address', async () => {
  using p = play({ toml: `${OPEN}[limits]\nrates = true\nconnections_per_ip = 2\n` })
  const actors = [p.connect(), p.connect()]
  for (const actor of actors) {
    await actor.opens()
    await actor.asks('get', GET)
  }
  p.clock.advance(4 * MINUTE)
  await p.router.run(() => undefined)
  expect(p.connect().transport.closed).toBe(true)
  p.clock.advance(MINUTE)
  for (const actor of actors) await actor.cutOffAmong('connection-timeout')
  expect(p.connect().transport.closed).toBe(false)
})
