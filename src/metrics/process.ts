/**
 * Figures of the process under the names that Prometheus gives them everywhere. prom-client's own set would count every
 * object on the heap at each scrape (7 ms for a small one, during which nobody is served) and watch the collector.
 */
import { readdirSync } from 'node:fs'
import { Counter, Gauge, type Registry } from 'prom-client'
import { softFileLimit } from '../net/sockets.ts'

const NO_LIMIT = 0

/** Adds the families to the registry; each is read when it is asked for. */
export function addProcessMetrics(registry: Registry): void {
  const registers = [registry]
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  let counted = 0
  new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system CPU time.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      const seconds = (user + system) / 1e6
      this.inc(Math.max(0, seconds - counted))
      counted = Math.max(counted, seconds)
    },
  })
  gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
  gauge('process_open_fds', 'Open file descriptors.', () => readdirSync('/proc/self/fd').length)
  const most = softFileLimit() ?? NO_LIMIT
  gauge('process_max_fds', 'File descriptors that may be open; 0 where there is no limit.', () => most)
  const started = Date.now() / 1000 - process.uptime()
  gauge('process_start_time_seconds', 'When the process started.', () => started)
}
