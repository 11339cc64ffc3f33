/** What becomes of a row that changes, or is taken back, after it was written. */
import { describe, expect, test } from 'bun:test'
import type { Provider } from '../../src/push/outbox/provider.ts'
import { systemClock } from '../../src/store/clock.ts'
import { deviceToken } from '../support/apns.ts'
import {
  apns,
  device,
  dispatcher,
  gated,
  juliet,
  queue,
  rests,
  run,
  sim,
  store,
  until,
  explained,
  outbox,
  resting,
} from './outbox.ts'

outbox()

test('case 72: a device that is removed while its push waits is not rung', async () => {
  let later = 0
  const clock = { ...systemClock, now: () => Date.now() + later }
  const sending = dispatcher({ apns: apns(), clock })
  sim.script({ status: 403, reason: 'Forbidden', times: 1 })
  const phone = await device(1)
  await queue(phone, 'm1')
  await until(() => resting(sending).length > 0)
  await run(() => store.push.devices.delete(phone.id))
  later = 60_000
  sending.resume()
  await queue(await device(2), 'm2')
  expect(await explained(2)).toEqual(['m1 dropped: DeviceGone', 'm2 sent'])
  expect(sim.received.filter((r) => r.status === 200).map(({ token }) => token)).toEqual([deviceToken(2)])
})

describe('a row that is taken back', () => {
  /** Deletes it as the store does, unless it is too late. */
  const takeBack = (messageId: string) =>
    run(() => store.held.waitingAbout(juliet.id, messageId).map((row) => store.held.drop(row)))

  test('is not sent when its lane goes on, and leaves no word on the device', async () => {
    const { sending, phone } = await rests()
    for (const id of ['m2', 'm3']) await queue(phone, id)
    expect(await takeBack('m2')).toEqual([true])
    sending.resume()
    await explained(2)
    await until(() => sending.size === 0)
    expect(sim.received.filter(({ status }) => status === 200).map((r) => r.collapseId)).toEqual(['m1', 'm3'])
    expect(store.push.devices.get(phone.id)?.lastReason).toBeNull()
  })

  test('stays where it is on the wire already', async () => {
    dispatcher({ apns: apns() })
    sim.script({ delayMs: 50 })
    await queue(await device(1), 'm1')
    await sim.until(1)
    expect(await takeBack('m1')).toEqual([false])
    expect(await explained(1)).toEqual(['m1 sent'])
  })

  test('is not sent either where the page of the table that is on its way still shows it', async () => {
    const phone = await device(1)
    for (const id of ['m1', 'm2']) await queue(phone, id)
    const { late, gate } = gated()
    const sending = dispatcher({ apns: apns(), run: late })
    // The page is read at once, before anything else.
    await run(() => undefined)
    expect(await takeBack('m1')).toEqual([true])
    gate.resolve()
    await explained(1)
    await until(() => sending.size === 0)
    expect(sim.received.map((r) => r.collapseId)).toEqual(['m2'])
  })

  test('is one whose device was removed a moment ago, but not where that trip has failed', async () => {
    const { sending, phone } = await rests()
    const { address: token } = phone
    await queue(await device(2), 'm2')
    const failed = run(() => {
      for (const each of store.push.devices.of(juliet.id)) store.push.devices.delete(each.id)
      throw new Error('thought better of it')
    })
    expect(await failed.catch(String)).toContain('better')
    await run(() => {
      const phone = store.push.devices.of(juliet.id).find(({ address }) => address === token)
      if (phone) store.push.devices.delete(phone.id, 'disabled')
    })
    sending.resume()
    await explained(2)
    await until(() => sending.size === 0)
    expect(sim.received.filter(({ status }) => status === 200).map((r) => r.collapseId)).toEqual(['m2'])
  })

  test('is sent all the same when the trip that took it back has failed', async () => {
    const { sending } = await rests()
    const failed = run(() => {
      for (const row of store.held.waitingAbout(juliet.id, 'm1')) store.held.drop(row)
      throw new Error('thought better of it')
    })
    expect(await failed.catch(String)).toContain('better')
    sending.resume()
    expect(await explained(1)).toEqual(['m1 sent'])
  })
})

