/** The executable in a directory of its own, the simulator as a second process of it, and their doors. */
import { generateKeyPairSync } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:http2'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const ROOT = join(import.meta.dir, '../..')

/** Builds the executable from a tree that is gone when it runs: nothing may be found through the place it was built in. */
export function build(): { home: string; program: string; remove: () => void } {
  const home = mkdtempSync(join(tmpdir(), 'belfry-binary-'))
  const tree = join(home, 'tree')
  for (const name of [
    'src',
    'migrations',
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    'CHANGELOG.md',
  ])
    cpSync(join(ROOT, name), join(tree, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'))
  const built = Bun.spawnSync([process.execPath, 'src/packaging/build.ts'], { cwd: tree, stderr: 'inherit' })
  if (built.exitCode !== 0) throw new Error('the executable was not built')
  const program = join(home, 'belfry')
  copyFileSync(join(tree, 'dist/belfry'), program)
  rmSync(tree, { recursive: true })
  const remove = () => {
    const errors = errorLines(home)
    rmSync(home, { recursive: true })
    if (errors.length > 0) throw new Error(`a server logged errors:\n${errors.join('\n')}`)
  }
  return { home, program, remove }
}

/** Lines of level error in every log below a directory: a test that passes beside one has not looked. */
function errorLines(home: string): string[] {
  return readdirSync(home, { recursive: true, encoding: 'utf8' })
    .filter((name) => basename(name) === 'log')
    .flatMap((name) => readFileSync(join(home, name), 'utf8').split('\n'))
    .filter((line) => /\blevel=error\b|"level":"error"/.test(line))
}

export interface Push {
  readonly token: string
  readonly topic: string
  readonly apnsId: string
  readonly collapseId: string
  readonly status: number
  readonly at: number
  readonly payload: { aps: { alert: { title: string; body: string }; badge?: number } }
}

/** `belfry apns-sim --control` on a port that is free. */
export class Simulator {
  readonly #child: Bun.Subprocess
  readonly #ca: string

  private constructor(
    child: Bun.Subprocess,
    readonly url: string,
    readonly caFile: string,
  ) {
    this.#child = child
    this.#ca = readFileSync(caFile, 'utf8')
  }

  static async start(program: string, home: string): Promise<Simulator> {
    const caFile = join(home, 'simulator.pem')
    const child = Bun.spawn([program, 'apns-sim', '--port', '0', '--control', '--ca-file', caFile], {
      cwd: home,
      stdout: 'ignore',
      stderr: 'pipe',
      env: { PATH: '/bin' },
    })
    const text = await readUntil(child.stderr, /no phone rings/)
    return new Simulator(child, /https:\S+?(?=;)/.exec(text)?.[0] ?? '', caFile)
  }

  async received(): Promise<Push[]> {
    // The simulator's own list, as it prints it.
    return JSON.parse(await this.#ask('GET', '/sim/received')) as Push[]
  }

  /** Asks until it holds; fails after `tries` questions. */
  async until(holds: (pushes: readonly Push[]) => boolean, tries = 2_000): Promise<Push[]> {
    for (let i = 0; i < tries; i++) {
      const pushes = await this.received()
      if (holds(pushes)) return pushes
    }
    const pushes = await this.received()
    const last = JSON.stringify(pushes.slice(-3))
    throw new Error(`waited in vain for a push; received ${pushes.length}, the last ones: ${last}`)
  }

  async script(steps: readonly object[]): Promise<void> {
    await this.#ask('POST', '/sim/script', JSON.stringify(steps))
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM')
    await this.#child.exited
  }

  #ask(method: string, path: string, body = ''): Promise<string> {
    return new Promise((resolve, reject) => {
      const session = connect(this.url, { ca: this.#ca })
      session.on('error', reject)
      const stream = session.request({ ':method': method, ':path': path })
      let text = ''
      stream.setEncoding('utf8')
      stream.on('data', (part: string) => (text += part))
      stream.on('error', reject)
      stream.on('end', () => {
        session.close()
        resolve(text)
      })
      stream.end(body)
    })
  }
}

export const TOPIC = 'org.bix.chat'
export const TOKEN = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'

/** A directory with a configuration whose one app is rung at the simulator. */
export class Home {
  readonly cwd: string
  readonly #program: string

  constructor(home: string, name: string, program: string, simulator: Simulator, auth = '') {
    this.cwd = join(home, name)
    this.#program = program
    mkdirSync(this.cwd)
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    writeFileSync(join(this.cwd, 'AuthKey.p8'), key, { mode: 0o600 })
    writeFileSync(
      join(this.cwd, 'belfry.toml'),
      `hosts = ["bix.org"]
[c2s]
listen = ["127.0.0.1:0"]
direct_tls_listen = ["127.0.0.1:0"]
[http]
listen = ["127.0.0.1:0"]
[limits]
rates = false
offline_messages = 0
offline_bytes = 0
[auth]
scram_iterations = 4096
${auth}
[[push.apps]]
topic = "${TOPIC}"
team_id = "TEAM123456"
key_id = "KEY1234567"
key_file = "AuthKey.p8"
endpoint = "${simulator.url}"
ca_file = "${simulator.caFile}"
body = "full"
`,
    )
  }

  /** Runs a command; words are parted by single spaces. */
  run(args: string, input = ''): { code: number; out: string; err: string } {
    const run = Bun.spawnSync([this.#program, ...args.split(' ')], {
      cwd: this.cwd,
      stdin: Buffer.from(input),
      env: { PATH: '/bin' },
    })
    return { code: run.exitCode, out: run.stdout.toString(), err: run.stderr.toString() }
  }

  /** `under` is a program that starts it and steps aside: the process is the server's own. */
  async serve(under: readonly string[] = []): Promise<Running> {
    const child = Bun.spawn([...under, this.#program, 'serve'], {
      cwd: this.cwd,
      stdout: openSync(join(this.cwd, 'log'), 'a'),
      stderr: 'pipe',
      env: { PATH: '/usr/bin:/bin' },
    })
    const banner = await readUntil(child.stderr, /\n {2}data /)
    const port = (name: string) => Number(new RegExp(`\\b${name} 127\\.0\\.0\\.1:(\\d+)`).exec(banner)?.[1])
    return { child, c2s: port('c2s'), direct: port('c2s-tls'), http: port('http') }
  }

  post(path: string, body: object): Promise<Response> {
    return fetch(`http://localhost${path}`, {
      unix: join(this.cwd, 'data/admin.sock'),
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }

  get log(): string {
    const file = join(this.cwd, 'log')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
}

export interface Running {
  readonly child: Bun.Subprocess
  readonly c2s: number
  readonly direct: number
  readonly http: number
}

async function readUntil(stream: ReadableStream<Uint8Array>, pattern: RegExp): Promise<string> {
  let text = ''
  for await (const chunk of stream) {
    text += Buffer.from(chunk).toString()
    if (pattern.test(text)) break
  }
  return text
}
