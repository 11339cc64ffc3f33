/**
 * TLS handshakes, begun one in a pass of the loop, in their order. The runtime reads the sockets of no more than five
 * unfinished handshakes in one pass and takes the newest of the rest first, so that under many of them single ones wait for
 * seconds. What begins slowly enough never gets into that queue.
 */
import { networkOf } from '../net/address.ts'
import type { Clock } from '../store/clock.ts'

type Begin = () => void

export class Handshakes {
  readonly #clock: Clock
  /** Milliseconds from one of a suspect to the next. */
  readonly #rest: number
  readonly #good = new Set<Begin>()
  /** By their networks, which take turns: who mistyped a password waits for one of each guesser, not for all. */
  readonly #suspects = new Map<string, Set<Begin>>()
  #hasBegun = false
  #isResting = false

  /** Suspects, of whom so many a second are served in all, come behind everybody else. */
  constructor(clock: Clock, suspectsPerSecond: number) {
    this.#clock = clock
    this.#rest = 1000 / suspectsPerSecond
  }

  /** Calls `begin` at once or later; the returned function cancels it. */
  add(ip: string, isSuspect: boolean, begin: Begin): () => void {
    const queue = isSuspect ? this.#queueOf(networkOf(ip)) : this.#good
    queue.add(begin)
    this.#serve()
    return () => void queue.delete(begin)
  }

  #queueOf(network: string): Set<Begin> {
    const queue = this.#suspects.get(network) ?? new Set<Begin>()
    this.#suspects.set(network, queue)
    return queue
  }

  #serve(): void {
    if (this.#hasBegun) return
    const begin = first(this.#good) ?? this.#suspect()
    if (!begin) return
    this.#hasBegun = true
    setImmediate(() => {
      this.#hasBegun = false
      this.#serve()
    })
    begin()
  }

  #suspect(): Begin | undefined {
    if (this.#isResting) return undefined
    for (const [network, queue] of this.#suspects) {
      const begin = first(queue)
      this.#suspects.delete(network)
      if (queue.size > 0) this.#suspects.set(network, queue)
      if (!begin) continue
      this.#isResting = true
      this.#clock.after(this.#rest, () => {
        this.#isResting = false
        this.#serve()
      })
      return begin
    }
    return undefined
  }
}

/** Takes it out. */
function first(queue: Set<Begin>): Begin | undefined {
  for (const begin of queue) {
    queue.delete(begin)
    return begin
  }
  return undefined
}
