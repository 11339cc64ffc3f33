import { beforeEach, describe, expect, test } from 'bun:test'
import type { Account } from '../../src/store/accounts.ts'
import type { Device, Registration } from '../../src/store/devices.ts'
import type { Job } from '../../src/store/push.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { deviceCount } from '../push/outbox.ts'

const host = { flushed() {}, fatal() {} }
const keys = {
  salt: Buffer.alloc(16),
  iterations: 4096,
  storedKey: Buffer.alloc(32),
  serverKey: Buffer.alloc(32),
}
const phone = (token: string, more: Partial<Registration> = {}): Registration => ({
  kind: 'apns',
  topic: 'org.example.chat',
  assumed: 'production',
  address: token,
  ...more,
})

let store: Store
let romeo: Account
let juliet: Account

const trip = <T>(f: () => T): T => {
  const result = store.turn.trip(f)
  store.turn.end()
  return result
}

const account = (name: string): Account => {
  const made = trip(() =>
    store.accounts.create(`${name}@bix.org`, 'bix.org', { 'SHA-1': keys, 'SHA-256': keys }, 0),
  )
  if (!made) throw new Error('not made')
  return made
}

beforeEach(() => {
  store = openStore(':memory:', host)
  romeo = account('romeo')
  juliet = account('juliet')
})

const enable = (who: Account, registration: Registration, now: number, max = 10) =>
  trip(() => store.push.devices.enable(who.id, registration, now, max))

/** To a phone of Juliet's, or to the webhook. */
const pushTo = <D extends Device | undefined>(device: D, messageId = 'm1') => ({
  account: juliet,
  device,
  messageId,
  collapseId: messageId,
  kind: 'body',
  sender: 'romeo@bix.org',
  now: 100,
  expiresAt: 1000,
})

const queue = (device: Device | undefined, messageId?: string) =>
  trip(() => store.push.queue(pushTo(device, messageId)))

const first = (): Job => {
  const job = store.push.waiting(0, 1)[0]
  if (!job) throw new Error('nothing waits')
  return job
}

describe('a registration', () => {
  test('again is a refresh: same row, counters and learned environment stay', () => {
    const made = enable(juliet, phone('aa'), 1)
    trip(() => {
      store.push.devices.learned(made.id, 'sandbox')
      store.push.devices.succeeded(made, 50)
    })
    const again = enable(juliet, phone('aa', { sessionKey: 'phone', node: 'n' }), 2)
    expect(again).toMatchObject({
      id: made.id,
      environment: 'sandbox',
      lastSuccess: 50,
      createdAt: 1,
      refreshedAt: 2,
    })
    expect(again).toMatchObject({ sessionKey: 'phone', node: 'n', environmentPinned: false })
    expect(deviceCount(store)).toBe(1)
  })

  test('with an environment pins it', () => {
    const made = enable(juliet, phone('aa', { environment: 'sandbox' }), 1)
    trip(() => store.push.devices.learned(made.id, 'production'))
    expect(store.push.devices.get(made.id)).toMatchObject({ environment: 'sandbox', environmentPinned: true })
    expect(enable(juliet, phone('aa'), 2)).toMatchObject({ environment: 'sandbox', environmentPinned: true })
  })

  test('moves a token to its newest account and drops what waited for the old one', () => {
    queue(enable(juliet, phone('aa'), 1))
    enable(romeo, phone('aa'), 2)
    expect(store.push.devices.of(juliet.id)).toEqual([])
    expect(store.push.devices.of(romeo.id)).toHaveLength(1)
    expect(store.push.waiting(0, 10)).toEqual([])
  })

  test('beyond the limit takes the place of the one not refreshed for longest', () => {
    for (const [i, token] of ['aa', 'bb', 'cc'].entries()) enable(juliet, phone(token), i, 3)
    enable(juliet, phone('aa'), 10, 3)
    enable(juliet, phone('dd'), 11, 3)
    expect(store.push.devices.of(juliet.id).map((d) => d.address)).toEqual(['cc', 'aa', 'dd'])
  })

  test('is forgotten only if it is not newer than what Apple knows', () => {
    const made = enable(juliet, phone('aa'), 100)
    trip(() => {
      expect(store.push.devices.forget(made.id, 99)).toBe(false)
      expect(store.push.devices.forget(made.id, 100)).toBe(true)
    })
  })
})

