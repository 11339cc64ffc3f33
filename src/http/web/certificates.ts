/** /admin/certificates: those in force, and new ones. */
import { reloadNow, renewNow, running } from '../certificates.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { html, said } from './answers.ts'
import { CertificatesPage } from './certificates-page.tsx'
import type { Pages } from './pages.ts'

export function addCertificatePages(deps: HttpDeps, { get, post, notice }: Pages): void {
  const show = (c: Ctx, admin: string, error?: string) => {
    const door = running(deps)
    const page = CertificatesPage({
      admin,
      items: door.list(),
      alarms: door.alarms(),
      notice: notice(c),
      error,
    })
    return html(c, page, error === undefined ? 200 : 422)
  }
  const act = (path: string, work: () => Promise<void>) =>
    post(`/admin/certificates/${path}`, async (c, admin) => {
      try {
        await work()
      } catch (error) {
        return show(c, admin, said(error))
      }
      return c.redirect('/admin/certificates?done=certificates', 303)
    })
  get('/admin/certificates', (c, admin) => show(c, admin))
  act('renew', () => renewNow(deps, running(deps)))
  act('reload', () => reloadNow(running(deps)))
}
