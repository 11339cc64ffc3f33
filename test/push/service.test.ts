/** The parts of push put together. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../../src/config/config.ts'
import { PushService } from '../../src/push/service.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import { FakeClock } from '../support/clock.ts'
import { APP_DEFAULTS, deviceToken, KEY_ID, P8, QUICK, startApple, TEAM, TOPIC } from '../support/apns.ts'
import { device, juliet, open, outbox, queue, run, sim, store, until, explained } from './outbox.ts'

outbox()

describe('the service', () => {
  test('names the file that is missing', () => {
    const { push, badges } = store
    const options = { push, badges, run, clock: systemClock, random: systemRandom }
    const off = { format: 'json', allow_private: false } as const
    const app = { topic: TOPIC, environment: 'production', body: 'none' } as const
    const key = { team_id: 'T', key_id: 'K', key_file: '/nonexistent/AuthKey.p8' }
    expect(() => new PushService({ ...options, apps: [{ ...app, ...key }], webhook: off })).toThrow(
      /push app org\.example\.chat: \/nonexistent\/AuthKey\.p8/,
    )
    const hook = { ...off, url: 'https://hook.example/', secret_file: '/nonexistent/secret' }
    expect(() => new PushService({ ...options, apps: [], webhook: hook })).toThrow(/\/nonexistent\/secret/)
  })

  test('forgets verdicts and dead rows that are older than push.keep_verdicts, the rest stays', async () => {
    const DAY = 86_400_000
    const clock = new FakeClock()
    const at = (daysAgo: number) => clock.now() - daysAgo * DAY
    await run(() => {
      for (const daysAgo of [15, 13])
        store.push.record({
          account: juliet.id,
          device: undefined,
          messageId: `${daysAgo} days`,
          verdict: 'sent',
          rule: 'body',
          at: at(daysAgo),
        })
    })
    await queue(undefined, 'dead')
    const [job] = store.push.waiting(0, 1)
    await run(() => job && store.push.bury(job, 'body', 'status 404', at(13)))
    store.db.raw.run('UPDATE outbox SET created_at = ?', [at(15)])
    const service = new PushService({
      push: store.push,
      badges: store.badges,
      run,
      clock,
      random: systemRandom,
      apps: [],
      webhook: { format: 'json', allow_private: false },
      keepMs: 14 * DAY,
    })
    service.start()
    open.push(() => service.stop(0))
    clock.advance(60_000)
    await until(() => store.push.counts().dead === 0)
    expect(store.push.explain(juliet.id, 10).map(({ messageId }) => messageId)).toEqual(['dead', '13 days'])
  })

  test('the form carries the token of token_file, without which such receivers refuse', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-form-'))
    const got: URLSearchParams[] = []
    const receiver = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      async fetch(request) {
        const fields = new URLSearchParams(await request.text())
        got.push(fields)
        return new Response('', { status: fields.get('token') === 's3cret & more' ? 200 : 400 })
      },
    })
    open.push(() => receiver.stop(true))
    open.push(() => rmSync(dir, { recursive: true }))
    const file = join(dir, 'belfry.toml')
    writeFileSync(join(dir, 'webhook.token'), 's3cret & more\n')
    const url = `http://127.0.0.1:${receiver.port}/offline.php`
    const toml = `[webhook]\nurl = "${url}"\nformat = "form"\ntoken_file = "webhook.token"\nallow_private = true`
    const { config } = parseConfig(toml, file)
    if (!config) throw new Error('refused')
    const { push, badges } = store
    const service = new PushService({
      ...{ push, badges, run, clock: systemClock, random: systemRandom },
      apps: [],
      webhook: config.webhook,
    })
    service.start()
    open.push(() => service.stop(100))
    await queue(undefined, 'm1')
    expect(await explained(1)).toEqual(['m1 sent'])
    expect(Object.fromEntries(got[0] ?? [])).toMatchObject({ from: 'romeo@bix.org', to: 'juliet@bix.org' })
  })

  test('two apps of one topic keep each its own style', async () => {
    const apps = (['production', 'sandbox'] as const).map((environment) => ({
      ...APP_DEFAULTS,
      topic: TOPIC,
      environment,
      team_id: TEAM,
      key_id: KEY_ID,
      key_file: 'key.p8',
      body: environment === 'sandbox' ? ('full' as const) : ('none' as const),
      sound: environment === 'sandbox' ? 'bell.caf' : '',
    }))
    const dir = mkdtempSync(join(tmpdir(), 'belfry-styles-'))
    open.push(() => rmSync(dir, { recursive: true }))
    writeFileSync(join(dir, 'key.p8'), P8)
    writeFileSync(join(dir, 'ca.pem'), sim.ca)
    const { push, badges } = store
    const service = new PushService({
      ...{ push, badges, run, clock: systemClock, random: systemRandom },
      apps: apps.map((app) => ({
        ...app,
        key_file: join(dir, 'key.p8'),
        ca_file: join(dir, 'ca.pem'),
        endpoint: sim.url,
      })),
      webhook: { format: 'json', allow_private: false },
      times: QUICK,
    })
    service.start()
    open.push(() => service.stop(100))
    await queue(await device(1, { environment: 'production' }), 'm1')
    await queue(await device(2, { environment: 'sandbox' }), 'm2')
    await explained(2)
    const aps = Object.fromEntries(sim.received.map(({ token, payload }) => [token, payload.aps]))
    expect(aps[deviceToken(1)]).toMatchObject({ alert: { body: 'New message' } })
    expect(aps[deviceToken(1)]).not.toHaveProperty('sound')
    expect(aps[deviceToken(2)]).toMatchObject({ alert: { body: 'message m2' }, sound: 'bell.caf' })
  })

  test('pushes any topic to the simulator, and keeps its provider token', async () => {
    const plain = await startApple({ publicKey: undefined, teamId: undefined, keyId: undefined })
    open.push(() => plain.close())
    const service = new PushService({
      push: store.push,
      badges: store.badges,
      run,
      clock: systemClock,
      random: systemRandom,
      apps: [],
      simulator: plain,
      webhook: { format: 'json', allow_private: false },
      times: QUICK,
    })
    service.start()
    open.push(() => service.stop(100))
    await queue(await device(1, { topic: 'com.whatever.app' }), 'm1')
    await explained(1)
    expect(plain.received[0]).toMatchObject({ topic: 'com.whatever.app', status: 200 })
    expect(store.push.tokens.get('SIMULATOR0', 'SIMULATOR0')).toBeDefined()
  })
})
