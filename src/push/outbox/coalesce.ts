/** Pushes for phones that Apple calls too busy: of what says the same, the newest. */
import type { Job } from '../../store/push.ts'
import { alike, mergedId } from './collapse.ts'

export class Crowd {
  readonly #newest = new Map<string, Job>()

  /**
   * Returns the older of two that are alike; the newer stands for it, under an id that both could have. What is taken
   * back stands for nobody.
   */
  add(job: Job, isRecalled: (id: number) => boolean): { older: Job; newer: Job } | undefined {
    const key = alike(job)
    if (key === undefined) return undefined
    const known = this.#newest.get(key)
    const other = known && !isRecalled(known.id) ? known : undefined
    const [older, newer] = other && other.id > job.id ? [job, other] : [other, job]
    this.#newest.set(key, newer)
    if (!older || older === newer) return undefined
    newer.collapseId = mergedId(newer)
    return { older, newer }
  }

  /** The job is about to be sent: later ones of its chat are not merged into it. */
  leave(job: Job): void {
    const key = alike(job)
    if (key !== undefined && this.#newest.get(key) === job) this.#newest.delete(key)
  }
}
