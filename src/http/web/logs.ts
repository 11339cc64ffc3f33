/** /admin/logs: the log, live. */
import type { LogEntry } from '../../log.ts'
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
/** Time in which a browser whose events have ended asks for more of them. */
const COMES_AGAIN = 10_000

export function addLogPage(app: App, deps: HttpDeps, sessions: WebSessions, { get }: Pages): void {
  const followed = new Followed(deps)
  get('/admin/logs', (c, admin) => {
    const { wanted, error } = asked(c)
    const part = c.req.query('still') === undefined ? partOf(wanted) : undefined
    const user = c.req.query('user') ?? ''
    return html(
      c,
      LogsPage({ ...{ admin, part, user, error }, level: wanted.level, items: followed.read(wanted) }),
    )
  })
  const broadcast = new Broadcast({ clock: deps.clock, every: EVERY })
  addEvents(app, sessions, '/admin/logs/events', (c, may) => {
    const { wanted } = asked(c)
    const make = async () => String(await Lines({ items: followed.follow(wanted) }))
    const left = () => followed.left(wanted)
    return broadcast.answer(c, [{ name: partOf(wanted), make, left } satisfies Part], may)
  })
}

interface Following {
  readonly heard: LogEntry[]
  readonly end: () => void
  /** Of the clock that ends it when nobody looks. */
  cancel: () => void
}

/** Entries of those who follow, also of levels that the output leaves out: these are kept while somebody looks. */
class Followed {
  readonly #deps: HttpDeps
  readonly #all = new Map<string, Following>()

  constructor(deps: HttpDeps) {
    this.#deps = deps
  }

  read(wanted: Wanted): readonly LogEntry[] {
    return this.#all.get(partOf(wanted))?.heard ?? this.#deps.logs?.latest(wanted, SHOWN) ?? []
  }

  follow(wanted: Wanted): readonly LogEntry[] {
    const name = partOf(wanted)
    const { logs } = this.#deps
    const known = this.#all.get(name)
    known?.cancel()
    if (known || !logs) return known?.heard ?? []
    const heard = logs.latest(wanted, SHOWN)
    const end = logs.watch(wanted, (entry) => {
      if (heard.push(entry) > SHOWN) heard.shift()
    })
    this.#all.set(name, { heard, end, cancel: () => undefined })
    return heard
  }

  left(wanted: Wanted): void {
    const name = partOf(wanted)
    const one = this.#all.get(name)
    if (!one) return
    one.cancel()
    one.cancel = this.#deps.clock.after(COMES_AGAIN, () => {
      one.end()
      this.#all.delete(name)
    })
  }
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
