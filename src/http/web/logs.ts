/** /admin/logs: the log, live. */
import { logQuery } from '../logs.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import type { App } from '../policy.ts'
import { filled, html } from './answers.ts'
import { Broadcast, type Part } from './broadcast.ts'
import { addEvents } from './live.ts'
import { Lines, LogsPage } from './logs-page.tsx'
import type { Pages } from './pages.ts'
import type { WebSessions } from './session.ts'

/** Lines of a page. */
const SHOWN = 200
/** Milliseconds. */
const EVERY = 2_000

export function addLogPage(app: App, deps: HttpDeps, sessions: WebSessions, { get }: Pages): void {
  const latest = (wanted: Wanted) => deps.logs?.latest(wanted, SHOWN) ?? []
  get('/admin/logs', (c, admin) => {
    const { wanted, error } = asked(c)
    const part = c.req.query('still') === undefined ? partOf(wanted) : undefined
    const user = c.req.query('user') ?? ''
    return html(c, LogsPage({ ...{ admin, part, user, error }, level: wanted.level, items: latest(wanted) }))
  })
  const broadcast = new Broadcast({ clock: deps.clock, every: EVERY })
  addEvents(app, sessions, '/admin/logs/events', (c, may) => {
    const { wanted } = asked(c)
    const make = async () => String(await Lines({ items: latest(wanted) }))
    return broadcast.answer(c, [{ name: partOf(wanted), make } satisfies Part], may)
  })
}

type Wanted = Pick<ReturnType<typeof logQuery.parse>, 'level' | 'user'>

/** Of what cannot be meant all is shown, and why is said. */
function asked(c: Ctx): { wanted: Wanted; error: string | undefined } {
  const { level, user } = filled(c.req.query())
  const { data, error } = logQuery.safeParse({ level, user })
  if (data) return { wanted: data, error: undefined }
  return { wanted: { level: 'info' }, error: error.issues.map(({ message }) => message).join(' ') }
}

/** Name of the part, the same for all who ask for the same; an element's id too, since no blanks are in an address. */
const partOf = ({ level, user = '' }: Wanted): string => `log-${level}-${user}`
