/** Work that takes longer than a request: it is started, asked about, and over some time. One at a time, for the disk's sake. */
import { getLogger } from '../log.ts'
import type { Step } from '../store/backup/pace.ts'
import type { Clock } from '../store/clock.ts'
import type { Work } from '../store/maintenance.ts'

const log = getLogger('jobs')

export interface Job {
  readonly id: number
  readonly kind: string
  readonly started: number
  ended: number | undefined
  state: 'running' | 'done' | 'failed'
  step: Step
  result: object | undefined
  error: string | undefined
  /** Settles when it is no longer running, and never rejects. */
  over: Promise<void>
}

/** Another one is under way. */
export class JobRunning extends Error {}

/** Jobs that are over and remembered. */
const REMEMBERED = 20

export class Jobs {
  readonly #clock: Clock
  readonly #jobs: Job[] = []
  #stop: (() => void) | undefined
  #last = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  find(id: number): Job | undefined {
    return this.#jobs.find((job) => job.id === id)
  }

  /** The one that was started last. */
  get latest(): Job | undefined {
    return this.#jobs.at(-1)
  }

  get running(): Job | undefined {
    return this.#jobs.find(({ state }) => state === 'running')
  }

  /** `then` is part of it. @throws JobRunning */
  start<T extends object>(
    kind: string,
    work: (told: (step: Step) => void) => Work<T>,
    then: (result: T) => Promise<unknown> = () => Promise.resolve(),
  ): Job {
    const { running } = this
    if (running) throw new JobRunning(`${running.kind} is under way; one such work is done at a time`)
    const step = { label: kind, done: 0, total: 0 }
    const job: Job = {
      ...{ id: ++this.#last, kind, started: this.#clock.now(), ended: undefined },
      ...{ state: 'running', step, result: undefined, error: undefined, over: Promise.resolve() },
    }
    const { result, ...ends } = work((now) => (job.step = now))
    this.#stop = () => ends.stop()
    this.#jobs.push(job)
    if (this.#jobs.length > REMEMBERED) this.#jobs.shift()
    job.over = this.#follow(
      job,
      result.then(async (found) => {
        await then(found)
        return found
      }),
    )
    return job
  }

  /** Ends what is under way. */
  stop(): void {
    this.#stop?.()
  }

  async #follow(job: Job, result: Promise<object>): Promise<void> {
    try {
      job.result = await result
      job.state = 'done'
    } catch (error) {
      job.error = error instanceof Error ? error.message : String(error)
      job.state = 'failed'
      log.error(`${job.kind} failed`, { error })
    }
    job.ended = this.#clock.now()
  }
}
