/** Stanzas that a session was sent and its client has not acknowledged, and the counters of both sides (XEP-0198 §4). */
import type { Element } from '../../xmpp/xml.ts'

/** Counters are unsignedInt (§4). */
const WRAP = 2 ** 32

export class SmQueue {
  /** SM-ID; undefined where the client did not ask to be able to resume. */
  readonly id: string | undefined
  /** Time for which the session may be without a stream, ms. */
  readonly max: number
  /** `Session.handled` when counting began. */
  readonly base: number
  /** Stanzas that the client has acknowledged, of all that were ever sent. */
  acked: number
  /** Sent since, in order. */
  waiting: Element[] = []
  /** An <r/> is on its way and not answered. */
  requested = false
  /** <enabled/> is written: what follows counts. */
  counting = false
  /** Time at which a session without a stream ends, ms since the epoch. */
  until = Number.POSITIVE_INFINITY
  /** Takes back that end. */
  cancel: () => void = () => {}

  constructor(options: { id: string | undefined; max: number; base: number; acked?: number }) {
    this.id = options.id
    this.max = options.max
    this.base = options.base
    this.acked = options.acked ?? 0
  }

  /** `h` for the client. */
  handled(count: number): number {
    return (count - this.base) % WRAP
  }

  get sent(): number {
    return this.acked + this.waiting.length
  }

  /** Takes the client's `h`: what it means as handled now. Undefined where the client claims more than it was sent. */
  take(h: number): Element[] | undefined {
    const n = (h - (this.acked % WRAP) + WRAP) % WRAP
    if (n > this.waiting.length) {
      // A count from before the last one says nothing new.
      return WRAP - n <= Math.min(this.acked, WRAP / 2) ? [] : undefined
    }
    const taken = this.waiting.slice(0, n)
    this.waiting = this.waiting.slice(n)
    this.acked += n
    this.requested = false
    return taken
  }

  /** Takes back the last `take`. */
  giveBack(taken: readonly Element[]): void {
    this.waiting = [...taken, ...this.waiting]
    this.acked -= taken.length
  }
}

/** The unsignedInt in an attribute; undefined for anything else. */
export function readCount(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined
  const value = Number(text)
  return value < WRAP ? value : undefined
}
