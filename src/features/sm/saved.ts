/** Resumable sessions across an orderly restart (XEP-0198 §5): everything that the server remembers of them. */
import type { Account } from '../../store/accounts.ts'
import type { UserAgent } from '../../store/clients.ts'
import type { SavedStanza } from '../../store/sm.ts'
import { Jid } from '../../xmpp/jid.ts'
import { readStored } from '../../xmpp/stored.ts'
import type { Given } from '../../routing/outcome.ts'
import { Hibernation, Session } from '../../routing/session.ts'
import { restoreStates, saveStates } from '../../routing/session-state.ts'
import { SmQueue } from './queue.ts'
import type { Trip } from '../../routing/transit.ts'
import { give, givenOf, written } from '../../routing/delivery.ts'

export interface Loaded {
  readonly id: string
  readonly session: Session
  readonly queue: SmQueue
  /** Time after which it can no longer be resumed, ms since the epoch; one that is over by then still has to be ended. */
  readonly until: number
}

/** Beside what features remember: what the road itself knows of a session. */
const CORE = ' core'

interface Core {
  /** Which app it is, so that its own phone is not rung and it can be logged out. */
  readonly agent?: UserAgent | undefined
  readonly presence?: string | undefined
  readonly priority: number
  readonly sendingOffline: boolean
}

const coreOf = ({ agent, presence, priority, delivery }: Session): Core => ({
  agent,
  presence: presence?.toString(),
  priority,
  sendingOffline: delivery.sendingOffline,
})

function restoreCore(session: Session, core: Core | undefined): void {
  if (!core) return
  session.agent = core.agent
  session.presence = core.presence === undefined ? undefined : readStored('presence', core.presence)
  session.priority = session.presence ? core.priority : 0
  session.delivery.sendingOffline = core.sendingOffline
}

export function save(t: Trip, id: string, session: Session, queue: SmQueue): void {
  const stanzas = queue.waiting.map((el, n): SavedStanza => {
    const message = givenOf(session, el)
    return {
      session: id,
      n,
      offlineId: message?.id ?? null,
      live: message?.live ?? false,
      xml: el.toString(),
    }
  })
  t.store.sm.save(
    {
      id,
      accountId: session.account.id,
      resource: session.jid.resource,
      since: session.since,
      until: queue.until,
      handled: queue.handled(session.handled),
      acked: queue.acked,
      max: queue.max,
      state: JSON.stringify({ ...saveStates(session), [CORE]: coreOf(session) }),
    },
    stanzas,
  )
}

/** Sessions as they were, without their streams. From here on the rows are gone: what follows lives in memory. */
export function load(t: Trip): Loaded[] {
  const loaded: Loaded[] = []
  const shared = new Map<number, Given>()
  const saved = t.store.sm.sessions()
  for (const row of saved) {
    const account = t.store.accounts.byId(row.accountId)
    if (!account) continue
    const isOver = account.disabled || row.until <= t.now
    const jid = Jid.parse(account.jid).withResource(row.resource)
    const session = new Session(jid, account, NOWHERE, row.since)
    new Hibernation(session, '', (ended) => t.world.end(ended))
    session.handled = row.handled
    const queue = new SmQueue({ id: row.id, max: row.max, base: 0, acked: row.acked })
    session.delivery.acknowledges = true
    session.resumable = true
    // What one that is over leaves behind is found in flight, as after a crash.
    for (const stanza of isOver ? [] : t.store.sm.stanzas(row.id)) {
      const given = givenAgain(t, account, stanza, shared)
      // What cannot be read any more still has its place in the count.
      const el = given?.el ?? readStored('message', stanza.xml)
      queue.waiting.push(el)
      if (!given) continue
      give(t, session, given)
      written(session, el, t.world.clock.monotonic())
    }
    // JSON of our own making.
    const state = JSON.parse(row.state) as Record<string, unknown> & { [CORE]?: Core }
    restoreCore(session, state[CORE])
    restoreStates(session, state)
    t.sessions.add(session)
    loaded.push({ id: row.id, session, queue, until: isOver ? 0 : row.until })
  }
  if (saved.length > 0) t.store.sm.forget()
  return loaded
}

/** One message that several sessions have is one again: what one of them shows holds for all. */
function givenAgain(
  t: Trip,
  account: Account,
  { offlineId: id, live, xml }: Omit<SavedStanza, 'session' | 'n'>,
  shared: Map<number, Given>,
): Given | undefined {
  if (id === null) return undefined
  const known = live ? shared.get(id) : undefined
  if (known?.el.toString() === xml) return known
  const el = readStored('message', xml)
  const stored = t.store.messages.isStored(id)
  // The row of a message goes when somebody has shown to have it. A room's has none: the room knows who may not have it.
  const ofRoom =
    !stored && t.world.domains.serviceAt(Jid.parse(el.attrs.from ?? account.jid).domain) !== undefined
  const given: Given = { ...OLD, id, account, el, live, ofRoom, stored: !ofRoom, arrived: !stored && !ofRoom }
  if (live) shared.set(id, given)
  return given
}

const OLD = { archived: false, awaited: 0 }

/** Until the session hibernates, a line further on. */
const NOWHERE = { send() {}, close() {}, ip: '', kind: 'hibernating' }
