/** The whole way from a row of the outbox to Google, and every answer of FCM. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'bun:test'
import { type FcmSim, type FcmSimOptions, startFcmSim } from '../../../src/ops/fcm-sim.ts'
import { probeAll } from '../../../src/push/diagnose/probe-others.ts'
import { testPush } from '../../../src/push/diagnose/test-push.ts'
import { loadAccount } from '../../../src/push/fcm/account.ts'
import { FcmProvider, type FcmApp, type FcmOptions } from '../../../src/push/fcm/provider.ts'
import { systemClock, systemRandom } from '../../../src/store/clock.ts'
import type { Registration } from '../../../src/store/devices.ts'
import {
  account,
  device,
  dispatcher,
  explained,
  open,
  outbox,
  queue,
  resting,
  run,
  store,
  until,
} from '../outbox.ts'

outbox()

const TOPIC = 'org.bix.android'
const tokenOf = (n: number) => `${String(n).padStart(22, 'd')}:APA91b${'x'.repeat(100)}`
const tools = { clock: systemClock, random: systemRandom }

async function google(options: FcmSimOptions = {}): Promise<FcmSim> {
  const sim = await startFcmSim(options)
  open.push(() => sim.close())
  return sim
}

function accountFile(text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-fcm-'))
  open.push(() => rmSync(dir, { recursive: true }))
  const file = join(dir, 'firebase.json')
  writeFileSync(file, text)
  return file
}

function providerTo(sim: FcmSim, app: Partial<FcmApp> = {}, more: Partial<FcmOptions> = {}): FcmProvider {
  const file = accountFile(sim.accountFile())
  return new FcmProvider({
    apps: [
      {
        topic: TOPIC,
        body: 'full',
        notification: false,
        account: loadAccount(TOPIC, file, sim.tokenUrl),
        endpoint: sim.url,
        ca: sim.ca,
        ...app,
      },
    ],
    clock: systemClock,
    random: systemRandom,
    times: { connectMs: 2_000, queueMs: 3_000, backoffMs: 20, backoffCapMs: 100 },
    ...more,
  })
}

const phone = (n = 1, more: Partial<Registration> = {}) =>
  device(0, { kind: 'fcm', topic: TOPIC, assumed: '', address: tokenOf(n), ...more })

describe('a push', () => {
  test('is data of strings alone, urgent, without a collapse key, and kept as long as it is worth', async () => {
    const sim = await google()
    dispatcher({ providers: { fcm: providerTo(sim) } })
    await queue(await phone(), 'm1', { badge: 2 })
    expect(await explained(1)).toEqual(['m1 sent'])
    const [push] = sim.received
    if (!push) throw new Error('no push')
    const { message, data, android } = push
    expect(data).toMatchObject({
      account: 'juliet@bix.org',
      sender: 'romeo@bix.org',
      title: 'Romeo',
      body: 'message m1',
      badge: '2',
      'stanza-id': 'm1',
    })
    expect(message.token).toBe(tokenOf(1))
    expect(message.notification).toBeUndefined()
    expect(android).toEqual({ priority: 'HIGH', ttl: expect.stringMatching(/^35\d\ds$/) })
  })

  test('to an installation id, and to Conversations, which looks for its own name of the account alone', async () => {
    const sim = await google()
    dispatcher({ providers: { fcm: providerTo(sim) } })
    await queue(await phone(1, { address: 'fid:dXnEaaaaaaaaaaaaaaaaaa' }), 'm1')
    await queue(await phone(2, { options: { accountName: 'ab12' } }), 'm2')
    await explained(2)
    expect(sim.received.map(({ message }) => message.fid)).toContain('dXnEaaaaaaaaaaaaaaaaaa')
    const woken = sim.received.find(({ data }) => data.account === 'ab12')
    expect([woken?.data, woken?.android.collapse_key]).toEqual([{ account: 'ab12' }, 'message'])
  })

  test('is shown by Android itself where the app’s table says so', async () => {
    const sim = await google()
    dispatcher({ providers: { fcm: providerTo(sim, { notification: true, channel: 'chat' }) } })
    await queue(await phone(), 'm1')
    await explained(1)
    expect(sim.received[0]?.message.notification).toEqual({ title: 'Romeo', body: 'message m1' })
    expect(sim.received[0]?.android.notification).toMatchObject({ tag: 'm1', channel_id: 'chat' })
  })

  test('a hundred at once ask for one access token, and another one once it has ended', async () => {
    const sim = await google()
    dispatcher({ providers: { fcm: providerTo(sim) } })
    const to = await phone()
    for (let i = 0; i < 100; i++) await queue(to, `m${i}`)
    await explained(100)
    expect(sim.tokens).toBe(1)
    sim.expire()
    await queue(to, 'later')
    expect(await explained(101)).toContain('later sent')
    expect(sim.tokens).toBe(2)
  })
})

describe('its answer', () => {
  const gone: [what: string, status: number, code: string, fields: string[]][] = [
    ['UNREGISTERED', 404, 'UNREGISTERED', []],
    ['a malformed token', 400, 'INVALID_ARGUMENT', []],
    ['a malformed token, named', 400, 'INVALID_ARGUMENT', ['message.token']],
  ]
  for (const [what, status, code, fields] of gone)
    test(`${what}: the device goes`, async () => {
      const sim = await google()
      dispatcher({ providers: { fcm: providerTo(sim) } })
      sim.script({ status, code, ...(fields.length > 0 ? { fields } : {}) })
      const to = await phone()
      await queue(to, 'm1')
      expect(await explained(1)).toEqual([`m1 forgotten: ${code}`])
      expect(store.push.devices.get(to.id)).toBeUndefined()
    })

  test('a field of ours that is wrong: the push is dropped, the device stays', async () => {
    const sim = await google()
    dispatcher({ providers: { fcm: providerTo(sim) } })
    sim.script({ status: 400, code: 'INVALID_ARGUMENT', fields: ['message.android.ttl'] })
    const to = await phone()
    await queue(to, 'm1')
    expect(await explained(1)).toEqual(['m1 dropped: INVALID_ARGUMENT'])
    expect(store.push.devices.get(to.id)?.id).toBe(to.id)
  })

  for (const [status, code] of [
    [403, undefined],
    [404, undefined],
    [401, 'THIRD_PARTY_AUTH_ERROR'],
  ] as const)
    test(`${status} ${code ?? 'without a word of FCM’s'}: everything waits for the operator`, async () => {
      const sim = await google()
      const sending = dispatcher({ providers: { fcm: providerTo(sim) } })
      sim.script({ status, ...(code ? { code } : {}) })
      await queue(await phone(), 'm1')
      await until(() => resting(sending).length === 1)
      sending.resume()
      expect(await explained(1)).toEqual(['m1 sent'])
    })

  test('503 with Retry-After, and 429 for one phone', async () => {
    const sim = await google()
    dispatcher({ providers: { fcm: providerTo(sim) } })
    sim.script({ status: 503, code: 'UNAVAILABLE', headers: { 'retry-after': '900' } })
    await queue(await phone(1), 'm1')
    await until(() => store.push.waiting(0, 10)[0]?.attempts === 1)
    expect((store.push.waiting(0, 10)[0]?.nextAt ?? 0) - Date.now()).toBeGreaterThan(890_000)
    sim.script({ status: 429, code: 'QUOTA_EXCEEDED' })
    await queue(await phone(2), 'm2')
    await until(() => store.push.waiting(0, 10)[1]?.attempts === 1)
    expect((store.push.waiting(0, 10)[1]?.nextAt ?? 0) - Date.now()).toBeGreaterThan(50_000)
  })
})

describe('the file of another project', () => {
  const misfit = { status: 403, code: 'SENDER_ID_MISMATCH' }

  test('deletes no phone: all wait, and where many are refused the operator is told', async () => {
    const sim = await google()
    const sending = dispatcher({ providers: { fcm: providerTo(sim) } })
    sim.script({ ...misfit, times: 100 })
    for (let i = 0; i < 6; i++) {
      const who = await account(`user${i}@bix.org`)
      const wish = { kind: 'fcm', topic: TOPIC, assumed: '', address: tokenOf(i) }
      const to = await run(() => store.push.devices.enable(who.id, wish, Date.now(), 10))
      await queue(to, `m${i}`, { account: who })
    }
    await until(() => resting(sending)[0]?.paused === 'SENDER_ID_MISMATCH')
    expect(store.push.counts().queued).toBe(6)
  })

  test('one phone of another project goes, where others work', async () => {
    const sim = await google()
    dispatcher({ providers: { fcm: providerTo(sim) } })
    await queue(await phone(1), 'm1')
    await explained(1)
    sim.script(misfit)
    await queue(await phone(2), 'm2')
    expect(await explained(2)).toContain('m2 forgotten: SENDER_ID_MISMATCH')
  })
})

describe('the access token', () => {
  test('that is refused is the operator’s affair, and one that cannot be had now is asked for again', async () => {
    const sim = await google()
    const sending = dispatcher({ providers: { fcm: providerTo(sim) } })
    sim.refuseTokens({ status: 400, error: 'invalid_grant' })
    await queue(await phone(), 'm1')
    await until(() => resting(sending)[0]?.paused === 'invalid_grant')
    sim.refuseTokens({ status: 503, error: 'unavailable' })
    sending.resume()
    await until(() => resting(sending).length === 0)
    sim.refuseTokens(undefined)
    expect(await explained(1)).toEqual(['m1 sent'])
  })

  for (const [how, hours] of [
    ['behind', -2],
    ['ahead', 2],
  ] as const)
    test(`is asked for by Google’s clock where this machine’s is ${how}`, async () => {
      const sim = await google()
      const clock = { ...systemClock, now: () => Date.now() + hours * 3_600_000 }
      const provider = providerTo(sim, {}, { clock })
      const probes = await probeAll({ apns: undefined, fcm: provider }, { ...tools, clock })
      expect(probes).toMatchObject([{ result: 'ok', environment: 'fcm' }])
      expect(Math.round((probes[0]?.clock_offset_seconds ?? 0) / 3600)).toBe(-hours)
      await provider.stop(0)
    })

  test('is asked for at Google’s alone, unless the operator says otherwise; what is no account’s file is told', async () => {
    const sim = await google()
    const load = (text: string, url?: string) => () => loadAccount(TOPIC, accountFile(text), url)
    const evil = sim.accountFile({ token_uri: 'https://oauth2.googleapis.com.evil.example/token' })
    expect(load(evil)).toThrow(/token_uri that is not Google’s/)
    expect(load(evil, 'https://oauth2.googleapis.com.evil.example/token')).not.toThrow()
    expect(load(sim.accountFile({ token_uri: 'http://oauth2.googleapis.com/token' }))).toThrow(/not Google’s/)
    expect(load('{"type":"authorized_user"}')).toThrow(/no key of a service account/)
    expect(load('{')).toThrow(/is no JSON/)
    expect(load(sim.accountFile({ private_key: 'x' }))).toThrow(/no PEM key/)
    expect(load(sim.accountFile({ project_id: '../x' }))).toThrow(/project_id/)
    expect(() => loadAccount(TOPIC, '/nonexistent/firebase.json')).toThrow(/cannot be read/)
  })
})

test('`app check` and `push test`: who is believed, and what rings', async () => {
  const sim = await google()
  const fcm = providerTo(sim)
  const [probe] = await probeAll({ apns: undefined, fcm }, tools)
  expect(probe).toMatchObject({
    topic: TOPIC,
    result: 'ok',
    sign_in: 'belfry@belfry-sim.iam.gserviceaccount.com of belfry-sim',
  })
  expect(sim.received[0]?.validateOnly).toBe(true)
  sim.expire()
  sim.refuseTokens({ status: 400, error: 'invalid_client' })
  expect((await probeAll({ apns: undefined, fcm }, tools))[0]).toMatchObject({
    result: 'failed',
    reason: 'invalid_client',
    meaning: 'Google does not know this service account',
  })
  sim.refuseTokens(undefined)
  const rung = await testPush({ fcm }, [await phone()], { ...tools, account: 'juliet@bix.org' })
  expect(rung).toMatchObject([
    { result: 'sent', status: 200, sent_through: `fcm ${TOPIC}`, environment: 'fcm' },
  ])
  await fcm.stop(0)
})
