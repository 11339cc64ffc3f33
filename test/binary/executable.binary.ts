/** The executable itself, in a directory of its own: built once, then started, watched, killed. `npm run test:binary` */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, mkdirSync, openSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { testWith } from '../support/programs.ts'
import { build } from './support.ts'

let built: ReturnType<typeof build>
let home: string
let program: string

const CONFIG = [
  'hosts = ["bix.org"]',
  '[c2s]',
  'listen = ["127.0.0.1:0"]',
  'direct_tls_listen = ["127.0.0.1:0"]',
  '[http]',
  'listen = ["127.0.0.1:0"]',
  '[auth]',
  'scram_iterations = 4096',
].join('\n')

beforeAll(() => {
  built = build()
  ;({ home, program } = built)
})
/** A test that fails leaves its server running. */
const running: Bun.Subprocess[] = []
afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await Promise.all(running.map((child) => child.exited))
  built.remove()
})

function directory(name: string, config = CONFIG): string {
  const path = join(home, name)
  mkdirSync(path)
  writeFileSync(join(path, 'belfry.toml'), config)
  return path
}

function belfry(cwd: string, args: string, input = '') {
  const run = Bun.spawnSync([program, ...args.split(' ')], {
    cwd,
    stdin: Buffer.from(input),
    env: { PATH: '/bin' },
  })
  return { code: run.exitCode, out: run.stdout.toString(), err: run.stderr.toString() }
}

/** Starts it and waits until it says that it listens. */
async function serve(cwd: string, env: Record<string, string> = {}, command = [program, 'serve']) {
  const child = Bun.spawn(command, {
    cwd,
    stdout: openSync(join(cwd, 'log'), 'a'),
    stderr: 'pipe',
    env: { PATH: '/bin', ...env },
  })
  running.push(child)
  let text = ''
  for await (const chunk of child.stderr) {
    text += Buffer.from(chunk).toString()
    if (/\n {2}data /.test(text)) break
  }
  return { child, banner: text }
}