describe('a row whose words change', () => {
  const reword = (messageId: string, body: string) =>
    run(() => {
      for (const row of store.held.waitingAbout(juliet.id, messageId))
        store.held.reword(row, { kind: 'body', body })
    })
  const bodies = () =>
    sim.received
      .filter(({ status }) => status === 200)
      .map(({ payload }) => (payload as { aps: { alert: { body: string } } }).aps.alert.body)

  test('is sent with the new ones when its lane goes on, in its place and under its ids', async () => {
    const { sending, phone } = await rests()
    for (const id of ['m2', 'm3']) await queue(phone, id)
    const before = store.push.waiting(0, 10).map(({ pushId }) => pushId)
    await reword('m2', 'in other words')
    sending.resume()
    await explained(3)
    expect(bodies()).toEqual(['message m1', 'in other words', 'message m3'])
    expect(sim.received.slice(1).map(({ apnsId }) => apnsId)).toEqual(before)
  })

  test('says them at its next try where it is on the wire already', async () => {
    dispatcher({ apns: apns() })
    sim.script({ delayMs: 50, status: 500, reason: 'InternalServerError' })
    await queue(await device(1), 'm1')
    await sim.until(1)
    await reword('m1', 'in other words')
    await explained(1)
    expect(bodies()).toEqual(['in other words'])
    expect(new Set(sim.received.map(({ apnsId }) => apnsId)).size).toBe(1)
  })

  test('is not sent with the old ones by a page of the table that is on its way', async () => {
    await queue(await device(1), 'm1')
    const { late, gate } = gated()
    dispatcher({ apns: apns(), run: late })
    await run(() => undefined)
    await reword('m1', 'in other words')
    gate.resolve()
    await explained(1)
    expect(bodies()).toEqual(['in other words'])
  })

  test('keeps the old ones when the trip that changed it has failed', async () => {
    const { sending } = await rests()
    const failed = run(() => {
      for (const row of store.held.waitingAbout(juliet.id, 'm1'))
        store.held.reword(row, { kind: 'body', body: 'in other words' })
      throw new Error('thought better of it')
    })
    expect(await failed.catch(String)).toContain('better')
    sending.resume()
    await explained(1)
    expect(bodies()).toEqual(['message m1'])
  })
})

test('a push that comes late says the number of now, in whatever order such pushes come', async () => {
  const badges: (number | null)[] = []
  let ill = true
  const apns: Provider = {
    name: 'apns',
    concurrency: 100,
    laneConcurrency: 100,
    ordered: false,
    replayable: false,
    lane: () => 'one',
    send: ({ badge }) => {
      if (ill) return Promise.resolve({ is: 'retry', reason: 'NoAnswer' })
      badges.push(badge)
      return Promise.resolve({ is: 'sent' })
    },
    stop: () => Promise.resolve(),
  }
  const phone = await device(1)
  const unread = (id: number, peer: string) =>
    run(() => {
      store.unread.add(juliet.id, { id, peer, ref: undefined }, 100)
      const badge = store.unread.count(juliet.id)
      store.unread.tell(phone.id, badge)
      return badge
    })
  for (const [i, peer] of ['romeo@bix.org', 'nurse@bix.org', 'nurse@bix.org'].entries())
    await queue(phone, `m${i}`, { badge: await unread(i + 1, peer) })
  const sending = dispatcher({ apns })
  await until(() => store.push.waiting(0, 10).every(({ attempts }) => attempts > 0))
  // She has read what romeo wrote; the number is told by a push of its own, which may come first.
  await run(() => {
    store.unread.read(juliet.id, 'romeo@bix.org', 1)
    store.unread.tell(phone.id, 2)
  })
  ill = false
  await explained(3)
  expect(badges).toEqual([2, 2, 2])
  await sending.stop(0)
})
