/** The sockets of this process as the kernel knows them, those too of which the runtime tells nobody. Linux alone. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs'
import { addressOf } from './address.ts'

const LIBRARIES = ['libc.so.6', `libc.musl-${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}.so.1`]
/** fcntl(2), shutdown(2) */
const F_GETFD = 1
const SHUT_RDWR = 2
/** sockaddr(3type): family, port, and then the address, behind a flow label where it is of IPv6. */
const FAMILY = { ipv4: 2, ipv6: 10 }
const SOCKADDR = 128

export interface Connection {
  readonly fd: number
  readonly localPort: number
  /** With the port: who it is, as long as it lasts. */
  readonly peer: string
  readonly ip: string
}

export interface OpenSockets {
  /** Open files in all, and of them the connections from elsewhere at these ports. */
  at(ports: ReadonlySet<number>): { readonly files: number; readonly connections: readonly Connection[] }
  /** Ends it in both directions; its owner hears of that like of any other end. */
  end(connection: Connection): void
  close(): void
}

/** Limit on the files that the process may have open: the soft limit, which is met first. Undefined where none is known. */
export function softFileLimit(): number | undefined {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? undefined : Number(limit)
  } catch {
    return undefined
  }
}

/** Number of files to count on. */
export const fileLimit = (): number => softFileLimit() ?? 1024

/** Undefined where the system is not Linux as we know it. */
export async function openSockets(): Promise<OpenSockets | undefined> {
  const { dlopen } = await import('bun:ffi')
  const name = { args: ['i32', 'ptr', 'ptr'], returns: 'i32' } as const
  const wanted = {
    fcntl: { args: ['i32', 'i32'], returns: 'i32' },
    getsockname: name,
    getpeername: name,
    shutdown: { args: ['i32', 'i32'], returns: 'i32' },
  } as const
  for (const library of LIBRARIES) {
    try {
      const libc = dlopen(library, wanted)
      const { symbols } = libc
      // Opened once: when it is needed most there may be no file left.
      const status = openSync('/proc/self/status', 'r')
      const bytes = new Uint8Array(SOCKADDR)
      const view = new DataView(bytes.buffer)
      const length = new Uint32Array(1)
      const family = (ask: typeof symbols.getsockname, fd: number): number => {
        length[0] = SOCKADDR
        return ask(fd, bytes, length) === 0 ? (bytes[0] ?? 0) + 256 * (bytes[1] ?? 0) : 0
      }
      const isInternet = (found: number): boolean => found === FAMILY.ipv4 || found === FAMILY.ipv6
      const text = Buffer.alloc(2048)
      const tableSize = (): number =>
        Number(
          /^FDSize:\s+(\d+)/m.exec(
            text.toString('latin1', 0, readSync(status, text, 0, text.length, 0)),
          )?.[1] ?? 0,
        )
      return {
        at(ports) {
          const connections: Connection[] = []
          let files = 0
          for (let fd = 0, end = tableSize(); fd < end; fd++) {
            if (symbols.fcntl(fd, F_GETFD) < 0) continue
            files++
            if (!isInternet(family(symbols.getsockname, fd))) continue
            const localPort = view.getUint16(2)
            if (!ports.has(localPort)) continue
            // None: it is the listener, or its peer has gone.
            const kind = family(symbols.getpeername, fd)
            if (!isInternet(kind)) continue
            const ip = addressOf(kind === FAMILY.ipv4 ? bytes.subarray(4, 8) : bytes.subarray(8, 24))
            connections.push({ fd, localPort, ip, peer: `${ip} ${view.getUint16(2)}` })
          }
          return { files, connections }
        },
        end: ({ fd }) => void symbols.shutdown(fd, SHUT_RDWR),
        close() {
          closeSync(status)
          libc.close()
        },
      }
    } catch {
      // The other C library, then, or another system.
    }
  }
  return undefined
}
