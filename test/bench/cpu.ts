/** CPU time of a process as the scheduler counts it, finer than the clock ticks of /proc/PID/stat. */
import { readdirSync, readFileSync } from 'node:fs'

/** User and system time of all threads that live, in ms. */
export function cpuMsOf(pid: number): number {
  let ns = 0
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0])
    } catch {
      // A thread that has ended meanwhile.
    }
  }
  return ns / 1e6
}
