/** Debian's Prosody with mod_unified_push, a push server of UnifiedPush on loopback, and a phone's distributor at it. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { child } from '../../src/xmpp/xml.ts'
import { freePort } from '../bench/server.ts'
import { WireClient } from './support.ts'

const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'
/** Of the draft by which Conversations and its kin are distributors. */
const UP = 'http://gultsch.de/xmpp/drafts/unified-push'
const SECRET = 'a secret of one test'
const PATIENCE_MS = 15_000

export interface Prosody extends AsyncDisposable {
  readonly c2s: number
}

export async function startProsody(): Promise<Prosody> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-prosody-'))
  // Prosody may step down to a user of its own.
  chmodSync(dir, 0o755)
  const [c2s, http] = [await freePort(), await freePort()]
  const file = join(dir, 'prosody.cfg.lua')
  writeFileSync(
    file,
    [
      `run_as_root = true`,
      `pidfile = "${dir}/prosody.pid"`,
      `data_path = "${dir}/data"`,
      `log = { info = "${dir}/prosody.log" }`,
      `interfaces = { "127.0.0.1" }`,
      `c2s_ports = { ${c2s} }`,
      `http_ports = { ${http} }`,
      `http_interfaces = { "127.0.0.1" }`,
      `https_ports = {}`,
      `http_default_host = "localhost"`,
      `http_external_url = "http://127.0.0.1:${http}/"`,
      `plugin_paths = { "/usr/lib/prosody/modules" }`,
      `modules_enabled = { "disco", "saslauth", "ping", "http", "unified_push" }`,
      `modules_disabled = { "s2s", "tls" }`,
      `unified_push_backend = "storage"`,
      `authentication = "internal_plain"`,
      `storage = "internal"`,
      `c2s_require_encryption = false`,
      `allow_unencrypted_plain_auth = true`,
      `VirtualHost "localhost"`,
    ].join('\n'),
  )
  const accounts = join(dir, 'data/localhost/accounts')
  mkdirSync(accounts, { recursive: true })
  writeFileSync(join(accounts, 'phone.dat'), `return {\n\t["password"] = "${SECRET}";\n};\n`)
  const server = Bun.spawn(['prosody', '--config', file, '-F'], {
    stdin: 'ignore',
    stdout: Bun.file(join(dir, 'out.log')),
    stderr: Bun.file(join(dir, 'err.log')),
  })
  const stop = async () => {
    server.kill()
    await server.exited
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await answers(c2s, dir)
  } catch (error) {
    await stop()
    throw error
  }
  return { c2s, [Symbol.asyncDispose]: stop }
}

async function answers(port: number, dir: string): Promise<void> {
  const until = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data() {} } })
      socket.end()
      return
    } catch (error) {
      if (performance.now() > until)
        throw new Error(await Bun.file(join(dir, 'prosody.log')).text(), { cause: error })
      await Bun.sleep(20)
    }
  }
}

/** A phone with a distributor, which gives an app an endpoint and passes on what comes to it. */
export class Distributor {
  readonly #stream: WireClient

  private constructor(stream: WireClient) {
    this.#stream = stream
  }

  static async at({ c2s }: Prosody): Promise<Distributor> {
    const stream = await WireClient.tcp(c2s)
    await stream.opens('localhost')
    const plain = Buffer.from(`\0phone\0${SECRET}`).toString('base64')
    stream.send(`<auth xmlns='${SASL}' mechanism='PLAIN'>${plain}</auth>`)
    const answer = await stream.next()
    if (answer.name !== 'success') throw new Error(answer.toString())
    await stream.opens('localhost')
    stream.send(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`)
    await stream.until(({ attrs }) => attrs.id === 'b')
    return new Distributor(stream)
  }

  /** Address under which an app can be reached. */
  async endpoint(app: string): Promise<string> {
    const hash = (text: string) => new Bun.CryptoHasher('sha256').update(text).digest('base64')
    this.#stream.send(
      `<iq type='set' id='${app}' to='localhost'><register xmlns='${UP}' application='${hash(app)}' instance='${hash(`${app}-1`)}'/></iq>`,
    )
    const answer = await this.#stream.until(({ attrs }) => attrs.id === app)
    const found = child(answer, 'registered', UP)?.attrs.endpoint
    if (found === undefined) throw new Error(answer.toString())
    return found
  }

  /** The next message, which it confirms: Prosody answers the push only then. */
  async message(): Promise<Buffer> {
    const iq = await this.#stream.until((el) => el.name === 'iq' && child(el, 'push', UP) !== undefined)
    const { id, from } = iq.attrs
    this.#stream.send(`<iq type='result' id='${id}' to='${from}'/>`)
    return Buffer.from(child(iq, 'push', UP)?.getText() ?? '', 'base64')
  }

  async ends(): Promise<void> {
    this.#stream.send('</stream:stream>')
    await this.#stream.end()
  }
}
