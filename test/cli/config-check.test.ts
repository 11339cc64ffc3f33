/** `config check` says what `serve` would refuse and what it would warn of: all of it, in one look. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkContents } from '../../src/cli/config-check.ts'
import { loadConfig } from '../../src/config/config.ts'
import { readSigningKey } from '../../src/push/apns/token.ts'
import { freePort } from '../support/ports.ts'

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
        `-subj /CN=${name} -addext subjectAltName=DNS:${name}.org -days 90`,
    )
  openssl('pkey -in a.key -aes256 -passout pass:x -out locked.key')
  openssl('x509 -in a.pem -outform der -out a.der')
  openssl('pkcs12 -export -inkey a.key -in a.pem -out a.p12 -passout pass:right')
  openssl('pkcs12 -export -nokeys -in a.pem -out keyless.p12 -passout pass:right')
  for (const password of ['right', 'wrong']) put(password, `${password}\n`)
  put('empty', '')
  put('long', 'wherefore art thou')
  put('chain.pem', get('b.pem') + get('a.pem'))
  for (const file of ['a.pem', 'a.key']) put(`bom-${file}`, `\ufeff${get(file)}`)
})
afterAll(() => rmSync(dir, { recursive: true }))

/** Of this machine, whatever else listens there. */
const LISTEN = '[c2s]\nlisten = []\ndirect_tls_listen = []\n[http]\nlisten = []\n'

/** Without an https address there are none, which the check says. */
const NO_FILES = '\n[upload]\nenabled = false\n'

