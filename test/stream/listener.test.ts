import { describe, expect, test } from 'bun:test'
import { sessions } from '../../src/metrics/metrics.ts'
import type { Actor } from '../support/actor.ts'
import { bosh, BoshActor } from '../support/bosh.ts'
import { type Play, play } from '../support/world.ts'

const RATES = '[limits]\nrates = true\n'
const MINUTE = 60_000

describe('case 25, limits.connections_per_ip', () => {
  const toml = `${RATES}connections_per_ip = 2\n`
  const refused = ({ transport }: Actor) => transport.closed

  test('one more from the same address is refused, until one has gone', () => {
    using p = play({ toml })
    const first = p.connect()
    const second = p.connect()
    expect([first, second, p.connect()].map(refused)).toEqual([false, false, true])
    expect(refused(p.connect({ ip: '192.0.2.2' }))).toBe(false)
    first.transport.destroy()
    expect([p.connect(), p.connect()].map(refused)).toEqual([false, true])
  })

  test('IPv6 counts by /64, a mapped IPv4 address as itself', () => {
    using p = play({ toml })
    const ips = ['2001:db8::1', '2001:db8::2', '2001:db8:0:0:ffff::3', '2001:db8:0:1::1']
    expect(ips.map((ip) => refused(p.connect({ ip })))).toEqual([false, false, true, false])
    const mapped = ['::ffff:192.0.2.9', '192.0.2.9', '::FFFF:192.0.2.9']
    expect(mapped.map((ip) => refused(p.connect({ ip })))).toEqual([false, false, true])
  })

  test('limits.rates = false takes it away', () => {
    using p = play()
    expect(Array.from({ length: 60 }, () => refused(p.connect())).includes(true)).toBe(false)
  })
})