describe('the outbox', () => {
  test('hands a row over after the commit, with what its sender needs', () => {
    const handed: Job[] = []
    store.push.queued = (job) => handed.push(job)
    const device = enable(juliet, phone('aa'), 1)
    store.turn.trip(() => store.push.queue(pushTo(device)))
    expect(handed).toEqual([])
    store.turn.end()
    expect(handed).toEqual(store.push.waiting(0, 10))
    expect(handed[0]).toMatchObject({ account: 'juliet@bix.org', device, attempts: 0 })
  })

  test('hands nothing over from a trip that was rolled back', () => {
    const handed: Job[] = []
    store.push.queued = (job) => handed.push(job)
    const device = enable(juliet, phone('aa'), 1)
    expect(() =>
      trip(() => {
        store.push.queue(pushTo(device))
        throw new Error('no')
      }),
    ).toThrow('no')
    store.turn.end()
    expect(handed).toEqual([])
    expect(store.push.waiting(0, 10)).toEqual([])
  })

  test('an answered row becomes a verdict', () => {
    const device = enable(juliet, phone('aa'), 1)
    queue(device)
    const job = first()
    trip(() => store.push.done(job, 'sent', 'body', undefined, 200))
    trip(() => store.push.done(job, 'sent', 'body', undefined, 201))
    expect(store.push.counts()).toEqual({ queued: 0, held: 0, dead: 0 })
    const verdicts = store.push.explain(juliet.id, 10)
    expect(verdicts).toHaveLength(1)
    expect(verdicts[0]).toMatchObject({
      deviceId: device.id,
      messageId: 'm1',
      verdict: 'sent',
      rule: 'body',
      at: 200,
    })
    trip(() => expect(store.push.purgeVerdicts(200, 100)).toBe(0))
    trip(() => expect(store.push.purgeVerdicts(201, 100)).toBe(1))
  })

  test('a dead row is kept, but waits no more', () => {
    queue(undefined)
    trip(() => store.push.bury(first(), 'refused', '404', 200))
    expect(store.push.waiting(0, 10)).toEqual([])
    expect(store.push.counts()).toEqual({ queued: 0, held: 0, dead: 1 })
    trip(() => expect(store.push.purgeDead(101, 10)).toBe(1))
  })

  test('belongs to its account: deleted with it', () => {
    queue(enable(juliet, phone('aa'), 1))
    queue(undefined, 'm2')
    trip(() => store.push.done(first(), 'sent', 'body', undefined, 200))
    trip(() => store.accounts.delete(juliet))
    expect(store.push.counts()).toEqual({ queued: 0, held: 0, dead: 0 })
    expect(deviceCount(store)).toBe(0)
    expect(store.push.explain(juliet.id, 10)).toEqual([])
  })

  test('belongs to its device: what waits for it goes with it, by whatever door', () => {
    const others = enable(juliet, phone('bb'), 1)
    queue(others, 'other')
    const ends: ((device: Device) => unknown)[] = [
      ({ id }) => store.push.devices.forget(id, 2),
      ({ id }) => store.push.devices.delete(id),
      ({ id }) => store.push.devices.delete(id, 'disabled'),
      ({ address: token }) => store.push.devices.enable(romeo.id, phone(token), 2, 10),
      () => store.push.devices.enable(juliet.id, phone('cc'), 2, 1),
    ]
    for (const end of ends) {
      const device = enable(juliet, phone('aa'), 1)
      queue(device)
      trip(() => store.held.hold(pushTo(device), 'burst', 9))
      trip(() => end(device))
      const left = [...store.push.waiting(0, 9).map(({ messageId }) => messageId), store.held.all().length]
      // The last one is another phone that took the place of both.
      expect(left).toEqual(end === ends.at(-1) ? [0] : ['other', 0])
    }
  })
})

test('a provider token is kept per team and key', () => {
  trip(() => store.push.tokens.set('T', 'K', { jwt: 'a', issuedAt: 1 }))
  trip(() => store.push.tokens.set('T', 'K', { jwt: 'b', issuedAt: 2 }))
  expect(store.push.tokens.get('T', 'K')).toEqual({ jwt: 'b', issuedAt: 2 })
  expect(store.push.tokens.get('T', 'L')).toBeUndefined()
})