function check(toml: string) {
  put('belfry.toml', (toml.includes('[c2s]') ? toml : toml + LISTEN) + NO_FILES)
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

test('what is wrong with a file is told at the key that names it', () => {
  const found = check(
    'hosts = ["a.org"]\n[tls]\ncert = "a.pem"\nkey = "b.key"\n[[tls.hosts]]\nname = "b.org"\ncert = "a.der"\n' +
      'key = "b.key"\n[[push.apps]]\ntopic = "x"\np12_file = "a.der"\n',
  )
  const places = [...found.err.matchAll(/belfry\.toml:(\d+:\d+): /g)].map(([, place]) => place)
  expect(places).toEqual(['4:7', '7:8', '11:12'])
})

const DAY = 86_400_000
/** Of pairs and apps whose certificates are made to last ninety days. */
async function warnedOf(toml: string, days: number): Promise<string> {
  put('belfry.toml', `hosts = ["a.org"]\n${toml}${NO_FILES}`)
  const config = loadConfig({ file: join(dir, 'belfry.toml'), checkFiles: true })
  const { problems, warnings } = await checkContents(config, new Date(Date.now() + days * DAY))
  expect(problems).toEqual([])
  return warnings.join('\n')
}

test.each([
  [74, /^$/],
  [76, /^\S+a\.pem expires on \d{4}-\d\d-\d\d: renew it\.$/],
  [91, /^\S+a\.pem expired on \d{4}-\d\d-\d\d: renew it\.$/],
])('a certificate of ninety days, %d days on', async (days, expected) => {
  expect(await warnedOf('[tls]\ncert = "a.pem"\nkey = "a.key"\n', days)).toMatch(expected)
})

test.each([
  ['5d', 84, /^$/],
  ['5d', 86, /^push app x: \S+a\.p(12|em) ends on .*; renew it at Apple$/],
  ['5d', 91, /^push app x: \S+a\.p(12|em) ended on .*; renew it at Apple$/],
  ['0s', 89, /^$/],
])(
  'push.certificate_alarm = "%s" and a push certificate of ninety days, %d days on',
  async (alarm, days, expected) => {
    const head = `[push]\ncertificate_alarm = "${alarm}"\n[[push.apps]]\ntopic = "x"\n`
    for (const keys of [
      'cert_file = "a.pem"\ncert_key_file = "a.key"\n',
      'p12_file = "a.p12"\np12_password_file = "right"\n',
    ])
      expect(await warnedOf(head + keys, days)).toMatch(expected)
  },
)

test.each([
  ['its password', 'a.p12', 'right', 0, /^$/],
  ['another password', 'a.p12', 'wrong', 2, /a\.p12 cannot be used: .*passphrase/],
  ['no password', 'a.p12', undefined, 2, /a\.p12 cannot be used: .*passphrase/],
  ['nothing in it', 'empty', 'right', 2, /empty cannot be used: /],
  ['a text instead', 'right', 'right', 2, /right cannot be used: /],
  ['a certificate and no key', 'keyless.p12', 'right', 2, /keyless\.p12 cannot be used: .*private key/],
])('a p12 with %s', (_what, file, password, code, expected) => {
  const named = password === undefined ? '' : `p12_password_file = "${password}"\n`
  const found = check(`hosts = ["a.org"]\n[[push.apps]]\ntopic = "x"\np12_file = "${file}"\n${named}`)
  expect(found.err).toMatch(expected)
  expect(found.code).toBe(code)
})

test('an admin of this server who has no account is named with the remedy, one who has is not', async () => {
  const toml = `hosts = ["a.org"]\nadmins = ["me@a.org", "you@a.org"]\n${LISTEN}`
  put('belfry.toml', toml)
  const add = Bun.spawnSync([process.execPath, MAIN, 'user', 'add', 'me@a.org', '--password-file', 'long'], {
    cwd: dir,
  })
  expect([add.exitCode, add.stderr.toString()]).toEqual([0, ''])
  const found = check(toml)
  expect(found.err).toBe(
    'warning: the admin you@a.org has no account; make it with: belfry user add you@a.org\n',
  )
  expect(found.code).toBe(0)
})

describe('addresses', () => {
  const at = (client: string, more = '') =>
    `hosts = ["a.org"]\n[http]\nlisten = []\n[c2s]\ndirect_tls_listen = []\nlisten = [${client}]\n${more}`

  test('one of another machine is said as the start would say it, with its place', () => {
    const found = check(at('"127.0.0.1:0", "192.0.2.7:5222"'))
    expect(found.err).toMatch(
      /belfry\.toml:6:26: c2s cannot listen on 192\.0\.2\.7:5222: this machine has no such/,
    )
    expect(found.code).toBe(2)
  })

  test('one that another program has, or two of our own', async () => {
    const other = createServer()
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo // of a TCP server
    const found = check(at(`"127.0.0.1:${port}"`))
    await new Promise((resolve) => other.close(resolve))
    expect(found.err).toContain(`c2s cannot listen on 127.0.0.1:${port}: another program does`)
    expect(found.code).toBe(2)
    expect(check(at(`"127.0.0.1:${port}"`)).code).toBe(0)
    expect(check(at(`"127.0.0.1:${port}", "127.0.0.1:${port}"`)).code).toBe(2)
  })

  test('those of the running server are its own', async () => {
    const [port, other] = [await freePort(), createServer()]
    put('belfry.toml', at(`"127.0.0.1:${port}"`))
    const server = Bun.spawn([process.execPath, MAIN, 'serve'], {
      cwd: dir,
      stdout: 'pipe',
      stderr: 'ignore',
    })
    try {
      let said = ''
      for await (const chunk of server.stdout) {
        said += Buffer.from(chunk).toString()
        if (said.includes('server started')) break
      }
      expect(check(at(`"127.0.0.1:${port}"`))).toMatchObject({ code: 0, err: '' })
      await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
      const taken = (other.address() as AddressInfo).port // of a TCP server
      expect(check(at(`"127.0.0.1:${taken}"`)).err).toContain('another program does')
    } finally {
      other.close()
      server.kill('SIGTERM')
      await server.exited
    }
  })
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

test('that files cannot be sent without an https address is said, with what to set', () => {
  const warns = (more: string): boolean => {
    put('belfry.toml', `hosts = ["a.org"]\n${LISTEN}${more}`)
    const args = [process.execPath, MAIN, 'config', 'check', '--config', 'belfry.toml']
    return Bun.spawnSync(args, { cwd: dir, stderr: 'pipe', stdout: 'pipe' })
      .stderr.toString()
      .includes('nobody can send files: set [http] public_url or [upload] url')
  }
  expect(warns('[upload]\nurl = "http://files.a.org"\n')).toBe(true)
  expect(warns('[upload]\nurl = "https://files.a.org"\n')).toBe(false)
  expect(warns(NO_FILES)).toBe(false)
})
