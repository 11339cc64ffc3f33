/** A start that cannot be says why in one line, and shows a trace only where the program is at fault. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { report } from '../../src/cli/program.ts'
import { takeLock } from '../../src/store/lock.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const LISTEN = '[c2s]\nlisten = ["127.0.0.1:0"]\ndirect_tls_listen = []\n[http]\nlisten = ["127.0.0.1:0"]\n'
let dir: string
const put = (name: string, text: string) => writeFileSync(join(dir, name), text, { mode: 0o600 })

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'belfry-start-'))
  const openssl = (args: string) => execFileSync('openssl', args.split(' '), { cwd: dir, stdio: 'pipe' })
  openssl(
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout a.key -out a.pem -subj /CN=a -days 9',
  )
  openssl('pkcs12 -export -inkey a.key -in a.pem -out a.p12 -passout pass:right')
  put('wrong', 'not it')
  put('junk', 'no key')
  mkdirSync(join(dir, 'empty'))
  put('empty/belfry.db', '')
  mkdirSync(join(dir, 'torn'))
  put('torn/belfry.db', 'x'.repeat(4096))
})
afterAll(() => rmSync(dir, { recursive: true }))

function serve(toml: string, prefix: string[] = []) {
  put('belfry.toml', toml)
  const run = Bun.spawnSync([...prefix, process.execPath, MAIN, 'serve'], {
    cwd: dir,
    env: { ...process.env, BELFRY_CONFIG: '' },
  })
  const lines = run.stderr.toString().trimEnd().split('\n')
  return { code: run.exitCode, lines, all: run.stderr.toString() + run.stdout.toString() }
}

const app = (keys: string) => `${LISTEN}[[push.apps]]\ntopic = "x"\n${keys}\n`

test.each([
  ['a key that is none', `${LISTEN}[tls]\ncert = "a.pem"\nkey = "junk"\n`, 'no private key that can be used'],
  ['a certificate that is none', `${LISTEN}[tls]\ncert = "junk"\nkey = "a.key"\n`, 'no PEM certificate'],
  [
    'a p8 that is none',
    app('team_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "junk"'),
    'no private key in PEM form',
  ],
  [
    'the wrong password of a p12',
    app('p12_file = "a.p12"\np12_password_file = "wrong"'),
    'a.p12 cannot be used',
  ],
  [
    'an address of another machine',
    LISTEN.replace('[c2s]\nlisten = ["127.0.0.1:0"]', '[c2s]\nlisten = ["192.0.2.1:5222"]'),
    'no such address',
  ],
  ['an empty database', `data_dir = "empty"\n${LISTEN}`, 'is empty'],
  ['a torn database', `data_dir = "torn"\n${LISTEN}`, 'restore a backup'],
])('%s', (_what, toml, message) => {
  const { code, lines, all } = serve(toml)
  expect(lines.filter((line) => line.startsWith('error: '))).toEqual([
    expect.stringContaining(message) as string,
  ])
  expect(all).not.toMatch(/^ +at |\.ts:\d+/m)
  expect([code, lines.length]).toEqual([1, 1])
})

test('a port that another program has', async () => {
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
  const bound = other.address()
  const port = typeof bound === 'object' && bound ? bound.port : 0
  const found = serve(
    LISTEN.replace('[http]\nlisten = ["127.0.0.1:0"]', `[http]\nlisten = ["127.0.0.1:${port}"]`),
  )
  other.close()
  expect(found.lines).toEqual([
    `error: http cannot listen on 127.0.0.1:${port}: another program does; find it with: ss -ltnp, or change [http] listen`,
  ])
})

test('data that another process holds', () => {
  mkdirSync(join(dir, 'held'))
  const lock = takeLock(join(dir, 'held'))
  const { code, lines } = serve(`data_dir = "held"\n${LISTEN}`)
  lock.release()
  expect([code, lines]).toEqual([1, [expect.stringContaining('in use by another Belfry') as string]])
})

test('a disk on which nothing more can be written', () => {
  const { code, lines, all } = serve(`data_dir = "full"\n${LISTEN}`, [
    'bash',
    '-c',
    'ulimit -f 40; exec "$@"',
    'bash',
  ])
  expect([code, lines]).toEqual([
    1,
    [expect.stringMatching(/^error: \S+belfry\.db cannot be used: .*df/) as string],
  ])
  expect(all).not.toMatch(/^ +at /m)
})

test('what only a bug can throw keeps its trace', () => {
  const said: string[] = []
  const tell = (text: string) => void said.push(text)
  expect(report(new TypeError('x is not a function'), false, [], tell)).toBe(1)
  expect(said.join('')).toMatch(/^error: TypeError: x is not a function\n +at .*start-errors/)
  report(new TypeError('x'), true, [], tell)
  expect(JSON.parse(said[1] ?? '')).toMatchObject({
    error: 'x',
    trace: expect.stringContaining('start-errors') as string,
  })
})
