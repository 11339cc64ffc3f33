/** A phone that Apple calls too busy. */
import { describe, expect, test } from 'bun:test'
import { systemClock } from '../../src/store/clock.ts'
import type { Device } from '../../src/store/devices.ts'
import {
  apns,
  device,
  dispatcher,
  juliet,
  queue,
  run,
  sim,
  store,
  until,
  explained,
  outbox,
} from './outbox.ts'

outbox()

describe('429 TooManyRequests', () => {
  test('delays that device alone', async () => {
    const clock = {
      ...systemClock,
      after: (ms: number, fn: () => void) => systemClock.after(ms > 25_000 ? 100 : ms, fn),
    }
    dispatcher({ apns: apns(), clock: { ...clock } })
    const [busy, other] = [await device(1), await device(2)]
    sim.script({ token: busy.address, status: 429, reason: 'TooManyRequests' })
    await queue(busy, 'm1')
    await until(() => store.push.waiting(0, 1)[0]?.attempts === 1)
    await queue(busy, 'm2')
    await queue(other, 'm3')
    await until(() => sim.received.length === 2)
    expect(sim.received.map((r) => r.collapseId)).toEqual(['m1', 'm3'])
    expect(await explained(2)).toContainEqual('m3 sent')
    expect(store.push.counts().queued).toBe(1)
  })
})

describe('429 TooManyRequests: what waits for that phone', () => {
  /** Long waits end when the test says so. */
  function patience() {
    let later = 0
    let waits: (() => void)[] = []
    const clock = {
      ...systemClock,
      now: () => Date.now() + later,
      after(ms: number, fn: () => void) {
        if (ms < 20_000) return systemClock.after(ms, fn)
        waits.push(fn)
        return () => void (waits = waits.filter((other) => other !== fn))
      },
    }
    const pass = (): void => {
      later += 60_000
      for (const fn of waits.splice(0)) fn()
    }
    return { clock, pass }
  }

  const from = (sender: string, to: Device, messageId: string, kind = 'body') =>
    run(() => {
      const now = Date.now()
      const what = { account: juliet, device: to, messageId, collapseId: messageId, kind, sender, now }
      store.push.queue({ ...what, badge: Number(messageId.slice(1)), expiresAt: now + 3_600_000 })
    })

  const attempts = (messageId: string) =>
    store.push.waiting(0, 10).find((row) => row.messageId === messageId)?.attempts

  test('is one ring per chat, the last, under the chat’s id; the others say into which they went', async () => {
    const { clock, pass } = patience()
    dispatcher({ apns: apns(), clock })
    const phone = await device(1)
    sim.script({ token: phone.address, status: 429, reason: 'TooManyRequests' })
    await from('romeo@bix.org', phone, 'm1')
    await until(() => store.push.waiting(0, 1)[0]?.attempts === 1)
    for (const id of ['m2', 'm3']) await from('romeo@bix.org', phone, id)
    await from('nurse@bix.org', phone, 'm4')
    expect(await explained(2)).toEqual(['m1 coalesced: into m2', 'm2 coalesced: into m3'])
    // On disk as well: a crash does not bring the others back.
    const rows = store.push.waiting(0, 10)
    expect(rows.map(({ messageId }) => messageId)).toEqual(['m3', 'm4'])
    expect(rows[0]?.collapseId).toMatch(/^chat-/)
    expect(rows[1]?.collapseId).toBe('m4')
    pass()
    await explained(4)
    const rung = sim.received.filter(({ status }) => status === 200)
    expect(rung.map((r) => r.collapseId)).toEqual([rows[0]?.collapseId ?? '', 'm4'])
    expect(rung.map((r) => r.headers['apns-priority'])).toEqual(['10', '10'])
  })

  test('is not merged into one that is taken back', async () => {
    const { clock, pass } = patience()
    dispatcher({ apns: apns(), clock })
    const phone = await device(1)
    await from('romeo@bix.org', phone, 'm1')
    await explained(1)
    const busy = { token: phone.address, status: 429, reason: 'TooManyRequests' }
    sim.script({ ...busy, delayMs: 50 }, busy)
    for (const id of ['m2', 'm3']) await from('romeo@bix.org', phone, id)
    await until(() => attempts('m3') === 1)
    await run(() => store.held.waitingAbout(juliet.id, 'm3').map((row) => store.held.drop(row)))
    expect(attempts('m2')).toBe(0)
    await until(() => attempts('m2') === 1)
    pass()
    expect(await explained(2)).toEqual(['m1 sent', 'm2 sent'])
  })

  test('is not merged across kinds: a number, an update and a call keep their own', async () => {
    const { clock, pass } = patience()
    dispatcher({ apns: apns(), clock })
    const phone = await device(1)
    sim.script({ token: phone.address, status: 429, reason: 'TooManyRequests' })
    await from('romeo@bix.org', phone, 'm1')
    await until(() => store.push.waiting(0, 1)[0]?.attempts === 1)
    await from('romeo@bix.org', phone, 'm2', 'reaction')
    await from('juliet@bix.org', phone, 'm3', 'badge')
    await from('juliet@bix.org', phone, 'm4', 'badge')
    const call = { sid: 'c1', from: 'romeo@bix.org/orchard', media: ['audio'] }
    for (const id of ['m5', 'm6'])
      await run(() => {
        const now = Date.now() + 120_000
        const what = {
          account: juliet,
          device: phone,
          messageId: id,
          collapseId: id,
          kind: 'call',
          call,
          now,
        }
        store.push.queue({ ...what, sender: 'romeo@bix.org', expiresAt: now + 3_600_000 })
      })
    expect(await explained(1)).toEqual(['m3 coalesced: into m4'])
    pass()
    await explained(6)
    const rung = sim.received.filter(({ status }) => status === 200)
    expect(rung).toHaveLength(5)
  })
})
