/** A server process to be measured: the built binary if it is there, else the source; its data in a directory of its own. */
import { Database } from 'bun:sqlite'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { cpuMsOf } from './cpu.ts'

export const PASSWORD = 'bench password'
const BINARY = resolve('dist/belfry')
const PROBED = [process.execPath, '--preload', resolve('test/bench/loop-probe.ts'), resolve('src/main.ts')]
export const COMMAND = existsSync(BINARY) ? [BINARY] : [process.execPath, resolve('src/main.ts')]

export interface ServerUnderTest {
  readonly pid: number
  readonly dir: string
  readonly config: string
  readonly c2s: number
  readonly http: number
  /** From exec to the first accepted connection, in ms. */
  readonly startMs: number
  /** User and system CPU so far, in ms. */
  cpuMs(): number
  /** Resident memory now, in MiB. */
  rssMiB(): number
  metrics(): Promise<string>
  /** How long the loop was held since the last question. */
  held(): Promise<Held>
  /** kill -9 and a start on the same data and ports; the process is another one then. */
  restart(): Promise<void>
  /** A request to the operator's socket. */
  operator(method: string, path: string, body?: object): Promise<Response>
  stop(): Promise<void>
}

export interface ServerOptions {
  /** TOML beyond the base; must not name hosts, data_dir, c2s, http, auth or limits again. */
  readonly toml?: string
  /** Further keys of [http]. */
  readonly http?: string
  /** Further keys of [auth]. */
  readonly auth?: string
  /** Keys of [limits]; without them none per time or per address holds. */
  readonly limits?: string
  /** Accounts u0 … u(n-1)@localhost. */
  readonly accounts?: number
  /** Fills the data directory before the first start. */
  readonly prepare?: (data: string) => void
  /** Fills the database, while the server is stopped, with what it shall have had for long. */
  readonly seed?: (db: Database) => void
  /** Runs in front of the server's command (strace …). */
  readonly wrap?: readonly string[]
  /** Runs the source with a probe in it, for `held`. */
  readonly probed?: boolean
}

/** The longest time, in ms, for which the loop was held. */
export interface Held {
  readonly longest: number
  /** CPU time of the process within such a time: what is beyond it was the disk, or the machine's other work. */
  readonly busiest: number
}

export async function startServerUnderTest(options: ServerOptions = {}): Promise<ServerUnderTest> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-bench-'))
  const [c2s, http] = [await freePort(), await freePort()]
  const config = join(dir, 'belfry.toml')
  writeFileSync(
    config,
    [
      `hosts = ["localhost"]\ndata_dir = "${join(dir, 'data')}"`,
      `[c2s]\nlisten = ["127.0.0.1:${c2s}"]\ndirect_tls_listen = []`,
      `[http]\nlisten = ["127.0.0.1:${http}"]\n${options.http ?? ''}`,
      `[auth]\nplain = true\nscram_iterations = 4096\n${options.auth ?? ''}`,
      `[limits]\nconnections = 50000\n${options.limits ?? 'rates = false'}`,
      options.toml ?? '',
    ].join('\n'),
  )
  options.prepare?.(join(dir, 'data'))
  const probe = join(dir, 'probe.sock')
  const command = options.probed ? PROBED : COMMAND
  const spawn = () =>
    Bun.spawn([...(options.wrap ?? []), ...command, 'serve', '--config', config], {
      stdout: Bun.file(join(dir, 'out.log')),
      stderr: Bun.file(join(dir, 'err.log')),
      env: { ...process.env, LOOP_PROBE: probe },
    })
  let from = performance.now()
  let child = spawn()
  await listening(c2s, dir)
  let startMs = performance.now() - from
  await makeAccounts(join(dir, 'data', 'admin.sock'), options.accounts ?? 0)
  if (options.seed) {
    child.kill('SIGTERM')
    await child.exited
    using db = new Database(join(dir, 'data', 'belfry.db'))
    options.seed(db)
    from = performance.now()
    child = spawn()
    await listening(c2s, dir)
    startMs = performance.now() - from
  }
  let pid = options.wrap ? childOf(child.pid) : child.pid
  const operator = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`http://localhost${path}`, {
      ...{ method, unix: join(dir, 'data', 'admin.sock') },
      ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
  return {
    get pid() {
      return pid
    },
    dir,
    config,
    c2s,
    http,
    startMs,
    cpuMs() {
      return cpuMsOf(pid)
    },
    rssMiB() {
      return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
    },
    async held() {
      const socket = connect(probe)
      let text = ''
      for await (const part of socket) text += String(part)
      return JSON.parse(text) as Held
    },
    async restart() {
      process.kill(pid, 'SIGKILL')
      await child.exited
      child = spawn()
      pid = options.wrap ? childOf(child.pid) : child.pid
      await listening(c2s, dir)
    },
    metrics: async () => (await operator('GET', '/metrics')).text(),
    operator,
    async stop() {
      process.kill(pid, 'SIGTERM')
      await child.exited
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** The value of a sample in the Prometheus text format; 0 where it is not there yet. */
export function sample(metrics: string, name: string): number {
  const line = metrics.split('\n').find((text) => text.startsWith(`${name} `) || text.startsWith(`${name}{`))
  return Number(line?.slice(line.lastIndexOf(' ') + 1) ?? 0)
}

async function makeAccounts(socket: string, n: number): Promise<void> {
  for (let i = 0; i < n; i++) {
    const body = JSON.stringify({ jid: `u${i}@localhost`, password: PASSWORD })
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch('http://localhost/v1/users', { unix: socket, method: 'POST', body, headers })
    if (!answer.ok) throw new Error(`account ${i}: ${answer.status} ${await answer.text()}`)
  }
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
}

export async function listening(port: number, dir: string): Promise<void> {
  const until = performance.now() + 20_000
  while (performance.now() < until) {
    try {
      const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } })
      socket.end()
      return
    } catch {
      await Bun.sleep(1)
    }
  }
  throw new Error(`the server does not listen:\n${readFileSync(join(dir, 'err.log'), 'utf8')}`)
}

export function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer()
    server.once('error', failed)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => done(typeof address === 'object' && address ? address.port : 0))
    })
  })
}
