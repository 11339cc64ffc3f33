/** /admin/audit: who has changed what. */
import { auditQuery, listAudit } from '../audit.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { filled, html } from './answers.ts'
import { AuditPage } from './audit-page.tsx'
import { trailLinks } from './lists.ts'
import type { Pages } from './pages.ts'

const PAGE = 50

export function addAuditPage(deps: HttpDeps, { get }: Pages): void {
  get('/admin/audit', (c: Ctx, admin: string) => {
    const asked = auditQuery.safeParse(filled(c.req.query())).data ?? { limit: PAGE }
    const { about, by } = asked
    const { items, next } = listAudit(deps, { ...asked, limit: PAGE })
    return html(c, AuditPage({ admin, about, by, items, links: trailLinks(c, next) }))
  })
}
