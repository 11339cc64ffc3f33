import { afterAll, describe, expect, test } from 'bun:test'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Config,
  ConfigError,
  defaults,
  findConfig,
  loadConfig,
  parseConfig,
} from '../../src/config/config.ts'
import { jsonSchema } from '../../src/config/describe.ts'
import { formatProblem, nearest } from '../../src/config/problems.ts'
import { parseDuration, parseListen, parseSize } from '../../src/config/values.ts'

const directory = mkdtempSync(join(tmpdir(), 'belfry-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

function accepted(toml: string): Config {
  const result = parseConfig(toml, '/etc/belfry/belfry.toml')
  if (result.errors) throw new Error(result.errors.map(formatProblem).join('\n'))
  return result.config
}

function refused(toml: string): string[] {
  return (parseConfig(toml, 'b.toml').errors ?? []).map((e) => `${e.line}:${e.column} ${e.message}`)
}

function write(name: string, text: string, mode = 0o600): string {
  const file = join(directory, name)
  writeFileSync(file, text)
  chmodSync(file, mode)
  return file
}

describe('two [[push.apps]] of one topic', () => {
  const app = (more: string) =>
    `[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "k.p8"\n${more}\n`
  const wrong = (toml: string) => parseConfig(toml, 'belfry.toml').errors?.map(({ message }) => message) ?? []

  test('may differ in style, and share aliases', () => {
    const two =
      app('aliases = ["push.old.example"]\nbody = "full"') +
      app('environment = "sandbox"\naliases = ["push.old.example"]')
    expect(wrong(two)).toEqual([])
  })

  test('that cannot both be true are named: team, accounts, the same service twice', () => {
    const sandbox = 'environment = "sandbox"'
    expect(wrong(app('') + app(sandbox).replace('ABCDE12345', 'ZZZZZ12345'))[0]).toContain(
      'an app belongs to one team',
    )
    expect(wrong(app('accounts = "one"') + app(`${sandbox}\naccounts = "many"`))[0]).toContain(
      'has one above',
    )
    expect(wrong(app('') + app(''))[0]).toContain('listed twice')
  })

  test('an alias of two topics is named', () => {
    const alias = 'aliases = ["push.old.example"]'
    const other = app(alias).replace('org.bix.chat', 'org.bix.other')
    expect(wrong(app(alias) + other)[0]).toContain('push.old.example is an alias of org.bix.chat above')
  })
})

describe('values', () => {
  test.each([
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['90d', 7_776_000_000],
    ['250ms', 250],
    ['1.5s', 1500],
    ['0s', 0],
    ['infinity', Infinity],
    ['10', undefined],
    ['-1s', undefined],
    ['1 fortnight', undefined],
    ['', undefined],
  ])('the duration %p', (text, ms) => expect(parseDuration(text)).toBe(ms))

  test('an address with a password', () => {
    const proxy = (address: string) => `[push]\nproxy = "${address}"`
    expect(accepted(proxy('http://me:100%25@proxy:3128')).push.proxy).toBe('http://me:100%25@proxy:3128')
    expect(refused(proxy('http://me:100%@proxy:3128'))).toEqual([
      '2:9 "proxy": in user:password@ each % is written as %25',
    ])
    expect(refused(proxy('proxy:3128'))).toEqual([
      '2:9 "proxy": "proxy:3128" is not an http or https address',
    ])
  })

  test('the archive’s age, for all hosts and for one', () => {
    const one = (text: string) => `hosts = ["a.org"]\n[archive]\nkeep = "90d"\n[[archive.hosts]]\n${text}`
    expect(accepted(one('name = "A.org"\nkeep = "forever"')).archive).toMatchObject({
      keep: 90 * 86_400_000,
      hosts: [{ name: 'a.org', keep: Infinity }],
    })
    expect(refused(one('name = "b.org"\nkeep = "1d"'))[0]).toContain('b.org is not one of the hosts')
    expect(refused(one('name = "a.org"'))).toHaveLength(1)
    expect(
      refused(one('name = "a.org"\nkeep = "1d"\n[[archive.hosts]]\nname = "a.org"\nkeep = "2d"'))[0],
    ).toContain('listed twice')
  })

  test.each([
    ['256KB', 262_144],
    ['10MB', 10_485_760],
    ['65536', 65_536],
    ['1 gb', 1_073_741_824],
    ['ten', undefined],
    ['-1', undefined],
  ])('the size %p', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  test.each([
    ['0.0.0.0:5222', { host: '0.0.0.0', port: 5222 }],
    ['[::1]:5222', { host: '::1', port: 5222 }],
    ['localhost:0', { host: 'localhost', port: 0 }],
    ['5222', undefined],
    ['::1:5222', undefined],
    ['[127.0.0.1]:1', undefined],
    ['a:70000', undefined],
  ])('the address %p', (text, address) => expect(parseListen(text)).toEqual(address))
})

describe('defaults', () => {
  test('without a file: this machine only, the simulator as the phone', () => {
    const config = defaults()
    expect(config.hosts).toEqual(['localhost'])
    expect(config.c2s.listen.map((l) => l.host)).toEqual(['127.0.0.1', '::1'])
    expect(config.http.listen).toEqual([
      { host: '127.0.0.1', port: 5280 },
      { host: '::1', port: 5280 },
    ])
    expect(config.push.simulator).toBe(true)
    expect(config.data_dir).toBe(join(process.cwd(), 'data'))
    expect(config.source.file).toBeUndefined()
  })

  test('with a file the simulator is off and clients are heard on every interface', () => {
    const config = accepted('')
    expect(config.push.simulator).toBe(false)
    const everywhere = (port: number) => ['0.0.0.0', '::'].map((host) => ({ host, port }))
    expect(config.c2s.listen).toEqual(everywhere(5222))
    expect(config.c2s.direct_tls_listen).toEqual(everywhere(5223))
    expect(config.data_dir).toBe('/var/lib/belfry')
  })

  test('every key is described', () => {
    const bare: string[] = []
    const walk = (node: ReturnType<typeof jsonSchema>, path: string): void => {
      for (const [key, value] of Object.entries(node.properties ?? {})) {
        const inner = value.items?.properties ? value.items : value
        if (inner.properties) walk(inner, `${path}${key}.`)
        else if (!value.description) bare.push(path + key)
      }
    }
    walk(jsonSchema(), '')
    expect(bare).toEqual([])
  })
})

describe('meaning', () => {
  test('0 in [limits] means none', () => {
    const { limits } = accepted('[limits]\nsessions_per_user = 0\npreauth_timeout = "0s"\noffline_bytes = 0')
    expect([limits.sessions_per_user, limits.preauth_timeout, limits.offline_bytes]).toEqual([
      Infinity,
      Infinity,
      Infinity,
    ])
    expect(limits.connections).toBe(0)
  })

  test.each([
    ['archive_page', 250],
    ['archive_scan', 100_000],
    ['archive_count', 1_000_000],
    ['archive_ids', 10_000],
    ['devices_per_user', 80],
    ['offline_page', 250],
  ])('limits.%s has an end that cannot be switched off', (key, most) => {
    expect(accepted(`[limits]\n${key} = ${most}`).limits).toMatchObject({ [key]: most })
    expect(refused(`[limits]\n${key} = ${most + 1}`)).toHaveLength(1)
    expect(refused(`[limits]\n${key} = 0`)).toHaveLength(1)
  })

  test.each(['archive_page_bytes', 'offline_page_bytes', 'pep_page_bytes'] as const)(
    'limits.%s cannot be switched off either',
    (key) => {
      expect(refused(`[limits]\n${key} = 0`)[0]).toContain('must end somewhere')
      expect(accepted(`[limits]\n${key} = "1KB"`).limits[key]).toBe(1024)
    },
  )

  test('sm.stop_wait ends before systemd kills', () => {
    expect(accepted('').sm.stop_wait).toBe(1_000)
    expect(accepted('[sm]\nstop_wait = "20s"').sm.stop_wait).toBe(20_000)
    for (const bad of ['21s', 'infinity'])
      expect(refused(`[sm]\nstop_wait = "${bad}"`)[0]).toContain('at most 20s')
  })

  test('rates = false lifts what counts time or addresses and keeps what counts an account or a size', () => {
    const { limits, registration, push } = accepted('[limits]\nrates = false')
    expect(limits.connections_per_ip).toBe(Infinity)
    expect(limits.auth_failures).toBe(Infinity)
    expect(limits.stanzas_per_second).toBe(Infinity)
    expect(registration).toMatchObject({ timeout: 0, min_password: 0 })
    expect(push.burst).toBe(Infinity)
    expect(limits.stanza_bytes).toBe(262_144)
    expect(limits.sessions_per_user).toBe(20)
  })

  test('registration.timeout: "infinity" and "0s" both mean no interval', () => {
    expect(accepted('[registration]\ntimeout = "infinity"').registration.timeout).toBe(0)
    expect(accepted('[registration]\ntimeout = "0s"').registration.timeout).toBe(0)
  })

  test.each([['infinity'], ['0s']])(
    'invites.lifetime = %p: an invitation ends, and not at once',
    (lifetime) => {
      const { config, errors } = parseConfig(`[invites]\nlifetime = "${lifetime}"\n`, 'belfry.toml')
      expect(config).toBeUndefined()
      expect(errors?.[0]?.message).toContain('an invitation must end some time')
    },
  )

  test('origins are compared as browsers write them, and an app may have a scheme of its own', () => {
    const config = accepted(
      '[http]\norigins = ["https://Chat.Example.org:443/", "http://web.example:8080", "capacitor://localhost", "*"]',
    )
    expect(config.http.origins).toEqual([
      'https://chat.example.org',
      'http://web.example:8080',
      'capacitor://localhost',
      '*',
    ])
    expect(refused('[http]\norigins = ["chat.example.org"]')).toEqual([
      '2:12 "origins": "chat.example.org" is not an origin such as "https://chat.example.org"',
    ])
  })

  test('relative files belong to the directory of the configuration', () => {
    const config = accepted('[tls]\ncert = "c.pem"\nkey = "/k.pem"')
    expect([config.tls.cert, config.tls.key]).toEqual(['/etc/belfry/c.pem', '/k.pem'])
  })

  test('certificates of an authority: switched on by an address and the consent to its terms', () => {
    const { acme } = accepted('[acme]\nemail = "you@bix.org"\nagree = true\nlisten = ["127.0.0.1:8080"]')
    expect(acme).toMatchObject({ email: 'you@bix.org', challenge: 'http-01', services: true, names: [] })
    expect(acme.listen).toEqual([{ host: '127.0.0.1', port: 8080 }])
    const { email, listen } = accepted('').acme
    expect([email, listen]).toEqual([undefined, undefined])
    expect(refused('[acme]\nemail = "you@bix.org"')).toEqual([
      '2:9 "email": say agree = true too: the authority gives certificates to who agrees to its terms alone',
    ])
    const taken = '[http]\ntls_listen = ["0.0.0.0:443"]\n[acme]\nemail = "you@bix.org"\nagree = true\n'
    expect(refused(`${taken}challenge = "tls-alpn-01"`)[0]).toContain('take "http-01"')
    // Nobody would answer the authority.
    const nowhere = '[acme]\nemail = "you@bix.org"\nagree = true\nlisten = []\n'
    expect(refused(`${nowhere}challenge = "tls-alpn-01"`)).toEqual([
      '4:10 "listen": nothing would answer by TLS: name an address to which the proxy passes "acme-tls/1"',
    ])
    expect(refused(`${nowhere}[http]\nlisten = []`)[0]).toContain('name an address here or in [http] listen')
    expect(accepted(nowhere).acme.listen).toEqual([])
  })
})

describe('refusals', () => {
  test('all of them at once, each at its place', () => {
    const toml = [
      'hosts = ["a.org", "a.org"]',
      'hosst = 1',
      '[limits]',
      'max_stanza_bytes = 1',
      '  stanza_bites = 5',
      '[c2s]',
      'listen = ["0.0.0.0:5222", "5222"]',
      'require_tls = "yes"',
      '[auth]',
      'scram_iterations = 100',
      '[log]',
      'level = "loud"',
      '[[push.apps]]',
      'topic = "org.bix.chat"',
      'team_id = "ABCDE12345"',
    ].join('\n')
    expect(refused(toml)).toEqual([
      '2:1 unknown key "hosst" at the top level — did you mean "hosts"?',
      '4:1 unknown key "max_stanza_bytes" in [limits] — did you mean "stanza_bytes"?',
      '5:3 unknown key "stanza_bites" in [limits] — did you mean "stanza_bytes"?',
      '7:27 "listen": "5222" is not an address such as "0.0.0.0:5222" or "[::1]:5222"',
      '8:15 "require_tls" must be a boolean',
      '10:20 "scram_iterations" must be at least 4096',
      '12:9 "level" must be one of "debug", "info", "warn", "error"',
      '13:3 "key_id": key_id is missing beside its companions',
      '13:3 "key_file": key_file is missing beside its companions',
    ])
  })

  test('what only the whole can show is said once the parts are right', () => {
    expect(refused('hosts = ["a.org", "A.org."]\n[tls]\ncert = "c"')).toEqual([
      '1:19 "hosts": this host is listed twice',
      '2:2 "tls": cert and key go together: name both or neither',
    ])
    const app =
      '[[push.apps]]\ntopic = "a"\nteam_id = "ABCDE12345"\nkey_id = "ABCDE12345"\nkey_file = "k.p8"\n'
    expect(refused(`${app}custom = { aps = 1 }`)[0]).toContain('aps')
    expect(
      refused(
        `${app}custom = { a = "${'x'.repeat(500)}", b = "${'x'.repeat(500)}", c = "${'x'.repeat(99)}" }`,
      )[0],
    ).toContain('1024')
    expect(refused('[[push.apps]]\ntopic = "a.b"')[0]).toStartWith(
      '1:3 "apps": needs exactly one way to sign in',
    )
    expect(refused('[[push.apps]]\ntopic = "a"\nteam_id = "ABCDE12345"\nkey_id = "ABCDE12345"')).toEqual([
      '1:3 "key_file": key_file is missing beside its companions',
    ])
  })

  test('a dotted key, an inline table and a quoted key are found where they stand', () => {
    expect(refused('tls.hosts = [{ name = "a.org", cert = "c", kay = "k" }]\n"log".colour = true')).toEqual([
      '1:14 "key" is missing',
      '1:44 unknown key "kay" in [tls.hosts] — did you mean "key"?',
      '2:7 unknown key "colour" in [log]',
    ])
  })

  test('the line is shown with a caret below the place', () => {
    const [error] = parseConfig('[limits]\n\tdept = 3', '/x/b.toml').errors ?? []
    expect(error && formatProblem(error)).toBe(
      '/x/b.toml:2:2: unknown key "dept" in [limits] — did you mean "depth"?\n  2 | \tdept = 3\n    | \t^',
    )
  })

  test.each([['x = '], ['a = 1\na = 2'], ['[a\n'], ['\0'], ['hosts = ["a"\n[b]']])(
    'text that is not TOML: %p',
    (toml) => expect(refused(toml)[0]).toMatch(/^\d+:\d+ not TOML: /),
  )

  test('keys of the language itself are only unknown keys', () => {
    expect(refused('__proto__ = 1\nconstructor = 2\n[limits]\ntoString = 3')).toHaveLength(3)
  })
})

test('a guess is made for a slip, not for another word', () => {
  expect(nearest('lisetn', ['listen', 'level'])).toBe('listen')
  expect(nearest('colour', ['level', 'format'])).toBeUndefined()
  expect(nearest('direct_tsl_listen', ['listen', 'direct_tls_listen'])).toBe('direct_tls_listen')
})

describe('the file', () => {
  test('--config comes before $BELFRY_CONFIG', () => {
    expect(findConfig({ file: '/a.toml', env: { BELFRY_CONFIG: '/b.toml' } })).toBe('/a.toml')
    expect(findConfig({ env: { BELFRY_CONFIG: '/b.toml' } })).toBe('/b.toml')
  })

  test('one that is named and not there is an error with the remedy', () => {
    expect(() => loadConfig({ file: join(directory, 'none.toml') })).toThrow(
      /none\.toml does not exist; .*config init/,
    )
  })

  test('a directory in its place', () => {
    expect(() => loadConfig({ file: directory })).toThrow('is not a file')
  })

  test('a missing key file is shown at its line; an open one is a warning', () => {
    const app = '[[push.apps]]\ntopic = "t"\nteam_id = "ABCDE12345"\nkey_id = "ABCDE12345"\nkey_file = "k.p8"'
    const file = write('app.toml', app)
    expect(loadConfig({ file }).push.apps).toHaveLength(1)
    expect(() => loadConfig({ file, checkFiles: true })).toThrow(ConfigError)
    expect(() => loadConfig({ file, checkFiles: true })).toThrow(/app\.toml:5:12: .*k\.p8 does not exist/)
    write('k.p8', 'x', 0o644)
    expect(loadConfig({ file, checkFiles: true }).source.warnings[0]).toContain('chmod o-rwx')
    write('k.p8', 'x', 0o600)
    expect(loadConfig({ file, checkFiles: true }).source.warnings).toEqual([])
  })

  test('a bare name is a systemd credential where there is one', () => {
    write('cred.p8', 'x')
    process.env.CREDENTIALS_DIRECTORY = directory
    try {
      expect(accepted('[webhook]\nsecret_file = "cred.p8"').webhook.secret_file).toBe(
        join(directory, 'cred.p8'),
      )
      expect(accepted('[webhook]\nsecret_file = "other"').webhook.secret_file).toBe('/etc/belfry/other')
    } finally {
      delete process.env.CREDENTIALS_DIRECTORY
    }
  })
})
