/** Another server, to be measured beside ours: a process with a configuration of its own on loopback, never the system's. */
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cpuMsOf } from '../cpu.ts'
import { PASSWORD } from '../server.ts'

export interface Peer {
  /** Port of clients. */
  readonly c2s: number
  /** User and system CPU of all its processes so far, in ms. */
  cpuMs(): number
  stop(): Promise<void>
}

export interface PeerKind {
  readonly name: string
  /** Domain of its rooms. */
  readonly conference: string
  /** Starts it with accounts u0 … u(n-1)@localhost, and with archives unless they are not wanted. */
  start(accounts: number, archive?: boolean): Promise<Peer>
}

/** A directory that the peer's own user may use. */
export function homeOf(name: string): string {
  const dir = mkdtempSync(join(tmpdir(), `belfry-bench-${name}-`))
  chmodSync(dir, 0o755)
  return dir
}

/** A certificate for localhost, with its key, in one file. */
export function certificate(dir: string): string {
  const file = join(dir, 'localhost.pem')
  const [key, cert] = [join(dir, 'localhost.key'), join(dir, 'localhost.crt')]
  run([
    'openssl',
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-keyout', key, '-out', cert],
  ])
  run(['sh', '-c', `cat ${cert} ${key} > ${file} && chmod 644 ${file} ${key}`])
  return file
}

export function run(command: string[], env: Record<string, string> = {}): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { env: { ...process.env, ...env } })
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${String(stdout)}${String(stderr)}`)
  return String(stdout)
}

export const PEER_PASSWORD = PASSWORD

/** CPU of the processes whose command line holds `mark`, which names a directory of the bench. */
export function cpuOf(mark: string): number {
  return pidsOf(mark).reduce((ms, pid) => ms + cpuMsOf(Number(pid)), 0)
}

function pidsOf(mark: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark)
    } catch {
      // Gone meanwhile.
      return false
    }
  })
}

/** Ends the processes of a directory, and deletes it. */
export async function endAll(dir: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    for (const pid of pidsOf(dir)) process.kill(Number(pid), signal)
    const until = performance.now() + 10_000
    while (pidsOf(dir).length > 0 && performance.now() < until) await Bun.sleep(50)
  }
  rmSync(dir, { recursive: true, force: true })
}
