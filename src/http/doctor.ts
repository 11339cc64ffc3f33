/** /v1/doctor: the server and the machine below it, looked at one thing after the other. */
import { isWithoutAdmin } from '../accounts/first-admin.ts'
import type { DoctorWorld, Live } from '../ops/doctor/check.ts'
import { openNames } from '../ops/doctor/names.ts'
import { chosen, examine, type Result, summary, unknownNames } from '../ops/doctor/run.ts'
import type { ProbeResult } from '../push/apns/probe.ts'
import { VERSION } from '../version.ts'
import type { HttpDeps } from './deps.ts'
import { text } from './fields.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { json, z } from './schemas.ts'

/** Accounts of which each is asked for, some at a time so that others get their turn. */
const LOOKED_AT = 5_000
const AT_A_TIME = 100
/** ms that a page shows what was found before: whoever reloads it must not ask Apple and DNS each time. */
const FRESH = 10_000

function once<T>(f: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= f())
}

async function liveOf(deps: HttpDeps): Promise<Live> {
  const { world, push, backups, logins, readiness } = deps
  const { store, sessions, config } = world
  const due = store.pushReports
    .oldest(20)
    .find(({ state, next }) => state === 'queued' && next <= world.now())
  return {
    version: VERSION,
    uptime: world.uptime(),
    readiness: await readiness(),
    alarms: [...(push?.alarms() ?? []).map((alarm) => alarm.text), ...(backups?.alarms() ?? [])],
    lanes: push?.lanes() ?? [],
    oldestPush: due?.next,
    deadLetters: store.pushReports.deadCount(),
    devices: store.pushReports.countDevices(0, LOOKED_AT).n,
    sessions: sessions.count,
    bans: logins.bans().length,
    hasAdmin: !isWithoutAdmin(world),
    adminsWithoutAccount: config.admins.filter((jid) => !store.accounts.find(jid)),
    crowded: once(() => crowded(deps)),
    probe: once<readonly ProbeResult[]>(async () => push?.check() ?? []),
  }
}

async function crowded({ world: { store, config } }: HttpDeps): Promise<{ boxes: number; unread: number }> {
  const { offline_messages: messages, offline_bytes: bytes, unread_per_user: most } = config.limits
  const found = { boxes: 0, unread: 0 }
  let after = ''
  for (let seen = 0; seen < LOOKED_AT; seen += AT_A_TIME) {
    const page = store.accounts.list({ after, limit: AT_A_TIME })
    for (const account of page) {
      const box = store.messages.boxSize(account)
      if (box.messages >= messages || box.bytes >= bytes) found.boxes++
      if (store.unread.count(account.id) >= most) found.unread++
    }
    after = page.at(-1)?.jid ?? ''
    if (page.length < AT_A_TIME) break
    await new Promise((resolve) => setImmediate(resolve))
  }
  return found
}

/** The facts that a running server has; of a stopped one's data nobody is connected to anything. */
async function worldOf(deps: HttpDeps): Promise<DoctorWorld> {
  const { config } = deps.world
  return {
    config,
    problems: [],
    now: deps.clock.now(),
    root: '/',
    env: process.env,
    uid: process.getuid?.() ?? -1,
    offline: false,
    ...(deps.online ? { live: await liveOf(deps) } : {}),
    names: openNames(process.env.BELFRY_RESOLVER),
  }
}

const recent = new WeakMap<HttpDeps, { at: number; results: Promise<Result[]> }>()

/** Every check, looked at a moment ago at most. */
export function examined(deps: HttpDeps): Promise<Result[]> {
  const known = recent.get(deps)
  const now = deps.clock.monotonic()
  if (known && now - known.at < FRESH) return known.results
  const results = worldOf(deps).then((world) => examine(world, chosen(undefined)))
  recent.set(deps, { at: now, results })
  // A run that failed as a whole is no answer for the next request.
  results.catch(() => recent.delete(deps))
  return results
}

const resultSchema = z
  .object({
    id: z.string().openapi({ example: 'tls.days' }),
    status: z.enum(['ok', 'warn', 'fail', 'skip']),
    why: z.string().openapi({ example: '54 days left' }),
    mend: z.string().optional().openapi({ description: 'Where there is something to mend.' }),
  })
  .openapi('DoctorResult')

const countsSchema = z
  .object({ ok: z.number(), warn: z.number(), fail: z.number(), skip: z.number() })
  .openapi('DoctorSummary')

const query = z.strictObject({
  only: text(1000)
    .optional()
    .openapi({ description: 'Ids, or areas such as "tls", with commas.', example: 'tls,dns.address' }),
})

export function addDoctor(app: App): void {
  app.openapi(
    route(scope('status'), {
      method: 'get',
      path: '/v1/doctor',
      operationId: 'examineServer',
      summary: 'Look at the server and the machine below it, and say how to mend what is wrong',
      request: { query },
      responses: {
        200: json('What was found', z.object({ summary: countsSchema, items: z.array(resultSchema) })),
      },
    }),
    async (c) => {
      const only = c.req.valid('query').only?.split(',')
      const [unknown] = only ? unknownNames(only) : []
      if (unknown !== undefined) throw new HttpError(422, 'no-such-check', `There is no check ${unknown}`)
      const { deps } = c.var
      const items = await examine(await worldOf(deps), chosen(only))
      return c.json({ summary: summary(items), items }, 200)
    },
  )
}
