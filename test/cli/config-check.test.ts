/** `config check` says what `serve` would refuse and what it would warn of: all of it, in one look. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readSigningKey } from '../../src/push/apns/token.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
let dir: string
const put = (name: string, text: string | Buffer) => writeFileSync(join(dir, name), text, { mode: 0o600 })
const get = (name: string): string => readFileSync(join(dir, name), 'utf8')

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'belfry-check-'))
  const openssl = (args: string) => execFileSync('openssl', args.split(' '), { cwd: dir, stdio: 'pipe' })
  for (const name of ['a', 'b'])
    openssl(
      `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ${name}.key -out ${name}.pem ` +
        `-subj /CN=${name} -addext subjectAltName=DNS:${name}.org -days 9`,
    )
  openssl('pkey -in a.key -aes256 -passout pass:x -out locked.key')
  openssl('x509 -in a.pem -outform der -out a.der')
  put('chain.pem', get('b.pem') + get('a.pem'))
  for (const file of ['a.pem', 'a.key']) put(`bom-${file}`, `\ufeff${get(file)}`)
})
afterAll(() => rmSync(dir, { recursive: true }))

function check(toml: string) {
  put('belfry.toml', toml)
  const run = Bun.spawnSync([process.execPath, MAIN, 'config', 'check', '--config', 'belfry.toml'], {
    cwd: dir,
  })
  return { code: run.exitCode, err: run.stderr.toString() }
}

test.each([
  ['the key of another certificate', 'a.pem', 'b.key', 'b.key is not the key of the first certificate'],
  ['the chain before the own certificate', 'chain.pem', 'a.key', 'own certificate first'],
  ['an encrypted key', 'a.pem', 'locked.key', 'locked.key is encrypted'],
  ['DER', 'a.der', 'a.key', 'openssl x509 -inform der'],
])('%s is an error', (_what, cert, key, message) => {
  const found = check(`hosts = ["a.org"]\n[tls]\ncert = "${cert}"\nkey = "${key}"\n`)
  expect(found.err).toContain(message)
  expect(found.code).toBe(2)
})

test('files that begin with a byte order mark are read, by clients of the server and at Apple', () => {
  const app = '[[push.apps]]\ntopic = "x"\ncert_file = "bom-a.pem"\ncert_key_file = "bom-a.key"\n'
  const found = check(`hosts = ["a.org"]\n[tls]\ncert = "bom-a.pem"\nkey = "bom-a.key"\n${app}`)
  expect([found.code, found.err]).toEqual([0, ''])
})

test('several pairs and an app: each is told of', () => {
  const found = check(
    'hosts = ["a.org"]\n[tls]\ncert = "a.pem"\nkey = "b.key"\n[[tls.hosts]]\nname = "b.org"\ncert = "b.pem"\n' +
      'key = "locked.key"\n[[push.apps]]\ntopic = "x"\nteam_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "a.pem"\n',
  )
  expect(found.err).toContain('b.key is not the key')
  expect(found.err).toContain('locked.key is encrypted')
  expect(found.err).toContain('push app x: ')
})

test('keys and files together, each element, and how short is too short', () => {
  const found = check(
    'hosts = ["a b", "c d"]\n[tls]\ncert = "none.pem"\nkey = "a.key"\n' +
      '[[push.apps]]\ntopic = "x"\nteam_id = "T"\nkey_id = "KEY1234567"\nkey_file = "none.p8"\n',
  )
  for (const text of ['"a b" is not', '"c d" is not', 'none.pem does not exist', 'none.p8 does not exist'])
    expect(found.err).toContain(text)
  expect(found.err).toContain('"team_id" must have exactly 10 characters')
})

test('what would only be warned of: names, and admins of other hosts', () => {
  const found = check('hosts = ["c.org"]\nadmins = ["me@d.org"]\n[tls]\ncert = "a.pem"\nkey = "a.key"\n')
  expect(found.err).toContain('No certificate names c.org')
  expect(found.err).toContain('me@d.org')
  expect(found.code).toBe(0)
})

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const P8 = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()

test.each<[string, (pem: string) => string]>([
  ['as it is', (pem) => pem],
  ['with a byte order mark', (pem) => `\ufeff${pem}`],
  ['indented', (pem) => pem.replace(/^/gm, '    ')],
  ['with \\n as two characters', (pem) => pem.replaceAll('\n', '\\n')],
  ['so, and quoted', (pem) => `"${pem.replaceAll('\n', '\\n')}"`],
  ['on one line', (pem) => pem.replaceAll('\n', ' ')],
  ['on one line without blanks', (pem) => pem.replaceAll('\n', '')],
  ['with the lines of another system', (pem) => pem.replaceAll('\n', '\r\n')],
  ['without BEGIN and END', (pem) => pem.replace(/-----.*-----\n/g, '')],
])('a .p8 key %s is read', (_what, form) => {
  expect(readSigningKey(form(P8)).equals(privateKey)).toBe(true)
})
