/** Long work of the server: started, followed with its progress, and its result. */
import type { Door } from './door.ts'
import { CliError, EXIT } from './exit.ts'
import type { Row } from './output.ts'
import { Progress } from './progress.ts'

interface JobView {
  readonly id: number
  readonly state: 'running' | 'done' | 'failed'
  readonly label: string
  readonly done: number
  readonly total: number
  readonly result: Row | null
  readonly error: string | null
}

const ASK_MS = 200

/** Result of a job. The job goes on where this command is interrupted. @throws CliError */
export async function runJob(door: Door, path: string, body?: unknown): Promise<Row> {
  let job = await door.call<JobView>('POST', path, body)
  const progress = Progress.here(job.label, 'bytes')
  try {
    while (job.state === 'running') {
      await Bun.sleep(ASK_MS)
      job = await door.call<JobView>('GET', `/v1/jobs/${job.id}`)
      progress.update(job.done, job.total || undefined, job.label)
    }
  } finally {
    progress.end()
  }
  if (job.state === 'failed') throw new CliError(job.error ?? 'it failed', EXIT.failed)
  return job.result ?? {}
}
