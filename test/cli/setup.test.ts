/** A set-up below a folder that stands for a machine: from nothing, again, with what somebody changed, and back. */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { firewallLines, selinuxLines } from '../../src/cli/setup/advice.ts'
import { configText } from '../../src/cli/setup/config-file.ts'
import { parseConfig } from '../../src/config/config.ts'
import { createSelfSigned } from '../../src/self-signed.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
let home: string
let root: string
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-setup-'))
  root = join(home, 'root')
  mkdirSync(root)
  writeFileSync(join(home, 'belfry'), 'the executable')
})
afterEach(() => rmSync(home, { recursive: true }))

function setup(args: string) {
  const run = Bun.spawnSync(
    [process.execPath, MAIN, 'setup', '--root', root, ...args.split(' ').filter(Boolean)],
    {
      cwd: home,
      stdin: 'ignore',
      env: { ...process.env, BELFRY_CONFIG: '' },
    },
  )
  return { out: run.stdout.toString(), err: run.stderr.toString(), code: run.exitCode }
}

const files = (): string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => statSync(join(root, path)).isFile())
    .toSorted()
const modes = (...paths: string[]): string[] =>
  paths.map((path) => (statSync(join(root, path)).mode & 0o777).toString(8))
const text = (path: string): string => readFileSync(join(root, path), 'utf8')

const UNIT = 'etc/systemd/system/belfry.service'
const ALL = ['etc/belfry/belfry.toml', UNIT, 'usr/local/bin/belfry']

test('from nothing: files, modes, and what to paste; again: no change', () => {
  const first = setup('--domain bix.org --binary belfry')
  expect([first.code, files()]).toEqual([0, ALL])
  expect(
    modes('etc/belfry', 'etc/belfry/belfry.toml', 'var/lib/belfry', UNIT, 'usr/local/bin/belfry'),
  ).toEqual(['750', '640', '750', '644', '755'])
  expect(text(UNIT)).toContain('ExecStart=/usr/local/bin/belfry serve')
  expect(first.err).toContain('signs its own')
  for (const word of [
    '_xmpps-client._tcp.bix.org.  IN SRV 5 0 5223 bix.org.',
    '_xmppconnect.bix.org.',
    'Firewall',
    'curl --unix-socket',
  ])
    expect(first.out).toContain(word)
  const parsed = parseConfig(text('etc/belfry/belfry.toml'), '/etc/belfry/belfry.toml')
  expect(parsed.config?.hosts).toEqual(['bix.org'])
  expect(parsed.config?.data_dir).toBe('/var/lib/belfry')
  const again = setup('--domain bix.org --binary belfry -o json')
  expect(JSON.parse(again.out)).toEqual({ ok: true, domain: 'bix.org', started: false, changed: false })
  expect(files()).toEqual(ALL)
})

test('--dry-run says it and does nothing', () => {
  const { out, code } = setup('--domain bix.org --binary belfry --dry-run')
  expect(code).toBe(0)
  for (const path of ['/etc/belfry/belfry.toml', '/var/lib/belfry', '/usr/local/bin/belfry', `/${UNIT}`])
    expect(out).toMatch(new RegExp(`would: .*${path}`))
  expect(readdirSync(root)).toEqual([])
})

test('a certificate and a key of Apple are copied, for the service alone, and named', () => {
  const pems = createSelfSigned(['bix.org'], Date.now())
  writeFileSync(join(home, 'c.pem'), pems.cert)
  writeFileSync(join(home, 'k.pem'), pems.key)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(
    join(home, 'AuthKey_ABC123DEFG.p8'),
    privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  )
  const apns = '--apns-key AuthKey_ABC123DEFG.p8 --apns-team TEAM123456 --apns-topic org.bix.chat'
  expect(setup(`--domain bix.org --cert c.pem --key k.pem ${apns}`).code).toBe(0)
  expect(modes('etc/belfry/cert.pem', 'etc/belfry/key.pem', 'etc/belfry/AuthKey_ABC123DEFG.p8')).toEqual([
    '640',
    '640',
    '640',
  ])
  const { config } = parseConfig(text('etc/belfry/belfry.toml'), '/etc/belfry/belfry.toml')
  expect(config?.tls).toMatchObject({ cert: '/etc/belfry/cert.pem', key: '/etc/belfry/key.pem' })
  expect(config?.push.apps[0]).toMatchObject({
    topic: 'org.bix.chat',
    key_id: 'ABC123DEFG',
    key_file: '/etc/belfry/AuthKey_ABC123DEFG.p8',
  })
})

