/** Health, status, metrics and the description of the API itself. */
import type { Config } from '../config/config.ts'
import { exposition } from '../metrics/metrics.ts'
import { VERSION } from '../version.ts'
import { authenticate } from './auth.ts'
import type { Ctx } from './context.ts'
import { withExamples } from './examples.ts'
import { type App, open, route, scope } from './policy.ts'
import { json, z } from './schemas.ts'
import { TAGS } from './tags.ts'

const text = (description: string) => ({ description, content: { 'text/plain': { schema: z.string() } } })

export function addSystem(app: App): void {
  app.openapi(
    route(open, {
      method: 'get',
      path: '/livez',
      operationId: 'isAlive',
      summary: 'The process answers',
      responses: { 200: text('It does') },
    }),
    (c) => c.text('ok\n', 200),
  )
  addReadiness(app)
  app.openapi(
    route(scope('metrics'), {
      method: 'get',
      path: '/metrics',
      operationId: 'getMetrics',
      summary: 'Figures for Prometheus',
      responses: { 200: text('Prometheus text format') },
    }),
    async (c) => {
      const { type, text: figures } = await exposition()
      return c.text(figures, 200, { 'content-type': type })
    },
  )
  addStatus(app)
  app.openapi(
    route(open, {
      method: 'get',
      path: '/v1/openapi.json',
      operationId: 'getDescription',
      summary: 'This description',
      responses: { 200: json('OpenAPI 3.1', z.record(z.string(), z.unknown())) },
    }),
    (c) => c.json({ ...document(app, c.var.deps.world.config) }, 200),
  )
}

export function document(app: App, { limits }: Config) {
  const { http_body_bytes: most, http_requests_per_ip: rate } = limits
  const said = [
    'Errors are problems (RFC 9457); their `code` is stable.',
    ...(Number.isFinite(most) ? [`A body may have ${most} bytes (413).`] : []),
    ...(Number.isFinite(rate) ? [`An address may ask ${rate} times a minute (429).`] : []),
    'A path by a method that it does not have: 405 with `Allow`.',
  ]
  return withExamples(
    app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: { title: 'Belfry', version: VERSION, description: said.join(' '), license: { name: 'MIT' } },
      servers: [{ url: '/' }],
      tags: TAGS.map(({ name, description }) => ({ name, description })),
    }),
  )
}

function addReadiness(app: App): void {
  app.openapi(
    route(open, {
      method: 'get',
      path: '/readyz',
      operationId: 'isReady',
      summary: 'The server can do its work; details over the Unix socket or with a token',
      responses: { 200: text('It can'), 503: text('It cannot') },
    }),
    async (c) => {
      const checks = await c.var.deps.readiness()
      const ready = checks.every((check) => check.ok)
      const lines = (await maySeeDetails(c))
        ? checks.map(
            (check) =>
              `${!check.ok ? 'FAIL' : check.degraded === true ? 'WARN' : 'ok  '} ${check.name}${check.detail ? `: ${check.detail}` : ''}`,
          )
        : []
      return c.text([ready ? 'ready' : 'not ready', ...lines, ''].join('\n'), ready ? 200 : 503)
    },
  )
}

async function maySeeDetails(c: Ctx): Promise<boolean> {
  const principal = await authenticate(c)
  return principal.kind === 'operator' || (principal.kind === 'token' && principal.scopes.length > 0)
}

function addStatus(app: App): void {
  const status = z
    .object({
      version: z.string(),
      hosts: z.array(z.string()),
      ready: z.boolean(),
      accounts: z.number().int(),
      sessions: z.number().int(),
      push: z.string(),
      alarms: z
        .array(z.string())
        .openapi({ description: 'What the operator must hear about push, backups and certificates.' }),
      data_dir: z.string(),
      config: z.string().nullable(),
      pid: z.number().int(),
      uptime_seconds: z.number().int(),
      memory_bytes: z.number().int(),
    })
    .openapi('Status')
  app.openapi(
    route(scope('status'), {
      method: 'get',
      path: '/v1/status',
      operationId: 'getStatus',
      summary: 'What the server is doing',
      responses: { 200: json('Status', status) },
    }),
    async (c) => {
      const { world, readiness, push, pushTarget, backups, certificates, reloads } = c.var.deps
      const { config, store, sessions } = world
      return c.json(
        {
          version: VERSION,
          hosts: config.hosts,
          ready: (await readiness()).every((check) => check.ok),
          accounts: store.accounts.count(),
          sessions: sessions.count,
          push: pushTarget(),
          alarms: [
            ...(push?.alarms() ?? []).map((alarm) => alarm.text),
            ...(backups?.alarms() ?? []),
            ...(certificates?.alarms() ?? []),
            ...(reloads?.alarms() ?? []),
          ],
          data_dir: config.data_dir,
          config: config.source.file ?? null,
          pid: process.pid,
          uptime_seconds: Math.floor(world.uptime() / 1000),
          memory_bytes: process.memoryUsage.rss(),
        },
        200,
      )
    },
  )
}
