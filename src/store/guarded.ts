/** Functions that a turn runs and does not depend on: an error is a bug that must not cost the others theirs. */
import { getLogger } from '../log.ts'

const log = getLogger('turn')

/** `event` is what the log says where it throws. */
export function guard(event: string, f: () => void): void {
  try {
    f()
  } catch (error) {
    log.error(event, { error })
  }
}

export function runReversed(undo: readonly (() => void)[]): void {
  for (let i = undo.length - 1; i >= 0; i--) {
    const fn = undo[i]
    if (fn) guard('a change in memory could not be taken back', fn)
  }
}

/** The error that `f` throws, if it does. */
export function caught(f: () => void): { readonly cause: unknown } | undefined {
  try {
    f()
  } catch (cause) {
    return { cause }
  }
  return undefined
}
