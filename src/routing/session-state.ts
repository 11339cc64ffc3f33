/**
 * State of a session, declared once by whoever needs it: a change within a trip is undone with that trip,
 * and what is to outlive an orderly restart (XEP-0198 §5) says how it is written down.
 */
import type { Session } from './session.ts'
import type { Trip } from './transit.ts'

/** JSON on the way out and back; `read` may throw, or return undefined for nothing. */
export interface Saved<T> {
  readonly write: (value: T) => unknown
  readonly read: (json: unknown) => T | undefined
}

export class SessionState<T> {
  readonly #values = new WeakMap<Session, T>()

  get(session: Session): T | undefined {
    return this.#values.get(session)
  }

  /** Undefined forgets it. */
  set(t: Trip, session: Session, value: T | undefined): void {
    const before = this.#values.get(session)
    if (before === value) return
    t.undo(() => this.put(session, before))
    this.put(session, value)
  }

  /** The same beyond a trip, for what rests on no row: behind a commit, at a restart. */
  put(session: Session, value: T | undefined): void {
    if (value === undefined) this.#values.delete(session)
    else this.#values.set(session, value)
  }
}

interface Keeper {
  save(session: Session): unknown
  restore(session: Session, json: unknown): void
}

const keepers = new Map<string, Keeper>()

/** `saved` true: the value is JSON by itself, such as `true`. Throws for a name that is saved already. */
export function sessionState<T>(name: string, { saved }: { saved?: Saved<T> | true } = {}): SessionState<T> {
  const state = new SessionState<T>()
  if (!saved) return state
  if (keepers.has(name)) throw new Error(`${name} is saved by somebody else`)
  // What was written by this name was of this type.
  const { write, read } =
    saved === true ? { write: (value: T) => value, read: (json: unknown) => json as T } : saved
  keepers.set(name, {
    save(session) {
      const value = state.get(session)
      return value === undefined ? undefined : write(value)
    },
    restore: (session, json) => state.put(session, read(json)),
  })
  return state
}

/** Everything that is to be known of a session at the next start, by name; what is undefined JSON leaves out. */
export const saveStates = (session: Session): Record<string, unknown> =>
  Object.fromEntries([...keepers].map(([name, keeper]) => [name, keeper.save(session)]))

export function restoreStates(session: Session, saved: Readonly<Record<string, unknown>>): void {
  for (const [name, keeper] of keepers) if (saved[name] !== undefined) keeper.restore(session, saved[name])
}
