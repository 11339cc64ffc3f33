/** The HTTP application over a store in memory, with everything real but the sockets and the clock. */
import { defaults, type Config } from '../../src/config/config.ts'
import { createApp } from '../../src/http/app.ts'
import type { Peer } from '../../src/http/context.ts'
import type { HttpDeps } from '../../src/http/deps.ts'
import type { Alarm } from '../../src/push/diagnose/alarms.ts'
import { Backups } from '../../src/ops/backups.ts'
import { Jobs } from '../../src/ops/jobs.ts'
import type { Check } from '../../src/ops/readiness.ts'
import type { Feature } from '../../src/routing/feature.ts'
import { AuthLimiter, neverBanned } from '../../src/limits/auth-limiter.ts'
import { type Outlet, Session } from '../../src/routing/session.ts'
import type { World } from '../../src/routing/transit.ts'
import { createWorld } from '../../src/routing/world.ts'
import { type Clock, systemRandom } from '../../src/store/clock.ts'
import { deriveCredentials } from '../../src/store/credentials.ts'
import { openStore } from '../../src/store/store.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import type { StreamError } from '../../src/xmpp/errors.ts'

export const LOOPBACK: Peer = { kind: 'tcp', address: '127.0.0.1', tls: false }
export const SOCKET: Peer = { kind: 'socket' }
export const PASSWORD = 'correct horse'
/** A figure of the house: any string of it in an answer for somebody else is a leak. */
export const ADMIN = 'nurse@bix.org'
export const ROMEO = 'romeo@bix.org'
export const JULIET = 'juliet@bix.org'

export interface Call {
  /** 'guest', 'operator', or an Authorization header. */
  readonly as?: string
  readonly peer?: Peer
  readonly headers?: Record<string, string>
  readonly body?: unknown
  readonly raw?: string | Uint8Array<ArrayBuffer>
}

export const basic = (jid: string, password = PASSWORD): string =>
  `Basic ${Buffer.from(`${jid}:${password}`).toString('base64')}`

/** What a problem calls itself (RFC 9457). */
export const codeOf = async (answer: Response): Promise<string> =>
  ((await answer.json()) as { code: string }).code

/** `features` are those of the road; most of the API needs none. */
export async function startHttp(
  change: (config: Config) => void = () => {},
  features: (config: Config) => readonly Feature[] = () => [],
) {
  let time = 1_700_000_000_000
  /** What was waited for; no test waits itself. */
  const waits: number[] = []
  const clock: Clock = {
    now: () => time,
    monotonic: () => time,
    after: (ms, fn) => {
      waits.push(ms)
      const timer = setImmediate(fn)
      return () => clearImmediate(timer)
    },
  }
  const config: Config = { ...defaults(), hosts: ['bix.org', 'other.example'], admins: [ADMIN] }
  config.auth.scram_iterations = 4096
  change(config)
  const store = openStore(':memory:', { flushed() {}, fatal() {} }, clock)
  const delivered: string[] = []
  const { world, router } = createWorld({
    config,
    store,
    features: features(config),
    clock,
    random: systemRandom,
  })
  world.outbound.deliver = (session, el) => void delivered.push(`${session.jid.toString()} ${el.toString()}`)
  const checks: Check[] = [{ name: 'store', ok: true, detail: 'wal 0 MB' }]
  const alarms: Alarm[] = []
  const jobs = new Jobs(clock)
  const deps: HttpDeps = {
    jobs,
    backups: new Backups({ config, clock, jobs, run: (f) => router.run(f), version: '0' }),
    world,
    router,
    logins: new AuthLimiter(clock, config.limits, neverBanned(config)),
    clock,
    pushTarget: () => 'simulator',
    online: true,
    readiness: async () => checks,
    push: {
      lanes: () => [{ lane: 'apns T/K', waiting: 2, under_way: 1, paused: null, until: null }],
      apps: () => [
        {
          topic: 'org.bix.chat',
          environment: 'production',
          signIn: 'key K of team T',
          lane: 'T/K',
          tokenAgeMs: 60_000,
          expires: undefined,
          derived: false,
        },
      ],
      alarms: () => alarms,
      check: async () => [
        {
          topic: 'org.bix.chat',
          environment: 'production',
          sign_in: 'key K of team T',
          result: 'ok',
          status: 400,
          reason: 'BadDeviceToken',
          meaning: 'key, team and topic are accepted',
          ms: 3,
          certificate_ends: null,
          clock_offset_seconds: 0,
        },
      ],
    },
    pushTest: async () => [
      {
        device: '1',
        topic: 'org.bix.chat',
        environment: 'production',
        token: 'ddeeff',
        result: 'sent',
        status: 200,
        reason: null,
        apns_id: 'x',
        sent_through: 'simulator',
        ms: 3,
        outcome: 'accepted',
      },
    ],
  }
  // No file is below it: the store is in memory.
  Object.assign(config, { data_dir: '/nonexistent/belfry' })
  const app = createApp(deps)
  for (const jid of [ADMIN, ROMEO, JULIET, 'rosaline@other.example']) {
    const keys = await deriveCredentials(PASSWORD, 4096, () => systemRandom.bytes(16))
    await router.run((t) => t.store.accounts.create(jid, Jid.parse(jid).domain, keys, t.now))
  }
  const call = async (method: string, path: string, options: Call = {}): Promise<Response> => {
    const { as = 'guest', body, raw } = options
    const headers = new Headers({ host: '127.0.0.1:5280', ...options.headers })
    if (as !== 'guest' && as !== 'operator') headers.set('authorization', as)
    if (body !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json')
    const init = { method, headers, body: raw ?? (body === undefined ? undefined : JSON.stringify(body)) }
    const peer = options.peer ?? (as === 'operator' ? SOCKET : LOOPBACK)
    return app.fetch(new Request(`http://127.0.0.1:5280${path}`, init), { peer })
  }
  const token = async (...scopes: string[]): Promise<string> => {
    const made = await call('POST', '/v1/tokens', { as: 'operator', body: { name: 't', scopes } })
    return `Bearer ${((await made.json()) as { token: string }).token}`
  }
  return {
    app,
    call,
    token,
    deps,
    store,
    world,
    router,
    delivered,
    waits,
    checks,
    alarms,
    connect: (jid: string) => connect(world, jid),
    pass: (ms: number) => void (time += ms),
    [Symbol.dispose]: () => store.close(),
  }
}

export type HttpWorld = Awaited<ReturnType<typeof startHttp>>

function connect(world: World, full: string): { session: Session; closed: (StreamError | undefined)[] } {
  const jid = Jid.parse(full)
  const account = world.store.accounts.find(jid.bare)
  if (!account) throw new Error(`no account for ${full}`)
  const closed: (StreamError | undefined)[] = []
  const outlet: Outlet = {
    send() {},
    close: (error) => void closed.push(error),
    ip: '192.0.2.7',
    kind: 'tls',
  }
  const session = new Session(jid, account, outlet, world.now())
  world.sessions.add(session)
  return { session, closed }
}
