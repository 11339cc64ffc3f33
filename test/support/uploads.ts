/** A play with the HTTP application on a real socket, for files that are put and fetched. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../../src/http/app.ts'
import { type HttpListener, listenTcp } from '../../src/http/serve.ts'
import { AuthLimiter, neverBanned } from '../../src/limits/auth-limiter.ts'
import { child } from '../../src/xmpp/xml.ts'
import { type Play, play } from './world.ts'

const UPLOAD = 'urn:xmpp:http:upload:0'

export interface Slot {
  readonly put: string
  readonly get: string
}

export interface Wish {
  readonly name?: string
  readonly size: number
  readonly type?: string
  /** Child elements of the request. */
  readonly inner?: string
  readonly who?: string
}

export interface Files extends AsyncDisposable {
  readonly p: Play
  readonly port: number
  readonly dataDir: string
  readonly app: ReturnType<typeof createApp>
  slot(wish: Wish): Promise<Slot>
  /** Puts `text` into a slot of its own and returns where it is fetched. */
  stored(text: string | Uint8Array, wish?: Partial<Wish>): Promise<string>
  /** What is on disk, slots under way too. */
  onDisk(): string[]
}

/** `toml` as in `play`; files go below `dataDir`, which is removed at the end. */
export async function files(
  toml = '',
  dataDir = mkdtempSync(join(tmpdir(), 'belfry-files-')),
): Promise<Files> {
  const p = play({ toml })
  Object.assign(p.config, { data_dir: dataDir })
  const { world, router, clock, config } = p
  const app = createApp({
    world,
    router,
    clock,
    logins: new AuthLimiter(clock, config.limits, neverBanned(config)),
    pushTarget: () => 'simulator',
    online: true,
    readiness: async () => [],
  })
  const listener: HttpListener = listenTcp(
    app,
    { host: '127.0.0.1', port: 0 },
    { maxBody: Infinity, maxFrame: 524_288, idle: config.limits.http_idle_timeout, webSocketIdle: 240_000 },
  )
  config.http.public_url = `http://127.0.0.1:${listener.port}`
  const slot = async ({ name = 'a.png', size, type, inner = '', who = 'romeo@bix.org/orchard' }: Wish) => {
    const actor = await p.bound(who)
    const escaped = name.replace(/&(?!#)/g, '&amp;').replaceAll("'", '&apos;')
    const typed = type === undefined ? '' : ` content-type='${type}'`
    const request = `<request xmlns='${UPLOAD}' filename='${escaped}' size='${size}'${typed}>${inner}</request>`
    const answer = child(await actor.asks('get', request, 'upload.bix.org'), 'slot', UPLOAD)
    const [put, get] = ['put', 'get'].map((element) => answer && child(answer, element)?.attrs.url)
    if (!put || !get) throw new Error('no slot was given')
    return { put, get }
  }
  return {
    p,
    port: listener.port,
    dataDir,
    app,
    slot,
    async stored(content, wish = {}) {
      const bytes = new Uint8Array(Buffer.from(content))
      const { put, get } = await slot({ size: bytes.byteLength, ...wish })
      const answer = await fetch(put, { method: 'PUT', body: bytes })
      if (answer.status !== 201) throw new Error(`not stored: ${answer.status} ${await answer.text()}`)
      return get
    },
    onDisk: () =>
      readdirSync(dataDir, { recursive: true, withFileTypes: true }).flatMap((entry) =>
        entry.isFile() ? [entry.name] : [],
      ),
    async [Symbol.asyncDispose]() {
      await listener.stop()
      p[Symbol.dispose]()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

/** Puts a body of unknown length in these pieces, with the headers of a client that does so. */
export function putsPieces(url: string, pieces: readonly string[], headers: Record<string, string> = {}) {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(Buffer.from(piece))
      controller.close()
    },
  })
  return fetch(url, { method: 'PUT', body, headers })
}
