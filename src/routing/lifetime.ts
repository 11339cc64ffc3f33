/** The beginning and the end of a session on the road: trips that rest on no row, so a failing disk must not undo them. */
import { getLogger } from '../log.ts'
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import { DatabaseBusy } from '../store/write-lock.ts'
import type { Feature } from './feature.ts'
import { requeueRest } from './redelivery.ts'
import { Hibernation, type Outlet, type Session } from './session.ts'
import { Trip, type World } from './transit.ts'

const log = getLogger('router')
/** Times that the end of a session is told again when the turn fails in which it was told. */
const GOODBYES = 5

const note = (event: string, { jid, outlet }: Session): void => {
  if (log.enabled('debug')) log.debug(event, { jid: jid.toString(), transport: outlet.kind, ip: outlet.ip })
}

export class Lifetime {
  readonly #world: World
  readonly #features: readonly Feature[]
  readonly #drain: (t: Trip) => void

  constructor(world: World, features: readonly Feature[], drain: (t: Trip) => void) {
    this.#world = world
    this.#features = features
    this.#drain = drain
  }

  open(session: Session): void {
    const { sessions, store } = this.#world
    // Not undone by a turn that fails: the client has been told that it is bound.
    sessions.add(session)
    note('a session begins', session)
    try {
      store.turn.trip(() => {
        const t = new Trip(this.#world)
        for (const feature of this.#features) feature.opened?.(t, session)
        this.#drain(t)
      })
    } catch (error) {
      sessions.remove(session)
      throw error
    }
  }

  /** The stream `outlet` of a session is gone without a goodbye; unless a feature keeps the session, so is that. */
  detach(session: Session, outlet: Outlet): void {
    if (session.closed || session.outlet !== outlet) return
    try {
      const kept = this.#world.store.turn.trip(() => {
        const t = new Trip(this.#world)
        const keeps = this.#features.some((feature) => feature.detached?.(t, session) === 'stop')
        this.#drain(t)
        return keeps
      })
      if (!kept) return this.close(session)
      note('a session waits for its client to come back', session)
      new Hibernation(session, outlet.ip, (ended) => this.close(ended))
    } catch (error) {
      if (error instanceof DatabaseBusy)
        return this.#world.store.turn.lock.whenFree(() => this.detach(session, outlet))
      log.error('a lost connection could not be kept for its return', { error })
      this.close(session)
    }
  }

  /** Before anybody can connect: what the last run left to do. */
  start(): void {
    const { store, config } = this.#world
    this.#once((feature, t) => feature.started?.(t))
    // There is a loop to be kept free from here on.
    store.turn.lock.putOff(config.limits.write_lock_wait)
  }

  /** While streams are there: what clients should hear before they end. */
  farewell(): void {
    try {
      this.#once((feature, t) => feature.service?.farewell?.(t))
    } catch (error) {
      log.error('clients could not be told of the stop', { error })
    }
  }

  /** After the last stream has ended: what the next run must know. */
  stop(): void {
    const { store, config } = this.#world
    store.turn.lock.block(config.limits.write_lock_wait)
    for (const session of this.#world.sessions.all()) if (session.hibernating) this.#catchUp(session)
    this.#once((feature, t) => feature.stopping?.(t))
  }

  /** Messages that it was given go where the rest is kept: into the queue of what it can resume. */
  #catchUp(session: Session): void {
    for (const el of session.delivery.afterOffline) this.#world.outbound.deliver(session, el)
    session.delivery.afterOffline = []
  }

  #once(hook: (feature: Feature, t: Trip) => void): void {
    this.#world.store.turn.trip(() => {
      const t = new Trip(this.#world)
      for (const feature of this.#features) hook(feature, t)
      this.#drain(t)
    })
  }

  close(session: Session): void {
    if (session.closed) return
    session.closed = true
    note('a session ends', session)
    this.#world.sessions.remove(session)
    // That others hear of the end must not hang on rows, nor rows on that: said outside of a trip, no failure takes it back.
    this.#world.store.turn.after(() => this.#world.insist((t) => requeueRest(t, session)))
    this.#leave(session, GOODBYES)
  }

  /** Contacts hear of the end; if the turn in which they were told fails, in a later one. */
  #leave(session: Session, tries: number): void {
    const { turn } = this.#world.store
    const again = () => {
      if (tries > 1) turn.after(() => this.#leave(session, tries - 1))
    }
    try {
      turn.trip(() => {
        const t = new Trip(this.#world)
        for (const feature of this.#features) feature.closed?.(t, session)
        this.#drain(t)
      }, again)
    } catch (error) {
      if (error instanceof DatabaseBusy) return turn.lock.whenFree(() => this.#leave(session, tries))
      log.error('a session could not be closed properly', { error })
    }
  }
}

/** Removes the account and everything that belongs to it, tells its contacts and ends its streams. */
export function deleteAccount(t: Trip, features: readonly Feature[], account: Jid): void {
  const row = t.store.accounts.find(account.bare)
  if (!row) throw new StanzaError('item-not-found')
  for (const feature of features) feature.deleted?.(t, account)
  t.store.accounts.delete(row)
  for (const session of t.sessions.of(account.bare)) {
    t.after(() => session.outlet.close(new StreamError('not-authorized', 'The account was deleted.')))
  }
}
