/** An answer of log entries, a JSON object a line, that goes on while somebody reads. */
import { jsonLine, type LogEntry } from '../log.ts'
import type { Clock } from '../store/clock.ts'

export interface LogStreamOptions {
  readonly clock: Clock
  /** Those that the answer begins with. */
  readonly first: readonly LogEntry[]
  /** Calls with each further one; returns what ends it. */
  readonly watch: (hear: (entry: LogEntry) => void) => () => void
  /** Whether the reader still may. */
  readonly may: () => Promise<boolean>
  /** Milliseconds for which it goes on. */
  readonly longest: number
}

/** Milliseconds between two looks at what waits. */
const EVERY = 250
/** Lines of one look: no reader is sent more than 400 a second. */
const BATCH = 100
/** Lines that wait for a reader; beyond it the oldest are forgotten, and how many is told. */
const WAITING = 1000
/** Bytes on their way to a reader; as long as he does not take them no more are given. */
const UNREAD = 64 * 1024
/** Milliseconds after which the reader's right is looked at again, and an empty line shows that the connection lives. */
const QUIET = 5_000

const encoder = new TextEncoder()

export function logStream({
  clock,
  first,
  watch,
  may,
  longest,
}: LogStreamOptions): ReadableStream<Uint8Array> {
  const queue = first.map(jsonLine)
  let lost = 0
  let over = false
  const end = watch((entry) => {
    queue.push(jsonLine(entry))
    while (queue.length > WAITING) {
      queue.shift()
      lost++
    }
  })
  const until = clock.monotonic() + longest
  let looked = clock.monotonic()

  const finish = (): void => {
    if (!over) end()
    over = true
  }
  /** At most a batch; a note of what is missing stands where it would have been. */
  const next = (): string => {
    const note = lost > 0 ? jsonLine(lostEntry(clock.now(), lost)) : ''
    lost = 0
    return note + queue.splice(0, BATCH).join('')
  }

  async function run(out: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (!over) {
      const now = clock.monotonic()
      const isQuiet = now - looked >= QUIET
      if (isQuiet) looked = now
      const ends = now >= until || (isQuiet && !(await may()))
      // Meanwhile he may have left.
      if (over) return
      if (ends) {
        finish()
        return out.close()
      }
      const text = (out.desiredSize ?? 0) > 0 ? next() : ''
      if (text !== '' || isQuiet) out.enqueue(encoder.encode(text === '' ? '\n' : text))
      await new Promise<void>((resolve) => void clock.after(EVERY, resolve))
    }
  }

  return new ReadableStream<Uint8Array>(
    { start: (out) => void run(out), cancel: finish },
    new ByteLengthQueuingStrategy({ highWaterMark: UNREAD }),
  )
}

const lostEntry = (now: number, lines: number): LogEntry => ({
  time: new Date(now).toISOString(),
  ...{ level: 'warn', area: 'log', event: 'lines were forgotten: they came faster than they were read' },
  fields: { lines },
})
