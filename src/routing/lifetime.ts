/** The beginning and the end of a session on the road: trips that rest on no row, so a failing disk must not undo them. */
import { getLogger } from '../log.ts'
import type { Feature } from './feature.ts'
import type { Session } from './session.ts'
import { Trip, type World } from './transit.ts'

const log = getLogger('router')
/** How often the end of a session is told again when the turn fails in which it was told. */
const GOODBYES = 5

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

  close(session: Session): void {
    if (session.closed) return
    session.closed = true
    this.#world.sessions.remove(session)
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
      log.error('a session could not be closed properly', { error })
    }
  }
}
