/** Certificates by a real authority's protocol: fetched by both challenges, put in force without a restart, renewed. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { loadConfig } from '../../src/config/config.ts'
import type { CertificateView } from '../../src/http/deps.ts'
import { type Server, startServer } from '../../src/server/server.ts'
import { FakeClock } from '../support/clock.ts'
import { freePort } from '../support/ports.ts'
import { build } from '../binary/support.ts'
import { type Pebble, startPebble } from './pebble.ts'

const DAY = 86_400_000

let home: string
let pebble: Pebble
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'belfry-acme-'))
  pebble = await startPebble(home)
})
afterAll(async () => {
  await pebble[Symbol.asyncDispose]()
  rmSync(home, { recursive: true })
})

type Challenge = 'http-01' | 'tls-alpn-01'

/** A configuration in a directory of its own; `direct` and `http` are ports. */
function configure(name: string, challenge: Challenge, { direct = 0, http = 0, listen = '' } = {}): string {
  const directory = join(home, name)
  mkdirSync(directory)
  const port = challenge === 'http-01' ? pebble.httpPort : pebble.tlsPort
  const file = join(directory, 'belfry.toml')
  writeFileSync(
    file,
    `hosts = ["bix.org", "bücher.example"]
[acme]
email = "you@bix.org"
agree = true
directory = "${pebble.directory}"
ca_file = "${pebble.caFile}"
challenge = "${challenge}"
listen = [${listen === '' ? `"127.0.0.1:${port}"` : ''}]
[c2s]
listen = ["127.0.0.1:0"]
direct_tls_listen = ["127.0.0.1:${direct}"]
[http]
listen = ["127.0.0.1:${http}"]
tls_listen = ["127.0.0.1:0"]
`,
  )
  return file
}

const socketOf = (file: string): string => join(file, '../data/admin.sock')

async function ask(file: string, method = 'GET', path = '', body?: object): Promise<Response> {
  return fetch(`http://localhost/v1/certificates${path}`, {
    ...{ unix: socketOf(file), method },
    ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
  })
}

async function list(file: string): Promise<CertificateView[]> {
  return ((await (await ask(file)).json()) as { items: CertificateView[] }).items
}

async function until(file: string, holds: (items: CertificateView[]) => boolean): Promise<CertificateView[]> {
  let items: CertificateView[] = []
  for (let left = 400; left > 0; left--) {
    items = await list(file).catch(() => [])
    if (holds(items)) return items
    await Bun.sleep(50)
  }
  throw new Error(`waited in vain; there is ${JSON.stringify(items)}`)
}

const areFetched = (items: CertificateView[]): boolean =>
  items.length === 2 && items.every(({ origin }) => origin === 'acme')

/** The certificate that a client gets who trusts the authority alone and looks at the name. */
async function shown(port: number, servername: string): Promise<X509Certificate> {
  const socket = tls.connect({ host: '127.0.0.1', port, servername, ca: await pebble.root() })
  await new Promise<void>((resolve, reject) => {
    socket.once('secureConnect', resolve)
    socket.once('error', reject)
  })
  const certificate = socket.getPeerX509Certificate()
  socket.destroy()
  if (!certificate) throw new Error('no certificate was shown')
  return certificate
}

const portOf = ({ addresses }: Server, name: string): number =>
  addresses.find((address) => address.name === name)?.port ?? 0

test.each<[Challenge]>([['http-01'], ['tls-alpn-01']])(
  'by %s: a server without any starts with its own, fetches one for each host, and shows it to who connects',
  async (challenge) => {
    const file = configure(challenge, challenge)
    const server = await startServer(loadConfig({ file, checkFiles: true }))
    try {
      await until(file, areFetched)
      for (const door of ['c2s-tls', 'https'])
        for (const host of ['bix.org', 'xn--bcher-kva.example'])
          expect((await shown(portOf(server, door), host)).subjectAltName).toContain(`DNS:conference.${host}`)
      const kept = join(file, '../data/tls/acme')
      expect(readdirSync(kept).map((name) => statSync(join(kept, name)).mode & 0o777)).toEqual([
        0o600, 0o600, 0o600,
      ])
    } finally {
      await server.stop()
    }
  },
)

test('renewed at two thirds of its life by the clock, in force for the next who connects', async () => {
  const file = configure('renewed', 'http-01')
  const clock = new FakeClock(Date.now())
  const server = await startServer(loadConfig({ file, checkFiles: true }), clock)
  try {
    const before = await until(file, areFetched)
    clock.jump(58 * DAY)
    clock.advance(3_600_000)
    expect((await list(file)).map(({ serial }) => serial)).toEqual(before.map(({ serial }) => serial))
    clock.jump(4 * DAY)
    clock.advance(3_600_000)
    const after = await until(file, (items) => items.every(({ serial }, at) => serial !== before[at]?.serial))
    const serials = after.map(({ serial }) => serial)
    const first = await shown(portOf(server, 'c2s-tls'), 'bix.org')
    expect(serials).toContain(first.serialNumber.toLowerCase())
  } finally {
    await server.stop()
  }
})

test('a name that leads nowhere: the reason is told, nothing is asked again before its time, and it mends', async () => {
  await pebble.lose('upload.bix.org')
  const file = configure('lost', 'http-01')
  const server = await startServer(loadConfig({ file, checkFiles: true }))
  try {
    const items = await until(
      file,
      (all) => all.some(({ failures }) => failures > 0) && all.some((x) => x.origin === 'acme'),
    )
    const lost = items.find(({ name }) => name === 'bix.org')
    expect(lost).toMatchObject({ origin: 'none', failures: 1 })
    expect(lost?.error).toContain('upload.bix.org')
    expect(lost?.error).toContain('A or AAAA record')
    expect(Date.parse(lost?.next ?? '')).toBeGreaterThan(Date.now() + 14 * 60_000)
    await pebble.find('upload.bix.org')
    expect((await ask(file, 'POST', '/renew', { host: 'bix.org' })).status).toBe(200)
    expect(areFetched((await list(file)).filter(({ name }) => name !== 'default'))).toBe(true)
  } finally {
    await server.stop()
  }
})

test('the executable fetches by the HTTP listener behind a proxy, and `cert renew` gives a new one', async () => {
  const { home: place, program, remove } = build()
  const direct = await freePort()
  // The authority's port of challenges is that of [http] listen: what a proxy would pass on arrives there.
  const file = configure('executable', 'http-01', { direct, http: pebble.httpPort, listen: 'none' })
  const run = (...args: string[]) => Bun.spawnSync([program, ...args, '--config', file], { cwd: place })
  const child = Bun.spawn([program, 'serve', '--config', file], {
    cwd: place,
    stdout: 'ignore',
    stderr: 'ignore',
  })
  try {
    const before = await until(file, areFetched)
    const first = await shown(direct, 'bix.org')
    expect(before.map(({ serial }) => serial)).toContain(first.serialNumber.toLowerCase())
    const renewed = run('cert', 'renew', 'bix.org', '-o', 'json')
    expect(renewed.exitCode).toBe(0)
    expect((await shown(direct, 'bix.org')).serialNumber).not.toBe(first.serialNumber)
    expect(run('cert', 'status').stdout.toString()).toContain('bix.org')
  } finally {
    child.kill()
    await child.exited
    remove()
  }
})
