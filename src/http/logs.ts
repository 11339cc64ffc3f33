/** /v1/logs: what the log of the running server says, and goes on to say. */
import { jsonLine } from '../log.ts'
import { authenticate } from './auth.ts'
import type { Ctx } from './context.ts'
import type { HttpDeps } from './deps.ts'
import { jidSchema, whole } from './fields.ts'
import { logStream } from './log-stream.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { z } from './schemas.ts'

const LEVELS = z.enum(['debug', 'info', 'warn', 'error'])
export const logQuery = z.strictObject({
  level: LEVELS.default('info').openapi({
    description: 'The least severe that is wanted; of those below `[log] level` only what follows is there.',
  }),
  user: jidSchema.optional().openapi({ description: 'Only what names this account or one of its clients.' }),
  last: whole(0, 500).default(10).openapi({ description: 'So many of the latest stand first.' }),
  since: z.iso.datetime({ offset: true }).max(40).optional().openapi({ description: 'Only later ones.' }),
  follow: z.enum(['true', 'false']).default('true'),
})

/** A type of no certain text: what is named JSON would have to be made by `c.json`. */
const LINES: string = 'application/x-ndjson'
/** Readers at a time; one more is told to come back. */
const MOST = 20
/** Milliseconds: a listener that is replaced waits for those who are on it, which that of the Unix socket never is. */
const LONGEST = 60_000

export function addLogs(app: App): void {
  let readers = 0
  app.openapi(
    route(scope('logs:read'), {
      method: 'get',
      path: '/v1/logs',
      operationId: 'followLog',
      summary: 'Read the log: the latest lines, then each as it is written',
      description:
        'Each line is a JSON object: `time`, `level`, `area`, `event` and fields; empty ones only show that the ' +
        'connection lives. Secrets and messages are not in it. Who reads too slowly gets the newest and is told how many ' +
        'are missing. Over TCP an answer ends after a minute: ask again with `since`.',
      request: { query: logQuery },
      responses: {
        200: { description: 'Lines', content: { [LINES]: { schema: z.string() } } },
      },
    }),
    (c) => {
      const { deps } = c.var
      const logs = theLog(deps)
      const { last, since, follow, ...wanted } = c.req.valid('query')
      const from = since === undefined ? 0 : Date.parse(since)
      const first = logs.latest(wanted, last).filter(({ time }) => Date.parse(time) > from)
      const headers = { 'content-type': LINES, 'x-accel-buffering': 'no' }
      if (follow === 'false') return c.body(first.map(jsonLine).join(''), 200, headers)
      if (readers >= MOST)
        throw new HttpError(503, 'too-many-readers', 'Too many read the log.', {
          headers: { 'retry-after': '60' },
        })
      readers++
      const stream = logStream({
        ...{ clock: deps.clock, first, may: () => mayRead(c) },
        watch(hear) {
          const end = logs.watch(wanted, hear)
          return () => {
            readers--
            end()
          }
        },
        longest: c.env.peer.kind === 'socket' ? Infinity : LONGEST,
      })
      return c.body(stream, 200, headers)
    },
  )
}

/** Whether the token is still one, with that scope. */
const mayRead = (c: Ctx): Promise<boolean> =>
  authenticate(c).then(
    (who) =>
      who.kind === 'operator' ||
      (who.kind === 'token' && who.scopes.some((name) => name === 'admin' || name === 'logs:read')),
    () => false,
  )

/** @throws HttpError where no server runs. */
function theLog({ logs }: HttpDeps): NonNullable<HttpDeps['logs']> {
  if (!logs) throw new HttpError(503, 'server-needed', 'Start the server first: belfry serve')
  return logs
}
