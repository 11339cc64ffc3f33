/** /admin/doctor: what is wrong, and how to mend it. */
import { examined } from '../doctor.ts'
import type { HttpDeps } from '../deps.ts'
import { html } from './answers.ts'
import { DoctorPage } from './doctor-page.tsx'
import type { Pages } from './pages.ts'

export function addDoctorPage(deps: HttpDeps, { get }: Pages): void {
  get('/admin/doctor', async (c, admin) => html(c, DoctorPage({ admin, results: await examined(deps) })))
}
