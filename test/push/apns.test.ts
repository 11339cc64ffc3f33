import { afterEach, describe, expect, test } from 'bun:test'
import net, { type Socket } from 'node:net'
import type { ApnsSim } from '../../src/ops/apns-sim.ts'
import { createSelfSigned } from '../../src/self-signed.ts'
import { ApnsSender, type ApnsResult } from '../../src/push/apns/apns.ts'
import { APNS_REASONS } from '../../src/push/apns/reasons.ts'
import { systemClock } from '../../src/store/clock.ts'
import { deviceToken, MemoryTokens, QUICK, request, senderTo, startApple, TOPIC } from '../support/apns.ts'

const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

async function apple(options: Parameters<typeof startApple>[0] = {}): Promise<ApnsSim> {
  const sim = await startApple(options)
  open.push(() => sim.close())
  return sim
}

function sender(sim: { url: string; ca: string }, options: Parameters<typeof senderTo>[1] = {}): ApnsSender {
  const made = senderTo(sim, options)
  open.push(() => made.stop(0))
  return made
}

const burst = (from: ApnsSender, first: number, count: number): Promise<ApnsResult[]> =>
  Promise.all(Array.from({ length: count }, (_, i) => from.send(request(first + i))))

const outcomes = (verdicts: ApnsResult[]): string[] => [
  ...new Set(verdicts.map((v) => `${v.outcome} ${v.reason ?? ''}`)),
]

describe('a push', () => {
  test('arrives with every header that Apple documents', async () => {
    const sim = await apple()
    const verdict = await sender(sim).send(request(7))
    expect(verdict).toMatchObject({ outcome: 'accepted', status: 200, apnsId: request(7).apnsId })
    const got = sim.received[0]
    expect(got).toMatchObject({ token: deviceToken(7), topic: TOPIC, apnsId: request(7).apnsId, status: 200 })
    expect(got?.payload).toEqual({ aps: { alert: { title: 'Romeo', body: 'message 7' }, badge: 7 } })
    expect(got?.headers).toMatchObject({
      'apns-push-type': 'alert',
      'apns-priority': '10',
      'apns-expiration': '2000000000',
      'apns-collapse-id': 'message-7',
    })
    expect(got?.headers.authorization).toStartWith('bearer ')
  })

  test('of type voip gets the suffix of its topic', async () => {
    const sim = await apple()
    expect((await sender(sim).send(request(1, { pushType: 'voip' }))).outcome).toBe('accepted')
    expect(sim.received[0]?.topic).toBe(`${TOPIC}.voip`)
  })

  test('for an app that is not configured is a fault of the configuration', async () => {
    const sim = await apple()
    const verdict = await sender(sim).send(request(1, { topic: 'org.example.other' }))
    expect(verdict).toMatchObject({ outcome: 'config', reason: 'AppNotConfigured', status: 0 })
  })
})

describe('the first request', () => {
  test('goes alone: a cold burst of 4,000 loses nothing and needs one connection', async () => {
    const sim = await apple()
    // The last of them waits for all others, however slow the machine is.
    const patient = sender(sim, { times: { ...QUICK, queueMs: 60_000 } })
    expect(outcomes(await burst(patient, 0, 4_000))).toEqual(['accepted '])
    expect(sim.connections).toBe(1)
    expect(sim.received).toHaveLength(4_000)
  })

  test('is followed by no more streams than the peer allows, also when it lowers the limit', async () => {
    const sim = await apple({ streams: 50 })
    const from = sender(sim)
    expect(outcomes(await burst(from, 0, 300))).toEqual(['accepted '])
    sim.script({ streams: 1 })
    await from.send(request(1000))
    expect(outcomes(await burst(from, 1001, 50))).toEqual(['accepted '])
    expect(sim.connections).toBe(1)
  })
})

