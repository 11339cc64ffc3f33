/** Names of notices that go off a screen, over the seam of each provider: in an alert, and in a push that says nothing else. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'bun:test'
import { loadAccount } from '../../src/push/fcm/account.ts'
import { FcmProvider } from '../../src/push/fcm/provider.ts'
import { ridingAlong } from '../../src/push/rules/removals.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import type { Device } from '../../src/store/devices.ts'
import { startFcmSim } from '../../src/ops/fcm-sim.ts'
import {
  apns,
  device,
  dispatcher,
  explained,
  juliet,
  open,
  outbox,
  queue,
  run,
  sim,
  store,
} from './outbox.ts'
import { browser, KEY, providerTo, service } from './webpush/support.ts'

outbox()

const GONE = ['1767225600000001', 'chat-0f']
const removal = () => ({ ids: GONE, counts: true, most: 3 })

/** A push that takes notices off and does nothing else. */
function wake(to: Device): Promise<void> {
  const now = Date.now()
  const what = { messageId: 'remove', collapseId: 'remove', kind: 'remove', sender: juliet.jid }
  return run(() => store.push.queue({ account: juliet, device: to, ...what, now, expiresAt: now + 60_000 }))
}

const marks = ({ id }: Device) => store.push.notices.of(id).map(({ collapseId, told }) => [collapseId, told])

describe('names of notices that have gone', () => {
  test('Apple: a background push of priority 5 that is not kept, and beside aps of an alert', async () => {
    dispatcher({ providers: { apns: apns() }, removal })
    const phone = await device(1)
    await run(() => store.push.notices.show(phone.id, { collapseId: 'chat-0f', messageId: 1 }, 1, 3))
    await queue(phone, '17')
    await wake(phone)
    await explained(2)
    const [alert, silent] = sim.received
    expect(alert?.payload).toMatchObject({ aps: { alert: {} }, 'collapse-id': '17', remove: GONE })
    expect(silent?.headers).toMatchObject({
      'apns-push-type': 'background',
      'apns-priority': '5',
      'apns-expiration': '0',
    })
    expect(silent?.payload).toEqual({
      aps: { 'content-available': 1 },
      account: 'juliet@bix.org',
      remove: GONE,
    })
    // The alert is shown from now on, and what has gone was told by the push that says nothing else.
    expect(marks(phone)).toEqual([
      ['chat-0f', true],
      ['17', false],
    ])
  })

  test('Apple refuses it: nothing was told, and the next push says it again', async () => {
    dispatcher({ providers: { apns: apns() }, removal })
    const phone = await device(1)
    await run(() => store.push.notices.show(phone.id, { collapseId: 'chat-0f', messageId: 1 }, 1, 3))
    sim.script({ status: 400, reason: 'BadPriority' })
    await wake(phone)
    await explained(1)
    expect(marks(phone)).toEqual([['chat-0f', false]])
  })

  test('Google: data of normal priority, now or never, and in the data of an alert', async () => {
    const google = await startFcmSim()
    const dir = mkdtempSync(join(tmpdir(), 'belfry-removals-'))
    open.push(
      () => rmSync(dir, { recursive: true }),
      () => google.close(),
    )
    const file = join(dir, 'firebase.json')
    writeFileSync(file, google.accountFile())
    const topic = 'org.bix.android'
    const account = loadAccount(topic, file, google.tokenUrl)
    const app = {
      topic,
      body: 'full',
      notification: true,
      account,
      endpoint: google.url,
      ca: google.ca,
    } as const
    dispatcher({
      providers: { fcm: new FcmProvider({ apps: [app], clock: systemClock, random: systemRandom }) },
      removal,
    })
    const phone = await device(0, {
      kind: 'fcm',
      topic,
      assumed: '',
      address: `${'d'.repeat(22)}:APA91b${'x'.repeat(100)}`,
    })
    await queue(phone, '17')
    await wake(phone)
    await explained(2)
    const [alert, silent] = google.received
    expect(alert?.data).toMatchObject({ id: '17', remove: JSON.stringify(GONE) })
    expect(silent?.data).toEqual({ account: 'juliet@bix.org', kind: 'remove', remove: JSON.stringify(GONE) })
    expect(silent?.android).toMatchObject({ priority: 'NORMAL', ttl: '0s' })
    expect(silent?.message.notification).toBeUndefined()
  })

  test('Web Push: to an app that may stay silent; a browser’s push says it only beside a notice', async () => {
    const server = await service()
    dispatcher({ providers: { webpush: providerTo(server) }, removal })
    const app = await browser(server.subscribe())
    await queue(app, '17')
    await wake(app)
    expect(await explained(2)).toEqual(['17 sent', 'remove sent'])
    const [alert, silent] = server.received
    expect(alert?.payload).toMatchObject({ notification: { tag: '17', data: { remove: GONE } } })
    expect(silent?.payload).toEqual({ data: { account: 'juliet@bix.org', kind: 'remove', remove: GONE } })
    expect(silent?.headers).toMatchObject({ urgency: 'low', ttl: '0' })
    const { options } = app
    const safari = await device(0, {
      kind: 'webpush',
      topic: 'web',
      assumed: '',
      address: 'https://web.push.apple.com/QL',
      options: { web: { ...options.web, vapid: KEY.publicKey } as NonNullable<typeof options.web> },
    })
    await wake(safari)
    expect((await explained(3)).at(-1)).toBe('remove withdrawn')
  })

  test('beside an alert the newest that fit, and never its own', () => {
    const ids = Array.from({ length: 100 }, (_, n) => String(1767225600000000 + n))
    const { remove = [] } = ridingAlong({ ids, counts: true, most: 100 }, ids[99])
    expect(remove.at(-1)).toBe(String(ids[98]))
    expect(JSON.stringify(remove).length).toBeLessThanOrEqual(1_000)
    expect(ridingAlong({ ids: ['a'], counts: true, most: 1 }, 'a')).toEqual({})
  })
})
