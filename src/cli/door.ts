/**
 * The one way from a command to the data: HTTP. A running server is asked over its Unix socket; of a stopped one the
 * data is locked and the same HTTP application runs in this process. So each verb is written once.
 */
import { existsSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { adminSocket, trustedSocket } from '../ops/data-dir.ts'
import { CliError, EXIT, type ExitCode } from './exit.ts'

export interface Door {
  /** False: the server is stopped and its data is held by this process. */
  readonly online: boolean
  /** The answer's JSON. @throws CliError for anything but 2xx. */
  call<T = unknown>(method: string, path: string, body?: unknown): Promise<T>
  text(path: string): Promise<{ status: number; text: string }>
  /** Lines of an answer that goes on until the server ends it. @throws CliError for anything but 2xx. */
  lines(path: string): AsyncIterable<string>
  close(): Promise<void>
}

type Fetch = (path: string, init: RequestInit) => Promise<Response>

const ANSWER_WITHIN = 60_000

export async function openDoor(config: Config, needsServer: boolean): Promise<Door> {
  const socket = adminSocket(config.data_dir)
  if (await answers(socket, config.data_dir)) {
    return door(
      true,
      (path, init) => fetch(`http://localhost${path}`, { ...init, unix: socket }),
      async () => {},
    )
  }
  if (needsServer) {
    throw new CliError(`no server answers at ${socket}; start it with: belfry serve`, EXIT.unreachable)
  }
  const { openOffline } = await import('./offline.ts')
  const { request, close } = await openOffline(config)
  return door(false, request, close)
}

async function answers(socket: string, dataDir: string): Promise<boolean> {
  if (!existsSync(socket)) return false
  if (!trustedSocket(socket, dataDir)) {
    throw new CliError(`${socket} belongs to another user; remove it, or check data_dir`, EXIT.unreachable)
  }
  try {
    const answer = await fetch('http://localhost/livez', {
      unix: socket,
      signal: AbortSignal.timeout(ANSWER_WITHIN),
    })
    return answer.ok
  } catch (error) {
    // The runtime reports a socket without a listener and one that may not be opened alike, so look at the file.
    if (error instanceof Error && error.name === 'TimeoutError') {
      throw new CliError(`the server at ${socket} does not answer; see its log`, EXIT.unreachable)
    }
    return false
  }
}

function door(online: boolean, fetchPath: Fetch, close: () => Promise<void>): Door {
  const send = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetchPath(path, {
      method,
      signal: AbortSignal.timeout(ANSWER_WITHIN),
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    }).catch((error: unknown) => {
      throw new CliError(`the server did not answer: ${String(error)}`, EXIT.unreachable)
    })
  return {
    online,
    close,
    async call<T>(method: string, path: string, body?: unknown): Promise<T> {
      const response = await send(method, path, body)
      if (!response.ok) throw await refusal(response)
      // Each caller names the shape that the route's schema promises.
      return (response.status === 204 ? undefined : await response.json()) as T
    },
    async text(path) {
      const response = await send('GET', path)
      return { status: response.status, text: await response.text() }
    },
    async *lines(path) {
      const response = await fetchPath(path, {})
      if (!response.ok) throw await refusal(response)
      let rest = ''
      const decoder = new TextDecoder()
      try {
        for await (const bytes of (response.body ?? []) as AsyncIterable<Uint8Array>) {
          const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n')
          rest = lines.pop() ?? ''
          yield* lines
        }
      } catch {
        // Cut off in the middle: the server has ended, which the runtime reports in several ways.
      }
    },
  }
}

interface Problem {
  title?: string
  detail?: string
  code?: string
}

async function refusal(response: Response): Promise<CliError> {
  const problem = (await response.json().catch(() => ({}))) as Problem // RFC 9457, or nothing we know
  const message = problem.detail ?? problem.title ?? `the server answered ${response.status}`
  return new CliError(message, exitCode(response.status, problem.code), { code: problem.code })
}

function exitCode(status: number, code: string | undefined): ExitCode {
  if (code === 'server-needed') return EXIT.unreachable
  if (status === 404) return EXIT.notFound
  if (status === 400 || status === 415 || status === 422) return EXIT.usage
  return EXIT.failed
}
