/**
 * Progress of long work: on a terminal one line that is drawn anew, with a bar, the rate and the time that is left; elsewhere
 * plain lines, few enough for a log. It is written to standard error, since standard output is for the result.
 */
import { printable } from './output.ts'

/** Unit of what is counted: bytes are shown in MB, all else as it is. */
export interface ProgressOptions {
  readonly label: string
  /** "bytes", or the plural of what is counted, such as "messages". */
  readonly unit: string
  readonly write?: (text: string) => void
  /** Columns of the terminal; undefined: no terminal. */
  readonly columns?: number | undefined
  /** Milliseconds. */
  readonly now?: () => number
}

/** Milliseconds between two drawings. */
const REDRAW_MS = 100
/** Milliseconds between two plain lines. */
const LINE_MS = 10_000
const BAR = 20
const NARROW = 60
const MIB = 1024 * 1024

export class Progress {
  readonly #unit: string
  readonly #write: (text: string) => void
  readonly #columns: number | undefined
  readonly #now: () => number
  #label: string
  #phaseAt: number
  #phaseFrom = 0
  #shownAt = Number.NEGATIVE_INFINITY
  #drawn = false

  constructor({ label, unit, write, columns, now }: ProgressOptions) {
    this.#label = label
    this.#unit = unit
    this.#write = write ?? ((text) => void process.stderr.write(text))
    this.#columns = columns
    this.#now = now ?? (() => performance.now())
    this.#phaseAt = this.#now()
  }

  /** One for standard error as it is. */
  static here(label: string, unit: string): Progress {
    const { isTTY, columns } = process.stderr
    return new Progress({ label, unit, columns: isTTY ? columns || 80 : undefined })
  }

  /** `total` is undefined while nobody knows it; another `label` begins a part whose rate is its own. */
  update(done: number, total?: number, label = this.#label): void {
    const now = this.#now()
    if (label !== this.#label) {
      this.#label = label
      this.#phaseAt = now
      this.#phaseFrom = done
      this.#shownAt = Number.NEGATIVE_INFINITY
    }
    const isTerminal = this.#columns !== undefined
    if (now - this.#shownAt < (isTerminal ? REDRAW_MS : LINE_MS)) return
    this.#shownAt = now
    const text = this.#text(done, total, now)
    if (!isTerminal) return this.#write(`${text}\n`)
    this.#drawn = true
    this.#write(`\r\x1b[K${text.slice(0, (this.#columns ?? 80) - 1)}`)
  }

  /** Clears the line, so that what follows stands where it was. */
  end(): void {
    if (this.#drawn) this.#write('\r\x1b[K')
    this.#drawn = false
  }

  #text(done: number, total: number | undefined, now: number): string {
    const seconds = (now - this.#phaseAt) / 1000
    const rate = seconds > 0 ? (done - this.#phaseFrom) / seconds : 0
    const parts = [printable(this.#label)]
    if (total !== undefined && total > 0) {
      const share = Math.min(1, done / total)
      if ((this.#columns ?? 0) >= NARROW) parts.push(bar(share))
      parts.push(`${Math.floor(share * 100)} %`, `${this.#amount(done)} of ${this.#amount(total)}`)
    } else parts.push(this.#amount(done))
    if (rate > 0) {
      parts.push(`${this.#amount(rate)}/s`)
      if (total !== undefined && total > done) parts.push(`${timeLeft((total - done) / rate)} left`)
    }
    return parts.join('  ')
  }

  #amount(value: number): string {
    if (this.#unit !== 'bytes') return `${Math.round(value)} ${this.#unit}`
    return `${(value / MIB).toFixed(value < 10 * MIB ? 1 : 0)} MB`
  }
}

const bar = (share: number): string => {
  const full = Math.round(share * BAR)
  return `[${'#'.repeat(full)}${'-'.repeat(BAR - full)}]`
}

/** "45 s", "3 min 10 s", "2 h 5 min". */
export function timeLeft(seconds: number): string {
  const s = Math.ceil(seconds)
  if (s < 60) return `${s} s`
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`
}
