/** Pebble, the test authority of Let's Encrypt, with a name server for which every name is this machine. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { createSelfSigned } from '../../src/self-signed.ts'
import { freePort } from '../support/ports.ts'

const VERSION = 'v2.10.3'
const MODULE = 'github.com/letsencrypt/pebble/v2/cmd'
const BIN = join(homedir(), `.cache/belfry/pebble-${VERSION}`)

/** Builds both programs once, which takes a minute or two. */
function programs(): { pebble: string; names: string } {
  const [pebble, names] = [join(BIN, 'pebble'), join(BIN, 'pebble-challtestsrv')]
  if (!existsSync(pebble) || !existsSync(names)) {
    mkdirSync(BIN, { recursive: true })
    const modules = ['pebble', 'pebble-challtestsrv'].map((name) => `${MODULE}/${name}@${VERSION}`)
    const go = existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : 'go'
    const run = Bun.spawnSync([go, 'install', ...modules], {
      env: { ...process.env, GOBIN: BIN },
      stderr: 'pipe',
    })
    if (!run.success) throw new Error(`Pebble was not built: ${run.stderr.toString()}`)
  }
  return { pebble, names }
}

export interface Pebble extends AsyncDisposable {
  readonly directory: string
  /** Root that vouches for its API. */
  readonly caFile: string
  /** Ports at which it looks for challenges. */
  readonly httpPort: number
  readonly tlsPort: number
  /** PEM of the root that vouches for what it issues. */
  root(): Promise<string>
  /** A name that leads nowhere from now on, or here again. */
  lose(name: string): Promise<void>
  find(name: string): Promise<void>
}

/** `home`: directory for its files. */
export async function startPebble(home: string): Promise<Pebble> {
  const { pebble, names } = programs()
  const [api, management, dns, control, httpPort, tlsPort] = await Promise.all(
    Array.from({ length: 6 }, freePort),
  )
  const pair = createSelfSigned(['localhost'], Date.now())
  const at = (name: string) => join(home, name)
  writeFileSync(at('pebble.crt'), pair.cert)
  writeFileSync(at('pebble.key'), pair.key)
  const settings = {
    listenAddress: `127.0.0.1:${api}`,
    managementListenAddress: `127.0.0.1:${management}`,
    certificate: at('pebble.crt'),
    privateKey: at('pebble.key'),
    ...{ httpPort, tlsPort, retryAfter: { authz: 1, order: 1 }, keyAlgorithm: 'ecdsa' },
    profiles: { default: { description: 'as usual', validityPeriod: 7_776_000 } },
  }
  writeFileSync(at('pebble.json'), JSON.stringify({ pebble: settings }))
  const log = Bun.file(at('pebble.log'))
  const started = [
    Bun.spawn(
      [
        names,
        '-defaultIPv4',
        '127.0.0.1',
        '-defaultIPv6',
        '',
        '-http01',
        '',
        '-https01',
        '',
        '-tlsalpn01',
        '',
      ].concat(['-doh', '', '-dnsserver', `127.0.0.1:${dns}`, '-management', `127.0.0.1:${control}`]),
      { stdout: 'ignore', stderr: 'ignore' },
    ),
    Bun.spawn([pebble, '-config', at('pebble.json'), '-dnsserver', `127.0.0.1:${dns}`], {
      env: { ...process.env, PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '20' },
      ...{ stdout: log, stderr: 'ignore' },
    }),
  ]
  const directory = `https://localhost:${api}/dir`
  const tls = { ca: pair.cert }
  const tell = async (path: string, body: object) => {
    const answer = await fetch(`http://127.0.0.1:${control}${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
  }
  const stop = async () => {
    for (const child of started) child.kill()
    await Promise.all(started.map((child) => child.exited))
  }
  await answering(`http://127.0.0.1:${control}/`, {}).catch(stopAnd(stop, home))
  await answering(directory, { tls }).catch(stopAnd(stop, home))
  return {
    ...{ directory, caFile: at('pebble.crt'), httpPort: httpPort ?? 0, tlsPort: tlsPort ?? 0 },
    root: async () => (await fetch(`https://localhost:${management}/roots/0`, { tls })).text(),
    lose: (name) => tell('/set-servfail', { host: `${name}.` }),
    find: (name) => tell('/clear-servfail', { host: `${name}.` }),
    [Symbol.asyncDispose]: stop,
  }
}

const stopAnd = (stop: () => Promise<void>, home: string) => async (error: unknown) => {
  await stop()
  throw new Error(`Pebble did not start: ${readFileSync(join(home, 'pebble.log'), 'utf8')}`, { cause: error })
}

/** Resolves once something answers there, whatever it says. */
async function answering(url: string, options: BunFetchRequestInit): Promise<void> {
  for (let left = 200; ; left--) {
    try {
      await fetch(url, options)
      return
    } catch (error) {
      if (left === 0) throw error
      await Bun.sleep(50)
    }
  }
}
