/** The log for those who look at it while the server runs: its latest entries, and those that follow. */
import { type LogEntry, type LogLevel, tapLog } from '../log.ts'

export interface Wanted {
  readonly level: LogLevel
  /** Bare address of an account: only entries that name it or one of its clients. */
  readonly user?: string | undefined
}

/** Entries that are kept. */
const KEPT = 500
const SEVERITY: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

export class LogTail {
  readonly #kept: LogEntry[] = []
  #end: (() => void) | undefined

  /** Keeps what the output has from now on; returns what ends it. */
  start(): () => void {
    this.#end ??= tapLog(undefined, (entry) => {
      if (this.#kept.push(entry) > KEPT) this.#kept.shift()
    })
    return () => {
      this.#end?.()
      this.#end = undefined
    }
  }

  /** The latest that are wanted, the oldest first. */
  latest(wanted: Wanted, most: number): LogEntry[] {
    const wants = wanting(wanted)
    return most === 0 ? [] : this.#kept.filter(wants).slice(-most)
  }

  /** Calls `hear` with each that is wanted, also where the output leaves it out; returns what ends it. */
  watch(wanted: Wanted, hear: (entry: LogEntry) => void): () => void {
    const wants = wanting(wanted)
    return tapLog(wanted.level, (entry) => {
      if (wants(entry)) hear(entry)
    })
  }
}

function wanting({ level, user }: Wanted): (entry: LogEntry) => boolean {
  const least = SEVERITY.indexOf(level)
  const names = user === undefined ? () => true : naming(user)
  return (entry) => SEVERITY.indexOf(entry.level) >= least && names(Object.values(entry.fields))
}

/** Whether a text somewhere in the value has the address as a word of its own, or with a resource behind it. */
function naming(user: string): (value: unknown) => boolean {
  const word = new RegExp(`(?<![^\\s"'(<,=])${RegExp.escape(user)}(?=$|[\\s"')>,;:/]|\\.(?:$|\\s))`)
  const names = (value: unknown): boolean => {
    if (typeof value === 'string') return value.includes(user) && word.test(value)
    return typeof value === 'object' && value !== null && Object.values(value).some(names)
  }
  return names
}
