/** The parts of push put together. */
import { describe, expect, test } from 'bun:test'
import { PushService } from '../../src/push/service.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import { FakeClock } from '../support/clock.ts'
import { QUICK, startApple, TOPIC } from '../support/apns.ts'
import { device, juliet, open, outbox, queue, run, store, until, verdicts } from './outbox.ts'

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
    await verdicts(1)
    expect(plain.received[0]).toMatchObject({ topic: 'com.whatever.app', status: 200 })
    expect(store.push.tokens.get('SIMULATOR0', 'SIMULATOR0')).toBeDefined()
  })
})
