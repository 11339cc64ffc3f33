/** A back end's pushes to phones of Google's and to browsers: alerts, and words to the app alone. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'bun:test'
import { loadAccount } from '../../src/push/fcm/account.ts'
import { FcmProvider } from '../../src/push/fcm/provider.ts'
import { Dispatcher } from '../../src/push/outbox/dispatcher.ts'
import type { Provider } from '../../src/push/outbox/provider.ts'
import { WebPushProvider } from '../../src/push/webpush/provider.ts'
import { systemRandom } from '../../src/store/clock.ts'
import { vapidPair } from '../../src/store/vapid-keys.ts'
import type { Registration } from '../../src/store/devices.ts'
import { startFcmSim } from '../../src/ops/fcm-sim.ts'
import { startWebPushSim } from '../../src/ops/web-push-sim.ts'
import { type Play, play } from '../support/world.ts'
import { JULIET, sends } from './push-send-support.ts'

const TOPIC = 'org.bix.android'
const KEY = { ...vapidPair((n) => systemRandom.bytes(n)), createdAt: 0 }
const alert = {
  to: { jid: JULIET },
  type: 'alert',
  aps: { alert: { title: 'Verona', body: 'Dinner is ready' }, badge: 3 },
  data: { order: 7, table: { n: 2 }, note: 'hot' },
  collapse_id: 'order-7',
  ttl: 600,
}

async function owns(p: Play, registration: Partial<Registration> & Pick<Registration, 'kind' | 'address'>) {
  await p.online(`${JULIET}/phone`)
  await p.router.run((t) => {
    const account = t.store.accounts.find(JULIET)
    if (!account) throw new Error('no juliet')
    t.store.push.devices.enable(account.id, { topic: TOPIC, assumed: '', ...registration }, t.now, 10)
  })
}

/** Sends all that waits, and says what became of it. */
async function drains(p: Play, providers: Record<string, Provider>): Promise<string[]> {
  const { router, store, clock, random } = p
  const run = <T>(f: Parameters<typeof router.run<T>>[0]) => router.run(f)
  const dispatcher = new Dispatcher({ push: store.push, badges: store.badges, run, providers, clock, random })
  dispatcher.start()
  while (store.push.counts().queued > 0) await router.run(() => {})
  await dispatcher.stop(1_000)
  const { id } = store.accounts.find(JULIET) ?? { id: 0 }
  return store.push.explain(id, 10).map(({ verdict, rule }) => `${verdict} ${rule}`)
}

