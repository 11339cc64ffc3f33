/** A trip that is no stanza's: of a program, of the command line, of a clock. */
import { keepActor } from '../store/audit.ts'
import { TurnFailed } from '../store/turn-failed.ts'
import { LockHeld } from '../store/write-lock.ts'
import { toError } from './guard.ts'
import { Trip, type World } from './transit.ts'

/** Settles after the commit of what `f` wrote; rejects with what `f` throws, or a StanzaError where it was not stored. */
export function runTrip<T>(world: World, drain: (t: Trip) => void, f: (t: Trip) => T): Promise<T> {
  const { turn } = world.store
  return new Promise<T>((resolve, reject) => {
    const go = () => {
      try {
        turn.trip(() => {
          const t = new Trip(world)
          const result = f(t)
          drain(t)
          turn.after(() => resolve(result))
        }, reject)
      } catch (error) {
        if (error instanceof LockHeld) return turn.lock.whenFree(keepActor(go))
        reject(error instanceof TurnFailed ? error.refusal : toError(error))
      }
    }
    go()
  })
}
