/** CPU time of a process as the kernel counts it, threads that have ended included. */
import { readFileSync } from 'node:fs'

/** Kernel clock ticks per second on every Linux that Bun runs on. */
const TICK_MS = 10

/** User and system time of a process, in ms, by ticks of 10 ms; 0 of one that is gone. */
export function cpuMsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS
  } catch {
    return 0
  }
}
