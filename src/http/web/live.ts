/** The dashboard, and the events that keep an open one as it would be if it were loaded again. */
import { certificateExpiry } from '../../metrics/metrics.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { declare, type App, page } from '../policy.ts'
import { html } from './answers.ts'
import { Broadcast, type Part } from './broadcast.ts'
import { DashboardPage, Moment, type Now } from './dashboard.tsx'
import type { Pages } from './pages.ts'
import { Plots, type Span, spanOf } from './plots.tsx'
import type { WebSessions } from './session.ts'
import { type Language, languageNow } from './words.ts'

/** Milliseconds. */
const EVERY = 2_000
const MINUTE = 60_000

export function addDashboard(app: App, deps: HttpDeps, sessions: WebSessions, { get, notice }: Pages): void {
  get('/admin/', async (c, admin) => {
    const span = spanOf(c.req.query('span'))
    return html(c, DashboardPage({ deps, now: await lookAt(deps), admin, span, notice: notice(c) }))
  })
  const broadcast = new Broadcast({ clock: deps.clock, every: EVERY })
  const now: Part = { name: 'now', make: async () => String(await Moment({ deps, now: await lookAt(deps) })) }
  const plots = { hour: plotsOf(deps, 'hour'), day: plotsOf(deps, 'day'), month: plotsOf(deps, 'month') }
  addEvents(app, sessions, '/admin/events', (c, may) =>
    broadcast.answer(c, [now, plots[spanOf(c.req.query('span'))]], may),
  )
}

/** Rows come once a minute, so the plots are made as often. */
function plotsOf(deps: HttpDeps, span: Span): Part {
  let minute = -1
  const made = new Map<Language, string>()
  const make = async (): Promise<string> => {
    // A few seconds behind the minute, when its row is there.
    const current = Math.floor((deps.clock.now() - 2 * EVERY) / MINUTE)
    if (current !== minute) made.clear()
    minute = current
    const language = languageNow()
    const text = made.get(language) ?? String(await Plots({ deps, span }))
    made.set(language, text)
    return text
  }
  return { name: `plots-${span}`, make }
}

/** A route of events for administrators; who is none any more gets no further ones, and looking is no use of a session. */
export function addEvents(
  app: App,
  sessions: WebSessions,
  path: string,
  answer: (c: Ctx, may: () => boolean) => Response,
): void {
  declare('get', path, page)
  app.get(path, (c) => {
    const may = (): boolean => sessions.holds(c)
    // Not a way to the login, which the browser would follow and ask again and again.
    return may() ? answer(c, may) : c.body(null, 204)
  })
}

async function lookAt(deps: HttpDeps): Promise<Now> {
  const checks = await deps.readiness()
  const { values } = await certificateExpiry.get()
  const certificates = values
    .filter(({ value }) => value > 0)
    .map(({ labels, value }) => ({ host: String(labels.host), ends: value * 1000 }))
    .sort((one, other) => one.ends - other.ends)
  return { checks, certificates }
}
