/**
 * systemd's notification protocol (sd_notify(3)). The runtime has no Unix datagram sockets, so libc is called
 * directly. Without NOTIFY_SOCKET, and wherever libc cannot be loaded, every call is silent.
 */
import { dlopen, FFIType, ptr } from 'bun:ffi'
import { getLogger } from '../log.ts'

const log = getLogger('systemd')

const AF_UNIX = 1
const SOCK_DGRAM = 2
const SOCK_CLOEXEC = 0o2000000
const CLOCK_MONOTONIC = 1
/** glibc first, then the names that musl's loader answers to. */
const LIBRARIES = ['libc.so.6', 'libc.so', 'libc.musl-x86_64.so.1', 'libc.musl-aarch64.so.1']

export interface Notifier {
  /** Start-up is done, or a reload is. */
  ready(status: string): void
  reloading(): void
  stopping(): void
  status(text: string): void
  /** Ends the watchdog and closes the socket. */
  close(): void
}

const SILENT: Notifier = {
  ready() {},
  reloading() {},
  stopping() {},
  status() {},
  close() {},
}

function openLibc() {
  for (const name of LIBRARIES) {
    try {
      return dlopen(name, {
        socket: { args: [FFIType.i32, FFIType.i32, FFIType.i32], returns: FFIType.i32 },
        sendto: {
          args: [FFIType.i32, FFIType.ptr, FFIType.u64, FFIType.i32, FFIType.ptr, FFIType.u32],
          returns: FFIType.i64,
        },
        close: { args: [FFIType.i32], returns: FFIType.i32 },
        clock_gettime: { args: [FFIType.i32, FFIType.ptr], returns: FFIType.i32 },
      }).symbols
    } catch {
      // The next name may be this system's.
    }
  }
  return undefined
}

/** struct sockaddr_un; a leading "@" stands for the NUL of an abstract name. */
function address(path: string): Buffer {
  const name = Buffer.from(path)
  if (path.startsWith('@')) name[0] = 0
  const out = Buffer.alloc(2 + name.length + (path.startsWith('@') ? 0 : 1))
  out.writeUInt16LE(AF_UNIX)
  name.copy(out, 2)
  return out
}

/** `env` is the process's own; the watchdog starts by itself when the unit asks for one. */
export function openNotifier(env: Readonly<Record<string, string | undefined>> = process.env): Notifier {
  const path = env.NOTIFY_SOCKET
  if (!path || !/^[/@]/.test(path) || Buffer.byteLength(path) > 107) return SILENT
  const libc = openLibc()
  const fd = libc?.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) ?? -1
  if (!libc || fd < 0) {
    log.warn('systemd cannot be notified', { path })
    return SILENT
  }
  const to = address(path)
  const send = (...lines: string[]): void => {
    const message = Buffer.from(lines.join('\n'))
    libc.sendto(fd, ptr(message), message.length, 0, ptr(to), to.length)
  }
  const now = (): string => {
    const time = new BigInt64Array(2)
    libc.clock_gettime(CLOCK_MONOTONIC, ptr(time))
    return String((time[0] ?? 0n) * 1_000_000n + (time[1] ?? 0n) / 1000n)
  }
  const stopWatchdog = startWatchdog(env, () => send('WATCHDOG=1'))
  return {
    ready: (status) => send('READY=1', `STATUS=${oneLine(status)}`),
    reloading: () => send('RELOADING=1', `MONOTONIC_USEC=${now()}`),
    stopping: () => send('STOPPING=1', 'STATUS=Stopping'),
    status: (text) => send(`STATUS=${oneLine(text)}`),
    close() {
      stopWatchdog()
      libc.close(fd)
    },
  }
}

/** From the loop and nowhere else: a server whose loop hangs must be found out. */
function startWatchdog(env: Readonly<Record<string, string | undefined>>, beat: () => void): () => void {
  const microseconds = Number(env.WATCHDOG_USEC ?? 0)
  const other = env.WATCHDOG_PID !== undefined && env.WATCHDOG_PID !== String(process.pid)
  if (!(microseconds > 0) || other) return () => {}
  beat()
  const timer = setInterval(beat, microseconds / 3000)
  timer.unref()
  return () => clearInterval(timer)
}

const oneLine = (text: string): string => text.replace(/[\r\n]+/g, ' ').slice(0, 200)