const post = (cwd: string, body: object): Promise<Response> =>
  fetch('http://localhost/v1/messages', {
    unix: join(cwd, 'data/admin.sock'),
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

function offlineRows(cwd: string): string[] {
  using db = new Database(join(cwd, 'data/belfry.db'), { readonly: true })
  return db
    .query<{ xml: string }, []>('SELECT xml FROM offline ORDER BY id')
    .all()
    .map((row) => /<body>(.*?)<\/body>/.exec(row.xml)?.[1] ?? '?')
}

test('case 100: what lies in the directory is neither run nor read', () => {
  const cwd = directory('hostile')
  writeFileSync(join(cwd, 'bunfig.toml'), 'preload = ["./evil.ts"]\n')
  writeFileSync(join(cwd, 'evil.ts'), 'console.log("EVIL")\n')
  writeFileSync(join(cwd, '.env'), 'BELFRY_CONFIG=/nowhere.toml\n')
  const shown = belfry(cwd, 'config show')
  expect([shown.code, shown.out.includes('EVIL'), shown.out.includes('"bix.org"')]).toEqual([0, false, true])
})

test('one file is enough: accounts, certificate, socket and data come by themselves', async () => {
  const cwd = directory('fresh')
  expect(belfry(cwd, 'user add romeo@bix.org --password-stdin', 'secret words').out).toBe(
    'romeo@bix.org added\n',
  )
  const { child, banner } = await serve(cwd)
  try {
    expect(banner).toContain('off: no [[push.apps]] is configured')
    expect(belfry(cwd, 'health').code).toBe(0)
    expect(statSync(join(cwd, 'data')).mode & 0o777).toBe(0o750)
    for (const file of readdirSync(join(cwd, 'data'))) {
      expect(`${file} ${statSync(join(cwd, 'data', file)).mode & 0o007}`).toBe(`${file} 0`)
    }
  } finally {
    child.kill('SIGTERM')
  }
  expect(await child.exited).toBe(0)
  expect(existsSync(join(cwd, 'data/admin.sock'))).toBe(false)
})

test('case 91: killed at once after an answer, it has what it answered for', async () => {
  const cwd = directory('killed')
  belfry(cwd, 'user add juliet@bix.org --password-stdin', 'secret words')
  const answered: string[] = []
  for (let round = 0; round < 5; round++) {
    const { child } = await serve(cwd)
    for (let i = 0; i <= round * 7; i++) {
      const body = `${round}-${i}`
      const sent = await post(cwd, { to: 'juliet@bix.org', body, id: body })
      if (sent.status === 202) answered.push(body)
    }
    child.kill('SIGKILL')
    await child.exited
  }
  const { child } = await serve(cwd)
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
  expect(answered.length).toBeGreaterThan(50)
  expect(offlineRows(cwd)).toEqual(answered)
})

test('the checkpoint Worker is found inside the executable', async () => {
  const cwd = directory('worker', `${CONFIG}\n[limits]\noffline_messages = 0\noffline_bytes = 0\n`)
  belfry(cwd, 'user add juliet@bix.org --password-stdin', 'secret words')
  const { child } = await serve(cwd)
  const size = () => statSync(join(cwd, 'data/belfry.db')).size
  const before = size()
  // Only the Worker copies from the log into the file while the server runs: once 128 MB wait there.
  for (let i = 0; i < 10_000 && size() === before; i++) {
    const sent = await post(cwd, { to: 'juliet@bix.org', body: 'x'.repeat(50_000) })
    expect(sent.status).toBe(202)
  }
  expect(size()).toBeGreaterThan(before)
  child.kill('SIGTERM')
  await child.exited
})

test('cases 25 and 93: connections for more files than there are leave the operator and the next client their own', async () => {
  const cwd = directory('files', `${CONFIG}\n[limits]\nrates = false`)
  const { child, banner } = await serve(cwd, {}, ['sh', '-c', `ulimit -n 90; exec ${program} serve`])
  const port = Number(/\bc2s 127\.0\.0\.1:(\d+)/.exec(banner)?.[1])
  const hello = (socket: Socket) =>
    new Promise<boolean>((resolve) => {
      socket.on('data', () => resolve(true))
      socket.on('error', () => undefined)
      socket.on('close', () => resolve(false))
      socket.write(
        `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='bix.org' version='1.0'>`,
      )
    })
  const storm = Array.from({ length: 300 }, () => connect(port, '127.0.0.1'))
  const heard = await Promise.all(storm.map(hello))
  expect(heard.filter(Boolean).length).toBeWithin(20, 60)
  expect(belfry(cwd, 'health').out).toBe('ready\n')
  for (const socket of storm) socket.resetAndDestroy()
  for (let tries = 0; tries < 100 && !(await hello(connect(port, '127.0.0.1'))); tries++);
  const next = connect(port, '127.0.0.1')
  expect(await hello(next)).toBe(true)
  next.destroy()
  child.kill('SIGTERM')
  expect(await child.exited).toBe(0)
})

test('systemd hears READY and STOPPING from the executable', async () => {
  const cwd = directory('notify')
  const socket = join(cwd, 'notify.sock')
  const script = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); print('bound', flush=True)
seen = ''
while 'STOPPING=1' not in seen:
    seen = s.recv(4096).decode(); print(seen.replace('\\n', ' '), flush=True)
`
  const reader = Bun.spawn(['python3', '-c', script, socket], { stdout: 'pipe' })
  try {
    const lines = reader.stdout.getReader()
    await lines.read()
    const { child } = await serve(cwd, { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '60000000' })
    child.kill('SIGTERM')
    expect(await child.exited).toBe(0)
    await reader.exited
    let text = ''
    for (let part = await lines.read(); !part.done; part = await lines.read())
      text += Buffer.from(part.value).toString()
    expect(text).toMatch(/WATCHDOG=1\n(.*\n)*READY=1 STATUS=Serving bix\.org\n(.*\n)*STOPPING=1/)
  } finally {
    reader.kill()
  }
})

testWith(['/usr/bin/systemd-analyze'])('the unit is clean and exposes little', async () => {
  const cwd = directory('unit')
  const file = join(cwd, 'belfry.service')
  writeFileSync(file, belfry(cwd, `systemd --binary ${program} --user root`).out)
  const verify = Bun.spawnSync(['systemd-analyze', 'verify', file])
  expect([verify.exitCode, verify.stderr.toString()]).toEqual([0, ''])
  const security = Bun.spawnSync(['systemd-analyze', 'security', '--offline=true', file]).stdout.toString()
  expect(Number(/exposure level for belfry\.service: ([\d.]+)/.exec(security)?.[1])).toBeLessThanOrEqual(2.5)
})
