/** `--curl`: the first call of a verb is printed for a shell instead of made. No server need run. */
import type { Door } from './door.ts'

/** Ends the verb once its call is printed. */
export class Shown extends Error {}

/** In the place of what nobody should find in a terminal's history. */
export const REDACTED = '********'

const SECRET = /password|secret|token/

export function curlDoor(socket: string, print: (line: string) => void): Door {
  const show = (method: string, path: string, body?: unknown): never => {
    print(curlOf(socket, method, path, body))
    throw new Shown()
  }
  return {
    online: true,
    call: async (method, path, body) => show(method, path, body),
    text: async (path) => show('GET', path),
    lines: (path) => show('GET', path),
    close: async () => {},
  }
}

function curlOf(socket: string, method: string, path: string, body: unknown): string {
  const redacted = (key: string, value: unknown): unknown =>
    SECRET.test(key) && typeof value === 'string' ? REDACTED : value
  return [
    'curl --fail-with-body',
    `--unix-socket ${quoted(socket)}`,
    ...(method === 'GET' ? [] : [`-X ${method}`]),
    ...(body === undefined
      ? []
      : ["-H 'content-type: application/json'", `-d ${quoted(JSON.stringify(body, redacted))}`]),
    quoted(`http://localhost${path}`),
  ].join(' ')
}

/** One word of a shell. */
const quoted = (text: string): string =>
  /^[\w./:@%+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