describe('Android', () => {
  async function google(p: Play, notification: boolean) {
    const sim = await startFcmSim({ clock: p.clock })
    const dir = mkdtempSync(join(tmpdir(), 'belfry-fcm-'))
    const file = join(dir, 'firebase.json')
    writeFileSync(file, sim.accountFile())
    const account = loadAccount(TOPIC, file, sim.tokenUrl)
    const app = { topic: TOPIC, body: 'none' as const, notification, account, endpoint: sim.url, ca: sim.ca }
    const fcm = new FcmProvider({ apps: [app], clock: p.clock, random: p.random })
    await owns(p, { kind: 'fcm', address: `${'d'.repeat(22)}:APA91b${'x'.repeat(100)}` })
    const close = async () => {
      await fcm.stop(0)
      await sim.close()
      rmSync(dir, { recursive: true })
    }
    return { sim, fcm, [Symbol.asyncDispose]: close }
  }

  test('an alert is data of strings, urgent, for as long as asked', async () => {
    using p = play()
    await using far = await google(p, false)
    expect(await sends(p, alert)).toMatchObject({ result: 'queued' })
    expect(await drains(p, { fcm: far.fcm })).toEqual(['sent direct-alert'])
    const [push] = far.sim.received
    expect(push?.data).toEqual({
      account: JULIET,
      kind: 'direct-alert',
      title: 'Verona',
      body: 'Dinner is ready',
      badge: '3',
      order: '7',
      table: '{"n":2}',
      note: 'hot',
    })
    expect(push?.android).toEqual({ priority: 'HIGH', ttl: '600s' })
    expect(push?.message.notification).toBeUndefined()
  })

  test('where the app has notices shown, an alert is one, and background never', async () => {
    using p = play()
    await using far = await google(p, true)
    await sends(p, alert)
    await sends(p, { to: { jid: JULIET }, type: 'background', data: { menu: 'new' } })
    expect(await drains(p, { fcm: far.fcm })).toEqual(['sent direct-background', 'sent direct-alert'])
    const shown = far.sim.received.find(({ message }) => message.notification !== undefined)
    expect(shown?.message.notification).toEqual({ title: 'Verona', body: 'Dinner is ready' })
    expect(shown?.android.notification).toEqual({ tag: 'order-7', notification_count: 3 })
    const quiet = far.sim.received.find(({ message }) => message.notification === undefined)
    expect(quiet?.data).toEqual({ account: JULIET, kind: 'direct-background', menu: 'new' })
    expect(quiet?.android).toMatchObject({ priority: 'NORMAL', ttl: '0s' })
  })

  test('what is Apple’s alone has nobody there, and more than Google takes is refused', async () => {
    using p = play()
    await using _ = await google(p, false)
    expect(await sends(p, { to: { jid: JULIET }, type: 'widgets' })).toMatchObject({ code: 'no-token' })
    const large = { ...alert, data: { x: 'x'.repeat(3_950) } }
    expect(await sends(p, large)).toMatchObject({ result: 'refused', code: 'too-large' })
    expect(p.store.push.counts().queued).toBe(0)
  })
})

describe('a browser', () => {
  async function browser(p: Play, more: object = {}) {
    const sim = await startWebPushSim({ key: KEY.publicKey, clock: p.clock })
    const webpush = new WebPushProvider({
      contact: 'mailto:admin@bix.org',
      allowPrivate: true,
      hosts: [],
      style: { body: 'none', open: 'https://bix.org/#{chat}' },
      vapid: () => KEY,
      clock: p.clock,
      random: p.random,
      ca: sim.ca,
    })
    const { endpoint, p256dh, auth } = sim.subscribe()
    const web = { p256dh, auth, vapid: KEY.publicKey, ...more }
    await owns(p, { kind: 'webpush', topic: 'web', address: endpoint, options: { web } })
    const close = async () => {
      await webpush.stop(0)
      await sim.close()
    }
    return { sim, webpush, [Symbol.asyncDispose]: close }
  }

  test('an alert is a notice that a worker shows, and Safari without one', async () => {
    using p = play()
    await using far = await browser(p)
    await sends(p, { ...alert, priority: 5 })
    expect(await drains(p, { webpush: far.webpush })).toEqual(['sent direct-alert'])
    const [push] = far.sim.received
    expect(push?.payload).toEqual({
      web_push: 8030,
      notification: {
        title: 'Verona',
        body: 'Dinner is ready',
        navigate: 'https://bix.org/#',
        tag: 'order-7',
        app_badge: '3',
        silent: true,
        timestamp: p.clock.now(),
        data: { account: JULIET, kind: 'direct-alert', ...alert.data },
      },
      mutable: true,
    })
    expect(push?.headers).toMatchObject({ urgency: 'normal', ttl: '600' })
  })

  test('background is data alone; an app that reads stanzas gets none of it', async () => {
    using p = play()
    await using far = await browser(p)
    const item = { to: { jid: JULIET }, type: 'background', data: { menu: 'new' } }
    await sends(p, item)
    expect(await drains(p, { webpush: far.webpush })).toEqual(['sent direct-background'])
    expect(far.sim.received[0]?.payload).toEqual({
      data: { account: JULIET, kind: 'direct-background', menu: 'new' },
    })
    using q = play()
    await using _ = await browser(q, { format: 'sce' })
    expect(await sends(q, item)).toMatchObject({ result: 'refused', code: 'no-token' })
    expect(await sends(q, alert)).toMatchObject({ result: 'queued' })
  })
})
