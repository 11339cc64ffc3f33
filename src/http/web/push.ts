/** The push pages of the web admin. */
import { pushes } from '../../metrics/metrics.ts'
import { countDevices } from '../../push/diagnose/device-metrics.ts'
import type { ProbeResult } from '../../push/apns/probe.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { replayDead } from '../push.ts'
import { html } from './answers.ts'
import type { Pages } from './pages.ts'
import { type Count, PushPage } from './push-page.tsx'

/** `notice`: what the page says after a form. */
export function addPushPages(deps: HttpDeps, routes: Pages): void {
  const show = async (c: Ctx, admin: string, probes?: readonly ProbeResult[]): Promise<Response> => {
    const devices = await countDevices(deps.world.store.pushReports, deps.clock)
    const answers = await countAnswers()
    return html(c, PushPage({ deps, admin, notice: routes.notice(c), devices, answers, probes }))
  }
  routes.get('/admin/push', (c, admin) => show(c, admin))
  routes.post('/admin/push/check', async (c, admin) => show(c, admin, await deps.push?.check()))
  routes.post('/admin/push/replay', async (c) => {
    await replayDead(deps)
    return c.redirect('/admin/push?done=replayed', 303)
  })
}

/** The most frequent first. */
async function countAnswers(): Promise<Count[]> {
  const { values } = await pushes.get()
  return values
    .map(({ labels: { provider, result, reason }, value }) => ({
      provider: String(provider),
      result: String(result),
      reason: String(reason),
      n: value,
    }))
    .sort((a, b) => b.n - a.n)
}
