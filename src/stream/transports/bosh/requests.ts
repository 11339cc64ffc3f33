/**
 * The requests of one BOSH session: which came, which wait for an answer, which answers may be asked for again
 * (XEP-0124 §9, §14). It counts and orders; what the answers say is the session's business.
 */
import { createHash } from 'node:crypto'
import { BoshError, type BoshRequest, writeBody } from './body.ts'

export interface Held {
  readonly rid: number
  readonly request: BoshRequest
  /** Monotonic ms of its arrival. */
  readonly at: number
  /** Undefined while the connection that brought it is gone; the client may come back for it. */
  answer: ((text: string) => void) | undefined
  /** The stream has taken all of it and that is on disk. Its answer says so, therefore it has none before. */
  answered: boolean
  /** The request has waited as long as was agreed, and is answered whether there is something to say or not. */
  overdue: boolean
  cancel: () => void
}

interface Kept {
  readonly rid: number
  readonly key: string | undefined
  readonly text: string
}

export class BoshRequests {
  /** In the order of their ids, all up to `expected` without a gap. */
  readonly waiting: Held[] = []
  /** Came before one that is still missing. */
  readonly #early = new Map<number, Held>()
  /** Answers to the newest requests, oldest first. */
  #kept: Kept[] = []
  #expected: number
  #key: string | undefined
  /** Requests at a time that the client may make. */
  readonly #most: number

  constructor(first: BoshRequest, most: number) {
    this.#expected = first.rid
    this.#key = first.newKey
    this.#most = most
  }

  /** Whether somebody is there to be answered. */
  get attended(): boolean {
    return this.waiting.some(({ answer }) => answer !== undefined)
  }

  /**
   * Takes a request in. Returns those that may now be served, in order; none where it came early or came again.
   * Throws BoshError (§14.2, §14.3): an id outside of the window, or an answer that is not kept any more.
   */
  take(held: Held): readonly Held[] {
    const { rid, request } = held
    if (rid < this.#expected) {
      this.#again(held)
      return []
    }
    // §11: one more is allowed if it is to end or to pause the session.
    const window = this.#most + (request.terminate || request.pause !== undefined ? 1 : 0)
    if (rid >= this.#expected + window) throw new BoshError('item-not-found')
    const before = this.#early.get(rid)
    if (before) supersede(before)
    this.#early.set(rid, held)
    return this.#inOrder()
  }

  /** Answers the oldest and keeps what it was told, unless there is nothing to come back for (§14.3). */
  answer(text: string, keep = true): void {
    const held = this.waiting.shift()
    if (!held) return
    held.cancel()
    if (keep) this.#kept = [...this.#kept, { rid: held.rid, key: held.request.key, text }].slice(-this.#most)
    held.answer?.(text)
  }

  /** Everybody who waits, in order, for the last time. */
  drain(): Held[] {
    const all = [...this.waiting.splice(0), ...this.#early.values()]
    this.#early.clear()
    for (const held of all) held.cancel()
    return all
  }

  #again(held: Held): void {
    const current = this.waiting.find(({ rid }) => rid === held.rid)
    if (current) {
      supersede(current)
      current.answer = held.answer
      return
    }
    const kept = this.#kept.find(({ rid }) => rid === held.rid)
    if (!kept || kept.key !== held.request.key) throw new BoshError('item-not-found')
    held.answer?.(kept.text)
  }

  #inOrder(): Held[] {
    const ready: Held[] = []
    for (;;) {
      const next = this.#early.get(this.#expected)
      if (!next) return ready
      this.#checkKey(next.request)
      this.#early.delete(this.#expected++)
      this.waiting.push(next)
      ready.push(next)
    }
  }

  /** §15: each key is what the next one hashes to, so that only who made them all can go on. */
  #checkKey({ key, newKey, sid }: BoshRequest): void {
    if (sid === undefined) return
    if (this.#key !== undefined && (key === undefined || sha1(key) !== this.#key))
      throw new BoshError('item-not-found')
    this.#key = newKey ?? (this.#key === undefined ? undefined : key)
  }
}

/** §14.3: the older connection is told that the newer gets the answer. */
function supersede(held: Held): void {
  held.answer?.(writeBody({ type: 'error' }))
  held.answer = undefined
}

const sha1 = (text: string): string => createHash('sha1').update(text).digest('hex')
