import type { Job, Words } from '../../store/push.ts'

/**
 * Decisions about rows after they were handed over. They hold for those in memory and for those that are on their way
 * there: a page of the table that was read before does not show it.
 */
export class Afterthoughts {
  readonly #recalled = new Set<number>()
  readonly #words = new Map<number, Words>()

  /** The row must not be sent; returns how to undo that. */
  recall(id: number): () => void {
    this.#recalled.add(id)
    return () => this.#recalled.delete(id)
  }

  isRecalled(id: number): boolean {
    return this.#recalled.has(id)
  }

  /** The row is about to be sent: true where it must not be sent. */
  meet(id: number): boolean {
    return this.#recalled.delete(id)
  }

  /** A push says something else: in memory, or once the page has come that is on its way. */
  reword(id: number, words: Words, job: Job | undefined, onItsWay: boolean): void {
    if (job) Object.assign(job, words)
    else if (onItsWay) this.#words.set(id, words)
  }

  apply(job: Job): Job {
    return Object.assign(job, this.#words.get(job.id))
  }

  /** A page has come: what was not on it is not waited for, unless `comes` says otherwise. */
  paged(comes: (id: number) => boolean): void {
    this.#words.clear()
    for (const id of this.#recalled) if (!comes(id)) this.#recalled.delete(id)
  }
}
