/** /admin/audit: who has changed what. */
import { auditQuery, auditView } from '../audit.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { filled, html } from './answers.ts'
import { AuditPage } from './audit-page.tsx'
import type { Pages } from './pages.ts'

const PAGE = 50

export function addAuditPage({ world }: HttpDeps, { get }: Pages): void {
  get('/admin/audit', (c: Ctx, admin: string) => {
    const { about, by, cursor } = auditQuery.safeParse(filled(c.req.query())).data ?? {}
    const rows = world.store.audit.page(
      { about, by },
      cursor === undefined ? undefined : Number(cursor),
      PAGE,
    )
    const last = rows.at(-1)
    const next = rows.length === PAGE && last ? String(last.id) : undefined
    return html(c, AuditPage({ admin, rows: rows.map(auditView), about, by, next }))
  })
}
