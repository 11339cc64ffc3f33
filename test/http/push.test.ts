import { expect, test } from 'bun:test'
import { recordAnswer } from '../../src/push/outbox/record-result.ts'
import { Lane } from '../../src/push/outbox/queue.ts'
import type { Job } from '../../src/store/push.ts'
import { type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

const TOKEN = '00112233445566778899aabbccddeeff'.repeat(2)

async function device(w: HttpWorld) {
  return w.router.run((t) => {
    const account = t.store.accounts.find(JULIET)
    if (!account) throw new Error('no Juliet')
    const made = { kind: 'apns', topic: 'org.bix.chat', assumed: 'production', address: TOKEN }
    return { account, device: t.store.push.devices.enable(account.id, made, t.now, 10) }
  })
}

/** Two messages for Juliet: m1 waits for her phone, m2 for the webhook. */
async function queued(w: HttpWorld): Promise<Job[]> {
  const { account, device: phone } = await device(w)
  await w.router.run((t) => {
    const { now } = t
    const row = { account, kind: 'body', sender: ROMEO, body: 'wherefore', now, expiresAt: now + 60_000 }
    t.store.push.queue({ ...row, device: phone, messageId: 'm1', collapseId: 'm1' })
    t.store.push.queue({ ...row, device: undefined, messageId: 'm2', collapseId: 'm2' })
  })
  return w.world.store.push.waiting(0, 10)
}

const get = async (w: HttpWorld, path: string) => {
  const answer = await w.call('GET', path, { as: 'operator' })
  return { status: answer.status, text: await answer.text() }
}

test('explain by account: findings, devices, what waits and what was decided, without token and text', async () => {
  using w = await startHttp()
  const [job] = await queued(w)
  if (!job) throw new Error('nothing waits')
  await w.router.run((t) => t.store.push.done(job, 'forgotten', 'body', 'Unregistered', t.now))
  const { status, text } = await get(w, `/v1/push/explain?jid=${JULIET}`)
  expect(status).toBe(200)
  expect(JSON.parse(text)).toMatchObject({
    jid: JULIET,
    message: null,
    devices: [{ topic: 'org.bix.chat', token: 'ddeeff' }],
    waiting: [{ message: 'm2', device: 'webhook', state: 'queued', from: ROMEO }],
    verdicts: [{ message: 'm1', device: '1 …ddeeff', verdict: 'forgotten', reason: 'Unregistered' }],
  })
  expect(text).toContain('1 of its pushes wait for an answer.')
  expect(text).not.toContain(TOKEN)
  expect(text).not.toContain('wherefore')
})

test('explain: what Apple calls the push that it has answered', async () => {
  using w = await startHttp()
  const [job, other] = await queued(w)
  if (!job || !other) throw new Error('nothing waits')
  const lane = new Lane('apns', undefined, w.deps.clock, () => {})
  await w.router.run((t) => {
    recordAnswer(t.store.push, { job, lane, result: { is: 'sent', uniqueId: 'u-1' } }, t.now)
    recordAnswer(t.store.push, { job: other, lane, result: { is: 'sent' } }, t.now)
  })
  const { text } = await get(w, `/v1/push/explain?jid=${JULIET}`)
  expect(JSON.parse(text)).toMatchObject({
    verdicts: [
      { message: 'm2', device: 'webhook', apns_id: null, apns_unique_id: null },
      { message: 'm1', apns_id: job.pushId, apns_unique_id: 'u-1' },
    ],
  })
})

test('explain by message: its own rows only; an unknown one is told so', async () => {
  using w = await startHttp()
  await queued(w)
  const { text } = await get(w, '/v1/push/explain?message=m1')
  expect(JSON.parse(text)).toMatchObject({
    jid: JULIET,
    message: 'm1',
    waiting: [{ message: 'm1' }],
    verdicts: [],
  })
  expect((await get(w, '/v1/push/explain?message=m9')).status).toBe(404)
  expect((await get(w, '/v1/push/explain')).status).toBe(422)
  expect((await get(w, `/v1/push/explain?message=m1&jid=${JULIET}`)).status).toBe(422)
  expect((await get(w, '/v1/push/explain?jid=nobody@bix.org')).status).toBe(404)
})

test('queue: counts, the oldest first, and the lanes', async () => {
  using w = await startHttp()
  const [, second] = await queued(w)
  if (!second) throw new Error('one row only')
  await w.router.run((t) => t.store.push.bury(second, 'body', 'status 400', t.now))
  const { text } = await get(w, '/v1/push/queue')
  expect(JSON.parse(text)).toMatchObject({
    queued: 1,
    held: 0,
    dead: 1,
    lanes: [{ lane: 'apns T/K', waiting: 2, paused: null }],
    items: [{ message: 'm1' }],
    dead_letters: [{ jid: JULIET, message: 'm2', device: 'webhook', state: 'dead' }],
  })
  expect(text).not.toContain('wherefore')
})

test('replay: what was refused is queued anew under its delivery id, behind all else, and handed over', async () => {
  using w = await startHttp()
  const [, second] = await queued(w)
  if (!second) throw new Error('one row only')
  await w.router.run((t) => t.store.push.bury({ ...second, attempts: 3 }, 'body', 'status 400', t.now))
  const handed: Job[] = []
  w.world.store.push.queued = (job) => void handed.push(job)
  w.pass(60 * 60_000)
  const answer = await w.call('POST', '/v1/webhook/replay', { as: 'operator' })
  expect(await answer.json()).toEqual({ replayed: 1 })
  const now = w.world.now()
  expect(handed).toHaveLength(1)
  expect(handed[0]).toMatchObject({ pushId: second.pushId, attempts: 0, body: 'wherefore', nextAt: now })
  expect(handed[0]?.id).toBeGreaterThan(second.id)
  expect(handed[0]?.expiresAt).toBe(now + w.world.config.push.expiration)
  expect(w.world.store.push.counts()).toEqual({ queued: 2, held: 0, dead: 0 })
})

test('devices are counted by the age of their last success, in slices', async () => {
  using w = await startHttp()
  const { account } = await device(w)
  const day = 86_400_000
  await w.router.run((t) => {
    for (const [i, age] of [1, 3, 20, 400].entries()) {
      const token = i.toString(16).padStart(64, '0')
      const made = { kind: 'apns', topic: 'org.bix.chat', assumed: 'production', address: token }
      const phone = t.store.push.devices.enable(account.id, made, t.now, 10)
      t.store.push.devices.succeeded(phone, t.now - age * day + 1)
    }
  })
  const now = w.world.now()
  const { pushReports } = w.world.store
  expect(pushReports.deviceAges(0, 10, now)).toEqual({
    day: 1,
    week: 1,
    month: 1,
    older: 1,
    never: 1,
    last: null,
  })
  const first = pushReports.deviceAges(0, 3, now)
  expect(first.last).not.toBeNull()
  expect(pushReports.deviceAges(first.last ?? 0, 3, now)).toMatchObject({ last: null, older: 1 })
})

test('without a server nobody is asked', async () => {
  using w = await startHttp()
  delete (w.deps as { push?: unknown }).push // what a stopped server's data has not
  expect((await w.call('POST', '/v1/apps/check', { as: 'operator' })).status).toBe(503)
  expect((await w.call('GET', '/v1/apps', { as: 'operator' })).status).toBe(503)
})

test('a server that rings browsers and Android alone is not told that push is off', async () => {
  using off = await startHttp((config) => (config.push.simulator = false))
  using on = await startHttp(({ push }) => {
    push.simulator = false
    push.webpush.contact = 'mailto:admin@bix.org'
  })
  const said = async (of: HttpWorld) => (await get(of, `/v1/push/explain?jid=${JULIET}`)).text
  expect(await said(off)).toContain('Push is off')
  expect(await said(on)).not.toContain('Push is off')
})
