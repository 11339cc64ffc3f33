/** Whether the addresses of the configuration can be had: each is taken for a moment, but for those of the running server. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { Config } from '../config/config.ts'
import type { ListenAddress } from '../config/values.ts'
import type { Path } from '../config/positions.ts'
import { bindError } from './bind-error.ts'

/** A fault, with the key that it is about. */
export interface Fault {
  readonly path: Path
  readonly message: string
}

export interface PortFindings {
  readonly problems: Fault[]
  readonly warnings: string[]
}

interface Listener {
  readonly what: string
  readonly table: 'http' | 'c2s'
  readonly key: 'listen' | 'tls_listen' | 'direct_tls_listen'
  readonly addresses: readonly ListenAddress[]
}

interface Refused {
  readonly path: Path
  readonly isIpv6: boolean
  readonly code: unknown
  readonly message: string
}

const NO_FAMILY: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

export async function checkPorts(config: Config): Promise<PortFindings> {
  const { http, c2s } = config
  const listeners: Listener[] = [
    { what: 'http', table: 'http', key: 'listen', addresses: http.listen },
    { what: 'https', table: 'http', key: 'tls_listen', addresses: http.tls_listen },
    { what: 'c2s', table: 'c2s', key: 'listen', addresses: c2s.listen },
    { what: 'c2s-tls', table: 'c2s', key: 'direct_tls_listen', addresses: c2s.direct_tls_listen },
  ]
  const found: PortFindings = { problems: [], warnings: [] }
  const taken: Server[] = []
  const running = new RunningServer(config.data_dir)
  for (const listener of listeners) {
    const refused: Refused[] = []
    for (const [i, address] of listener.addresses.entries()) {
      const shares = listener.addresses.some((other) => other.port === address.port && !isIpv6(other))
      const error = await take(address, isIpv6(address) && shares, taken)
      if (error === undefined || (error.code === 'EADDRINUSE' && running.listensOn(address.port))) continue
      const { what, table, key } = listener
      const { message } = bindError(what, shown(address), `[${table}] ${key}`, error)
      refused.push({ path: [table, key, i], isIpv6: isIpv6(address), code: error.code, message })
    }
    sort(refused, listener, found)
  }
  await Promise.all(taken.map((server) => new Promise((resolve) => server.close(resolve))))
  return found
}

/** As at a start: a family that is missing is a warning beside the other one, and so is what only the service may. */
function sort(refused: readonly Refused[], { addresses }: Listener, found: PortFindings): void {
  for (const { path, isIpv6: is6, code, message } of refused) {
    const others = addresses.filter((address) => isIpv6(address) !== is6)
    const isOther = others.length > refused.filter((other) => other.isIpv6 !== is6).length
    if (code === 'EACCES' || (NO_FAMILY.has(code) && isOther)) found.warnings.push(message)
    else found.problems.push({ path, message })
  }
}

const isIpv6 = ({ host }: ListenAddress): boolean => host.includes(':')
const shown = ({ host, port }: ListenAddress): string => `${host.includes(':') ? `[${host}]` : host}:${port}`

/** Keeps it until all were tried: two of our own may want the same one. */
function take(
  { host, port }: ListenAddress,
  ipv6Only: boolean,
  taken: Server[],
): Promise<NodeJS.ErrnoException | undefined> {
  const server = createServer((socket) => socket.destroy())
  return new Promise((resolve) => {
    server.once('error', resolve)
    server.listen({ host, port, ipv6Only, exclusive: true }, () => {
      taken.push(server)
      resolve(undefined)
    })
  })
}

/** The process that holds the data directory, if there is one. */
class RunningServer {
  readonly #pid: string | undefined

  constructor(dataDir: string) {
    try {
      this.#pid = readFileSync(join(dataDir, 'belfry.pid'), 'utf8').trim()
    } catch {
      this.#pid = undefined
    }
  }

  /** Sockets that this user may not see are believed to be its own. */
  listensOn(port: number): boolean {
    if (this.#pid === undefined) return false
    const proc = `/proc/${this.#pid}`
    try {
      const inodes = new Set([...listening(`${proc}/net/tcp`, port), ...listening(`${proc}/net/tcp6`, port)])
      return readdirSync(`${proc}/fd`).some((fd) => inodes.has(socketOf(`${proc}/fd/${fd}`)))
    } catch (error) {
      return error instanceof Error && 'code' in error && error.code === 'EACCES'
    }
  }
}

/** proc_pid_net(5): state 0A is LISTEN, the tenth column the inode. */
function listening(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0')
  return readFileSync(table, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === '0A' && columns[1]?.endsWith(`:${wanted}`))
    .map((columns) => columns[9] ?? '')
}

function socketOf(link: string): string {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(link))?.[1] ?? ''
  } catch {
    return '' // closed meanwhile
  }
}