describe('limits.idle_ping and limits.idle_timeout', () => {
  test('who is silent is asked, who answers stays, who does not is gone', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const silent = await p.online('juliet@bix.org/balcony')
    for (let minute = 0; minute < 9; minute++) {
      p.clock.advance(MINUTE)
      if (minute % 3 === 0) await romeo.settles()
    }
    expect(romeo.heard).toEqual([])
    await silent.receives(
      `<iq type='get' id='{any}' from='bix.org' to='${silent.jid}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    )
    p.clock.advance(MINUTE + 15_000)
    await silent.cutOffAmong('connection-timeout')
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
    await romeo.settles()
    expect(p.world.sessions.countOf('romeo@bix.org')).toBe(1)
  })

  test('any byte is a sign of life, an answer to the ping too', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.pongs = true
    const spacer = await p.online('juliet@bix.org/balcony')
    for (let minute = 0; minute < 30; minute++) {
      p.clock.advance(MINUTE)
      spacer.sends(' ')
      await p.router.run(() => undefined)
      await Promise.resolve()
    }
    expect([romeo.transport.closed, spacer.transport.closed]).toEqual([false, false])
    expect(spacer.heard).toEqual([])
  })

  test.each([
    ['50s', 45_000],
    ['15s', 15_000],
    ['2m', 120_000],
  ])('limits.websocket_ping = %s: something is written every %d ms, also before login', (limit, every) => {
    using p = play({ toml: `[limits]\nrates = false\npreauth_timeout = "0s"\nwebsocket_ping = "${limit}"\n` })
    const { transport } = p.connect()
    for (let time = 15_000; time <= 4 * every; time += 15_000) {
      p.clock.advance(15_000)
      expect(transport.keptAlive).toBe(Math.floor(time / every))
    }
  })

  test('it asks once per interval, not at every look', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    for (let i = 0; i < 4 * 7; i++) p.clock.advance(15_000)
    await p.router.run(() => undefined)
    expect(romeo.heard).toHaveLength(1)
  })
})

/** What an orderly stop does first; lets time pass until it is done, and tells how much that took. */
async function lastAcks(p: Play, meanwhile?: () => Promise<void>, looks = 100): Promise<number> {
  const start = p.clock.monotonic()
  let done = false
  const acks = p.streams.lastAcks().then(() => (done = true))
  await meanwhile?.()
  for (let i = 0; i < looks && !done; i++) {
    await p.router.run(() => undefined)
    if (!done) p.clock.advance(20)
  }
  await acks
  return p.clock.monotonic() - start
}

describe('before an orderly stop', () => {
  const hist = `<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`
  const pair = async (p: Play) => ({
    romeo: await p.online('romeo@bix.org/orchard'),
    juliet: await p.online('juliet@bix.org/balcony'),
  })
  /** What is written to juliet waits in offline storage after the stop. */
  const waiting = (p: Play): number => {
    p.stop()
    return p.store.messages.totalOffline()
  }

  test('XEP-0198 §4: an ack under way is waited for, so that nothing comes twice to a client that cannot resume', async () => {
    using p = play()
    const { romeo, juliet } = await pair(p)
    juliet.sends(`<enable xmlns='urn:xmpp:sm:3'/>`)
    await juliet.receives(`<enabled xmlns='urn:xmpp:sm:3'/>`)
    romeo.sends(hist)
    await romeo.settles()
    const took = await lastAcks(p, async () => {
      expect((await juliet.next()).name).toBe('message')
      await juliet.receives(`<r xmlns='urn:xmpp:sm:3'/>`)
      // A new stream would be cut off at once.
      expect(p.connect().transport.closed).toBe(true)
      p.clock.after(500, () => juliet.sends(`<a xmlns='urn:xmpp:sm:3' h='1'/>`))
    })
    expect(took).toBeGreaterThanOrEqual(500)
    expect(took).toBeLessThan(600)
    expect(juliet.heard).toEqual([])
    expect(waiting(p)).toBe(0)
  })

  test('a client without stream management is asked by a ping', async () => {
    using p = play()
    const { romeo, juliet } = await pair(p)
    juliet.pongs = true
    romeo.sends(hist)
    await romeo.settles()
    expect(await lastAcks(p)).toBeLessThan(100)
    expect(juliet.heard.map(({ name }) => name)).toEqual(['message'])
    expect(waiting(p)).toBe(0)
  })

  test('who does not answer is waited for no longer than a second, and its message waits', async () => {
    using p = play()
    const { romeo } = await pair(p)
    romeo.sends(hist)
    await romeo.settles()
    expect(await lastAcks(p)).toBe(1_000)
    expect(waiting(p)).toBe(1)
  })

  test('sm.stop_wait: nor longer than the configuration says', async () => {
    for (const [wait, took] of [
      ['3s', 3_000],
      ['0s', 0],
    ] as const) {
      using p = play({ toml: `[sm]\nstop_wait = "${wait}"` })
      const { romeo } = await pair(p)
      romeo.sends(hist)
      await romeo.settles()
      expect(await lastAcks(p, undefined, 200)).toBe(took)
      expect(waiting(p)).toBe(1)
    }
  })

  test('who was asked long ago and has not answered is not waited for', async () => {
    using p = play()
    const { romeo } = await pair(p)
    romeo.sends(hist)
    await romeo.settles()
    p.clock.advance(10_000)
    await p.router.run(() => undefined)
    expect(await lastAcks(p)).toBe(0)
    expect(waiting(p)).toBe(1)
  })

  test('nobody is waited for who has nothing, or can resume', async () => {
    using p = play()
    const { romeo, juliet } = await pair(p)
    juliet.sends(`<enable xmlns='urn:xmpp:sm:3' resume='true'/>`)
    await juliet.next()
    romeo.sends(hist)
    await romeo.settles()
    expect([...p.world.sessions.of('juliet@bix.org')][0]?.delivery.inFlight.size).toBe(1)
    juliet.forget()
    expect(await lastAcks(p)).toBe(0)
    await juliet.hearsNothing()
  })
})

describe('RFC 6120 §4.9.3.19: the server stops', () => {
  test('every stream is told, in whatever state, and no new one is taken', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await p.online('romeo@bix.org/orchard')
    const guest = p.connect()
    await guest.opens()
    const fresh = p.connect()
    p.streams.stop()
    for (const actor of [guest, fresh]) await actor.isCutOff('system-shutdown')
    for (const actor of [romeo, juliet]) await actor.cutOffAmong('system-shutdown')
    expect(fresh.header.from).toBe('bix.org')
    expect(p.connect().transport.closed).toBe(true)
    expect([await p.openStreams(), p.world.sessions.count]).toEqual([0, 0])
  })

  test('what was said before is said first', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<iq type='get' id='last'><ping xmlns='urn:xmpp:ping'/></iq>`)
    p.streams.stop()
    await romeo.cutOffAmong('system-shutdown')
    expect(romeo.heard.map((el) => el.attrs.id ?? el.name)).toEqual(['last', 'error'])
  })

  test('a store that no longer knows what it promised drops them without a word', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    p.streams.abort()
    expect(romeo.transport.closed).toBe(true)
    expect(romeo.heard).toEqual([])
    expect(romeo.ended).toBe(false)
  })
})

test('open streams are counted by what carries them', async () => {
  using p = play()
  const count = async (kind: string): Promise<number | undefined> =>
    (await sessions.get()).values.find(({ labels }) => labels.transport === kind && labels.state === 'open')
      ?.value
  const first = p.connect()
  p.connect()
  await new BoshActor(bosh(p)).opens()
  expect([await count('memory'), await count('bosh')]).toEqual([2, 1])
  first.transport.destroy()
  expect([await count('memory'), await count('bosh')]).toEqual([1, 1])
})
