/** Backups over HTTP, followed to their end, and the program itself beside them. */
import { expect } from 'bun:test'
import { join } from 'node:path'
import type { Wire } from './support.ts'

export interface Job {
  readonly id: number
  readonly state: string
  readonly error: string | null
  readonly result: Record<string, unknown> | null
}

export async function finished(w: Wire, started: Response): Promise<Job> {
  expect(started.status).toBe(202)
  let job = (await started.json()) as Job
  while (job.state === 'running') job = (await (await w.ask('GET', `/v1/jobs/${job.id}`)).json()) as Job
  return job
}

/** `belfry`, from source, on the configuration in that directory. */
export async function belfry(directory: string, ...args: string[]) {
  const child = Bun.spawn(
    [
      process.execPath,
      join(import.meta.dir, '../../src/main.ts'),
      '-c',
      join(directory, 'belfry.toml'),
      ...args,
    ],
    { stdout: 'pipe', stderr: 'pipe', stdin: 'ignore' },
  )
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  return { code: await child.exited, out, err }
}