describe('each reason', () => {
  for (const [reason, rule] of Object.entries(APNS_REASONS)) {
    if (reason === 'ExpiredProviderToken') continue
    test(`${reason} is ${rule.outcome}`, async () => {
      const sim = await apple()
      const from = sender(sim)
      const status = reason === 'Unregistered' || reason === 'ExpiredToken' ? 410 : 400
      sim.script({ status, reason, timestamp: 1_700_000_000_000 })
      const verdict = await from.send(request(1))
      expect(verdict).toMatchObject({ outcome: rule.outcome, reason, status, timestamp: 1_700_000_000_000 })
      expect((await from.send(request(2))).outcome).toBe('accepted')
      expect(sim.connections).toBe(rule.reconnect ? 2 : 1)
    })
  }

  test('InternalServerError three times in a row makes a new connection', async () => {
    const sim = await apple()
    const from = sender(sim)
    sim.script({ status: 500, reason: 'InternalServerError', times: 3 })
    for (let i = 0; i < 3; i++) await from.send(request(i))
    expect((await from.send(request(4))).outcome).toBe('accepted')
    expect(sim.connections).toBe(2)
  })

  test('of a 502 page from a proxy is retry, never delete', async () => {
    const sim = await apple()
    sim.script({ status: 502, rawBody: '<html>Bad Gateway' }, { status: 410, rawBody: 'gone' })
    const from = sender(sim)
    expect((await from.send(request(1))).outcome).toBe('retry')
    expect((await from.send(request(2))).outcome).toBe('retry')
  })
})

describe('the provider token', () => {
  test('is signed once for a thousand pushes and kept in the store', async () => {
    const sim = await apple({ tokenUpdates: 1 })
    const tokens = new MemoryTokens()
    await burst(sender(sim, { tokens }), 0, 500)
    expect(outcomes(await burst(sender(sim, { tokens }), 500, 500))).toEqual(['accepted '])
    expect(tokens.saved).toHaveLength(1)
  })

  test('that Apple calls expired is replaced once for a whole burst, on a new connection', async () => {
    const sim = await apple()
    const tokens = new MemoryTokens()
    let skew = -30 * 60_000
    const clock = { ...systemClock, now: () => Date.now() + skew }
    const from = sender(sim, { tokens, clock })
    await from.send(request(1))
    skew = 0
    sim.script({ status: 403, reason: 'ExpiredProviderToken', times: 20 })
    expect(outcomes(await burst(from, 10, 20))).toEqual(['accepted '])
    expect(tokens.saved).toHaveLength(2)
    expect(sim.connections).toBe(2)
  })

  test('is never signed twice within 20 minutes, whatever Apple says', async () => {
    const sim = await apple()
    const tokens = new MemoryTokens()
    const from = sender(sim, { tokens })
    sim.script({ status: 403, reason: 'ExpiredProviderToken', times: 3 })
    expect(outcomes(await burst(from, 0, 3))).toEqual(['pause ExpiredProviderToken'])
    expect(tokens.saved).toHaveLength(1)
  })

  test('is renewed before it is 55 minutes old', async () => {
    const sim = await apple()
    const tokens = new MemoryTokens()
    let now = Date.now() - 56 * 60_000
    const from = sender(sim, { tokens, clock: { ...systemClock, now: () => now } })
    await from.send(request(1))
    now = Date.now()
    await from.send(request(2))
    expect(tokens.saved).toHaveLength(2)
  })
})

