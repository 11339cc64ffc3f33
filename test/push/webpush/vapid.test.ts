/** The server's key and its tokens over a restart, a new key, the loss of an old one, and clocks that are wrong. */
import { expect, test } from 'bun:test'
import { vapidHeader } from './support.ts'
import { systemClock } from '../../../src/store/clock.ts'
import { dispatcher, explained, outbox, queue, run, store } from '../outbox.ts'
import { browser, providerTo, service } from './support.ts'

outbox()

const DAY = 86_400_000
/** A provider as a start makes it: of the one before it remembers nothing, and its keys are those in the data. */
const started = (sim: Parameters<typeof providerTo>[0]) =>
  dispatcher({ providers: { webpush: providerTo(sim, { vapid: (key) => store.vapidKeys.find(key) }) } })

test('over a restart the key stays, and one more token is signed, for the hour and all that comes', async () => {
  const key = await run((t) => t.store.vapidKeys.current(Date.now()))
  const sim = await service({ key: key.publicKey })
  const to = await browser(sim.subscribe(), {}, key.publicKey)
  const before = started(sim)
  for (const id of ['m1', 'm2', 'm3']) await queue(to, id)
  await explained(3)
  await before.stop(1_000)
  started(sim)
  for (const id of ['m4', 'm5', 'm6']) await queue(to, id)
  expect(await explained(6)).toEqual(['m1', 'm2', 'm3', 'm4', 'm5', 'm6'].map((id) => `${id} sent`))
  const tokens = sim.received.map(({ headers }) => vapidHeader(headers.authorization))
  expect(new Set(tokens.map(({ jwt }) => jwt)).size).toBe(2)
  expect(new Set(tokens.map(({ k }) => k))).toEqual(new Set([key.publicKey]))
})

test('a key that was changed serves who subscribes from then on, and the one of before who did so with it', async () => {
  const old = await run((t) => t.store.vapidKeys.current(Date.now()))
  const fresh = await run((t) => t.store.vapidKeys.rotate(Date.now()))
  const [early, late] = [await service({ key: old.publicKey }), await service({ key: fresh.publicKey })]
  const both = { ca: `${early.ca}\n${late.ca}` }
  started(both)
  await queue(await browser(early.subscribe(), {}, old.publicKey), 'm1')
  await queue(await browser(late.subscribe(), {}, fresh.publicKey), 'm2')
  expect((await explained(2)).toSorted()).toEqual(['m1 sent', 'm2 sent'])
})

test('after the loss of all keys a browser that subscribes with the new one rings, others are told apart', async () => {
  const lost = await run((t) => t.store.vapidKeys.current(Date.now()))
  await run(() => store.db.raw.run(`DELETE FROM settings`))
  const fresh = await run((t) => t.store.vapidKeys.current(Date.now()))
  expect(fresh.publicKey).not.toBe(lost.publicKey)
  const sim = await service({ key: fresh.publicKey })
  started(sim)
  await queue(await browser(sim.subscribe(), {}, lost.publicKey), 'm1')
  await queue(await browser(sim.subscribe(), {}, fresh.publicKey), 'm2')
  expect((await explained(2)).toSorted()).toEqual(['m1 dropped: VapidKeyLost', 'm2 sent'])
})

for (const [how, off] of [
  ['behind', -3 * DAY],
  ['ahead', 3 * DAY],
] as const)
  test(`a machine whose clock is days ${how} is corrected once, and its later tokens are right at once`, async () => {
    const key = await run((t) => t.store.vapidKeys.current(Date.now()))
    const sim = await service({ key: key.publicKey })
    const clock = { ...systemClock, now: () => Date.now() + off }
    const vapid = (name: string) => store.vapidKeys.find(name)
    dispatcher({ providers: { webpush: providerTo(sim, { clock, vapid }) } })
    const to = await browser(sim.subscribe(), {}, key.publicKey)
    await queue(to, 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    await queue(to, 'm2')
    expect(await explained(2)).toEqual(['m1 sent', 'm2 sent'])
    expect(sim.received.map(({ status }) => status)).toEqual([403, 201, 201])
  })
