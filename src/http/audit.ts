/** /v1/audit: who has changed what, by which door. */
import type { AuditRow } from '../store/audit-table.ts'
import type { HttpDeps } from './deps.ts'
import { idCursor, text, whole } from './fields.ts'
import { type App, route, scope } from './policy.ts'
import { json, z } from './schemas.ts'

const rowSchema = z
  .object({
    id: z.number().int(),
    at: z.string(),
    event: z.string().openapi({ example: 'account disabled' }),
    by: z
      .string()
      .openapi({ description: 'An address, a token, "operator" at the Unix socket, or "server".' }),
    door: z.string(),
    address: z.string().nullable().openapi({ description: 'Network address that it came from.' }),
    about: z.string().nullable().openapi({ description: 'The account or room that it was done to.' }),
    facts: z.record(z.string(), z.unknown()).openapi({ description: 'Further facts; never a secret.' }),
  })
  .openapi('AuditEntry')

export const auditView = ({ at, facts, ...row }: AuditRow) => ({
  ...row,
  at: new Date(at).toISOString(),
  facts: JSON.parse(facts) as Record<string, unknown>,
})

export const auditQuery = z.strictObject({
  about: text(3071).optional().openapi({ description: 'Of this account or room.' }),
  by: text(3071)
    .optional()
    .openapi({ description: 'Of this address, all of its clients; a token; operator.' }),
  event: text(200).optional(),
  door: text(100).optional(),
  since: z.iso
    .datetime({ offset: true })
    .max(40)
    .optional()
    .openapi({ description: 'From this time on.', example: '2026-11-30T00:00:00Z' }),
  cursor: idCursor.optional(),
  limit: whole(1, 500).default(100),
})

/** A page of entries, the newest first, behind that of the cursor. */
export function listAudit({ world }: HttpDeps, asked: z.infer<typeof auditQuery>) {
  const { cursor, limit, since, ...filter } = asked
  const from = since === undefined ? undefined : Date.parse(since)
  const before = cursor === undefined ? undefined : Number(cursor)
  const found = world.store.audit.page({ ...filter, since: from }, before, limit + 1)
  const items = found.slice(0, limit).map(auditView)
  return { items, next: found.length > limit ? String(items.at(-1)?.id) : null }
}

export function addAudit(app: App): void {
  app.openapi(
    route(scope('audit:read'), {
      method: 'get',
      path: '/v1/audit',
      operationId: 'listAudit',
      summary: 'List administrative changes, the newest first',
      request: { query: auditQuery },
      responses: {
        200: json('A page', z.object({ items: z.array(rowSchema), next: z.string().nullable() })),
      },
    }),
    (c) => c.json(listAudit(c.var.deps, c.req.valid('query')), 200),
  )
}