describe('a fault', () => {
  test('case 70: GOAWAY under load loses nothing and changes no apns-id', async () => {
    const sim = await apple({ streams: 20 })
    const from = sender(sim)
    await from.send(request(0))
    for (let i = 0; i < 5; i++) sim.script({ times: 60 }, { goaway: { reason: 'Shutdown' } })
    const verdicts = await burst(from, 1, 400)
    expect(outcomes(verdicts)).toEqual(['accepted '])
    expect(new Set(sim.received.map((r) => r.apnsId)).size).toBe(401)
    expect(sim.received.filter((r) => r.status === 200)).toHaveLength(401)
    expect(sim.connections).toBeGreaterThan(4)
  })

  test('answer beside a GOAWAY is read: Shutdown, and the next push goes over a new connection', async () => {
    const sim = await apple()
    const from = sender(sim)
    await from.send(request(0))
    sim.script({ status: 503, reason: 'Shutdown', goaway: { reason: 'Shutdown' } })
    expect(await from.send(request(1))).toMatchObject({ outcome: 'retry', reason: 'Shutdown', status: 503 })
    expect((await from.send(request(1))).outcome).toBe('accepted')
    expect(sim.connections).toBe(2)
  })

  test('answer that makes its connection useless leaves alone the one that has taken its place', async () => {
    const sim = await apple()
    const from = sender(sim)
    await from.send(request(0))
    const useless = { status: 503, reason: 'ServiceUnavailable' }
    sim.script(useless, { ...useless, delayMs: 100 })
    const [first, second] = [from.send(request(1)), from.send(request(2))]
    expect((await first).reason).toBe('ServiceUnavailable')
    expect((await from.send(request(3))).outcome).toBe('accepted')
    expect((await second).reason).toBe('ServiceUnavailable')
    expect((await from.send(request(4))).outcome).toBe('accepted')
    expect(sim.connections).toBe(2)
  })

  test('GOAWAY names its reason in the log', async () => {
    const sim = await apple()
    const left = Promise.withResolvers<unknown>()
    const from = sender(sim, {
      log: (event, fields) => void (event === 'connection left' && left.resolve(fields.cause)),
    })
    await from.send(request(0))
    sim.goaway('BadCertificateEnvironment')
    expect(await left.promise).toBe('GOAWAY 0 BadCertificateEnvironment')
  })

  test('peer that accepts and says nothing is given up by the connect deadline', async () => {
    const sim = await apple()
    const hole = await blackHole(Number(new URL(sim.url).port))
    open.push(() => hole.close())
    hole.swallow()
    const causes: unknown[] = []
    const times = { ...QUICK, connectMs: 50, queueMs: 200 }
    const log = (event: string, fields: Record<string, unknown>) =>
      void (event === 'cannot connect' && causes.push(fields.cause))
    const from = sender({ url: `https://127.0.0.1:${hole.port}`, ca: sim.ca }, { times, log })
    expect(await from.send(request(1))).toMatchObject({
      outcome: 'retry',
      reason: 'NoConnection',
      untouched: true,
    })
    expect(String(causes[0])).toContain('connect deadline')
  })

  test('answer that never comes is given up, the connection goes on', async () => {
    const sim = await apple()
    const from = sender(sim, { times: { ...QUICK, answerMs: 100 } })
    await from.send(request(0))
    // The second time as well: one clock is for all of them.
    for (let round = 0; round < 2; round++) {
      sim.script({ stall: true })
      const verdicts = await burst(from, 1, 10)
      expect(outcomes(verdicts).sort()).toEqual(['accepted ', 'retry NoAnswer'])
      expect(verdicts.filter((v) => v.outcome === 'retry')).toHaveLength(1)
      expect((await from.send(request(1))).outcome).toBe('accepted')
    }
    expect(sim.connections).toBe(1)
  })

  test('case 70: reset stream is reported as not answered', async () => {
    const sim = await apple()
    const from = sender(sim)
    sim.script({ reset: 2 })
    expect(await from.send(request(1))).toMatchObject({
      outcome: 'retry',
      reason: 'NoAnswer',
      untouched: false,
    })
    expect((await from.send(request(1))).outcome).toBe('accepted')
  })

  test('cut connection fails what was on it; the next push opens another', async () => {
    const sim = await apple()
    const from = sender(sim)
    await from.send(request(0))
    sim.script({ cut: true })
    expect((await from.send(request(1))).outcome).toBe('retry')
    expect((await from.send(request(2))).outcome).toBe('accepted')
    expect(sim.connections).toBe(2)
  })

  test('peer that is away is waited for, and found again', async () => {
    const tls = createSelfSigned(['127.0.0.1'], Date.now())
    const first = await startApple({ tls })
    const { url } = first
    await first.close()
    const away = { url, ca: tls.cert }
    const hasty = sender(away, { times: { ...QUICK, queueMs: 60 } })
    expect(await hasty.send(request(1))).toMatchObject({
      outcome: 'retry',
      reason: 'NoConnection',
      untouched: true,
    })
    const failed = Promise.withResolvers<void>()
    const patient = sender(away, { log: (event) => void (event === 'cannot connect' && failed.resolve()) })
    const sent = patient.send(request(2))
    await failed.promise
    await apple({ tls, port: Number(new URL(url).port) })
    expect((await sent).outcome).toBe('accepted')
  })

  test('peer that nobody vouches for is refused', async () => {
    const sim = await apple()
    const { cert: ca } = createSelfSigned(['127.0.0.1'], Date.now())
    const from = sender({ url: sim.url, ca }, { times: { ...QUICK, queueMs: 100 } })
    expect(await from.send(request(1))).toMatchObject({ outcome: 'retry', reason: 'NoConnection' })
    expect(sim.received).toEqual([])
  })

  test('case 70: peer that falls silent is noticed by PING, and pushes go on over a new connection', async () => {
    const sim = await apple()
    const hole = await blackHole(Number(new URL(sim.url).port))
    open.push(() => hole.close())
    const times = { ...QUICK, answerMs: 5_000, lateMs: 50, idleMs: 50, pingMs: 100 }
    const from = sender({ url: `https://127.0.0.1:${hole.port}`, ca: sim.ca }, { times })
    await from.send(request(0))
    hole.swallow()
    const lost = await from.send(request(1))
    expect(lost).toMatchObject({ outcome: 'retry', reason: 'NoAnswer' })
    hole.heal()
    expect((await from.send(request(1))).outcome).toBe('accepted')
  })

  test('idle connection that has died is noticed by PING before the next push meets it', async () => {
    const sim = await apple()
    const hole = await blackHole(Number(new URL(sim.url).port))
    open.push(() => hole.close())
    const left = Promise.withResolvers<unknown>()
    const times = { ...QUICK, idleMs: 50, lateMs: 10_000, pingMs: 50 }
    const log = (event: string, fields: Record<string, unknown>) =>
      void (event === 'connection left' && left.resolve(fields.cause))
    const from = sender({ url: `https://127.0.0.1:${hole.port}`, ca: sim.ca }, { times, log })
    await from.send(request(0))
    hole.swallow()
    expect(String(await left.promise)).toContain('PING')
    hole.heal()
    expect((await from.send(request(1))).outcome).toBe('accepted')
  })

  test('peer that refuses every connection is asked by one attempt at a time, later and later', async () => {
    let [now, most, attempts] = [0, 0, 0]
    const server = net.createServer((socket) => {
      attempts++
      most = Math.max(most, ++now)
      socket.on('error', () => undefined)
      socket.on('close', () => now--)
      setImmediate(() => socket.destroy())
    })
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', () => resolve())
    })
    open.push(() => server.close())
    const address = server.address()
    const port = typeof address === 'object' && address ? address.port : 0
    const waits: number[] = []
    const enough = Promise.withResolvers<void>()
    const log = (event: string, fields: Record<string, unknown>) => {
      if (event !== 'cannot connect') return
      waits.push(Number(fields.retry_ms))
      if (waits.length === 6) enough.resolve()
    }
    const { cert: ca } = createSelfSigned(['127.0.0.1'], Date.now())
    const from = sender({ url: `https://127.0.0.1:${port}`, ca }, { times: QUICK, log })
    const sent = burst(from, 0, 50)
    await enough.promise
    // 20, 40, 80, 100 … ms, of which a random half.
    const whole = [20, 40, 80, 100, 100, 100]
    whole.forEach((ms, i) => {
      expect(waits[i]).toBeGreaterThanOrEqual(ms / 2 - 1)
      expect(waits[i]).toBeLessThanOrEqual(ms + 1)
    })
    expect(most).toBe(1)
    expect(attempts).toBeLessThanOrEqual(7)
    await from.stop(0)
    expect(outcomes(await sent)).toEqual(['retry NoConnection'])
  })

  test('connection whose stream ids run out is replaced, and nothing is lost', async () => {
    const sim = await apple()
    const from = sender(sim, { times: { ...QUICK, lastStreamId: 21 } })
    for (let i = 0; i < 40; i++) expect((await from.send(request(i))).outcome).toBe('accepted')
    expect(outcomes(await burst(from, 40, 40))).toEqual(['accepted '])
    expect(sim.connections).toBeGreaterThanOrEqual(4)
    expect(new Set(sim.received.map((r) => r.apnsId)).size).toBe(80)
    expect(sim.received).toHaveLength(80)
  })

  test('stop lets what is on the wire finish and hands back the rest untouched', async () => {
    const sim = await apple()
    const from = sender(sim)
    await from.send(request(0))
    sim.script({ delayMs: 50, times: 10 })
    const sent = burst(from, 1, 10)
    await sim.when(() => sim.connections === 1)
    await Promise.resolve()
    const [verdicts] = await Promise.all([sent, from.stop(2_000)])
    expect(outcomes(verdicts)).toEqual(['accepted '])
    expect(await from.send(request(99))).toMatchObject({ outcome: 'retry', untouched: true })
  })
})

/** A TCP relay that can stop carrying bytes without closing anything: what a NAT that forgot us looks like. */
async function blackHole(
  target: number,
): Promise<{ port: number; swallow(): void; heal(): void; close(): void }> {
  let deaf = false
  const sockets = new Set<Socket>()
  const server = net.createServer((near) => {
    const far = net.connect(target, '127.0.0.1')
    const lost = deaf
    const carry = (from: Socket, to: Socket): void => {
      sockets.add(from)
      from.on('data', (data) => {
        if (!deaf && !lost) to.write(data)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
    carry(near, far)
    carry(far, near)
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    swallow: () => void (deaf = true),
    heal: () => void (deaf = false),
    close: () => {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}