test('what somebody changed is shown and stays, with --yes too; --force replaces it', () => {
  setup('--domain bix.org')
  const file = join(root, 'etc/belfry/belfry.toml')
  writeFileSync(file, `${text('etc/belfry/belfry.toml')}\n# by hand\n`)
  for (const more of ['', ' --yes']) {
    const { out, err, code } = setup(`--domain bix.org${more}`)
    expect([
      code,
      err.includes('- # by hand'),
      out.includes('/etc/belfry/belfry.toml stays as it is'),
    ]).toEqual([0, true, true])
    expect(text('etc/belfry/belfry.toml')).toContain('# by hand')
  }
  writeFileSync(
    file,
    text('etc/belfry/belfry.toml').replace(/^\[tls\]$/m, '[tls]\ncert = "c.pem"\nkey = "k.pem"'),
  )
  expect(setup('--domain bix.org').err).not.toContain('signs its own')
  setup('--domain bix.org --force')
  expect(text('etc/belfry/belfry.toml')).not.toContain('# by hand')
})

test('modes that somebody changed are mended', () => {
  setup('--domain bix.org')
  Bun.spawnSync(['chmod', '777', join(root, 'var/lib/belfry'), join(root, 'etc/belfry/belfry.toml')])
  setup('--domain bix.org')
  expect(modes('var/lib/belfry', 'etc/belfry/belfry.toml')).toEqual(['750', '640'])
})

test('--uninstall says what goes, asks, and keeps configuration and data unless told', () => {
  setup('--domain bix.org --binary belfry')
  writeFileSync(join(root, 'var/lib/belfry/belfry.db'), 'messages')
  const dry = setup('--uninstall --dry-run')
  expect(dry.out).toContain(`to be removed: /${UNIT}, /usr/local/bin/belfry`)
  expect(dry.out).toContain('stays: /etc/belfry, /var/lib/belfry')
  expect(setup('--uninstall').code).toBe(2)
  expect(files()).toHaveLength(4)
  expect(setup('--uninstall --yes').code).toBe(0)
  expect(files()).toEqual(['etc/belfry/belfry.toml', 'var/lib/belfry/belfry.db'])
  expect(setup('--uninstall --purge --yes').code).toBe(0)
  expect(files()).toEqual([])
  expect(setup('--uninstall --yes').out).toContain('nothing to remove')
})

test.each([
  ['', 2, '--domain example.org'],
  ['--domain not_a..domain', 2, 'is no domain'],
  ['--domain bix.org --cert belfry', 2, 'go together'],
  ['--domain bix.org --cert belfry --key belfry', 2, 'belfry'],
  ['--domain bix.org --cert none.pem --key none.key', 2, 'none.pem cannot be read'],
  ['--domain bix.org --apns-key belfry', 2, '--apns-team'],
  ['--domain bix.org --apns-team TEAM123456', 2, '--apns-key'],
  [
    '--domain bix.org --apns-key belfry --apns-key-id ABC123DEFG --apns-team TEAM123456 --apns-topic a.b',
    2,
    'belfry',
  ],
  ['--domain bix.org --admin nobody', 2, 'nobody'],
  ['--purge', 2, '--uninstall'],
])('setup %s → %i, before anything is touched', (args, code, message) => {
  const run = setup(args)
  expect(run.code).toBe(code)
  expect(run.err).toContain(message)
  expect(readdirSync(root)).toEqual([])
})

test('a domain in other letters, and one that TOML would take for something else', () => {
  for (const domain of ['bücher.example', '[::1]'])
    expect(parseConfig(configText({ domain, admins: [] }), '/etc/belfry/belfry.toml').config?.hosts).toEqual([
      domain,
    ])
})

test.each([
  ['ID=almalinux\nID_LIKE="rhel centos fedora"\nPRETTY_NAME="AlmaLinux 9"\n', [], 'firewall-cmd', true],
  ['ID=ubuntu\nID_LIKE=debian\nPRETTY_NAME="Ubuntu"\n', ['usr/sbin/ufw'], 'ufw allow', false],
  ['ID=debian\nPRETTY_NAME="Debian"\n', ['usr/sbin/nft'], 'nft add rule', false],
  ['ID=debian\n', ['usr/bin/firewall-cmd', 'usr/sbin/nft'], 'firewall-cmd', false],
  ['', [], 'no firewall was found', false],
])('advice for %p', (release, programs, firewall, selinux) => {
  for (const path of ['etc/os-release', ...programs]) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), release)
  }
  expect(firewallLines({ root, domain: 'bix.org' }).join('\n')).toContain(firewall)
  expect(selinuxLines({ root, domain: 'bix.org' }).length > 0).toBe(selinux)
  expect(existsSync(root)).toBe(true)
})

test('certificates of an authority: only with consent; the unit may then listen below 1024, also the next time', () => {
  const without = setup('--domain bix.org --binary belfry --acme you@bix.org')
  expect([without.code, files()]).toEqual([2, []])
  expect(without.err).toContain('terms of service')
  expect(setup('--domain bix.org --binary belfry --acme you@bix.org --yes').code).toBe(0)
  const { config } = parseConfig(text('etc/belfry/belfry.toml'), 'belfry.toml')
  expect(config?.acme).toMatchObject({ email: 'you@bix.org', agree: true })
  expect(text(UNIT)).toContain('\nAmbientCapabilities=CAP_NET_BIND_SERVICE\n')
  const unit = text(UNIT)
  setup('--domain bix.org --binary belfry')
  expect(text(UNIT)).toBe(unit)
})
