/**
 * Trips that are no stanza's: of a program, of the command line, of a clock. Work that has been promised and rests on rows
 * is tried again where its trip or its turn fails, so that a disk that was full for an hour costs nobody a message. What
 * is never done waits in the rows for the next start, if there are any.
 */
import { getLogger } from '../log.ts'
import { keepActor } from '../store/audit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { TurnFailed } from '../store/turn-failed.ts'
import { DatabaseBusy } from '../store/write-lock.ts'
import { toError } from './guard.ts'
import { Trip, type World } from './transit.ts'

const log = getLogger('router')

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
        if (error instanceof DatabaseBusy) return turn.lock.whenFree(keepActor(go))
        reject(error instanceof TurnFailed ? error.refusal : toError(error))
      }
    }
    go()
  })
}

/** Before the second try, doubled before each further one. Not at once: a turn that fails takes its neighbours along. */
const PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
/** Somebody has to make room on the disk, and may be asleep. */
const PATIENCE_MS = 24 * 3_600_000
/** A trip that throws by itself is a bug, which time does not mend. */
const BUGS = 5

/** Runs `f` as a trip; all that a failed try has changed is undone before the next, and before `givenUp`. */
export function insist(
  world: World,
  run: (f: (t: Trip) => void) => Promise<void>,
  f: (t: Trip) => void,
  givenUp?: () => void,
): void {
  const { clock, store } = world
  const end = clock.monotonic() + PATIENCE_MS
  const go = (tries: number): void =>
    void run(f).catch((error: unknown) => {
      // The process is about to end.
      if (store.turn.dead) return
      const pause = Math.min(PAUSE_MS * 2 ** (tries - 1), LONGEST_PAUSE_MS)
      const goesOn = isOfStore(error) ? clock.monotonic() + pause <= end : tries < BUGS
      if (!goesOn) {
        log.error('work put off to a later turn is given up', { error, tries })
        return givenUp?.()
      }
      if (tries === 1) log.error('work put off to a later turn failed and is tried again', { error })
      clock.after(pause, () => go(tries + 1))
    })
  go(1)
}

const isOfStore = (error: unknown): boolean =>
  error instanceof StanzaError && error.condition === 'resource-constraint'
