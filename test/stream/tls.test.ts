import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { createHash, X509Certificate } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaults } from '../../src/config/config.ts'
import { createSelfSigned } from '../../src/self-signed.ts'
import { Certificates } from '../../src/server/certificates.ts'
import { CertificateError, type CertificateStore, loadCertificates } from '../../src/stream/tls.ts'
import type { Identity } from '../../src/stream/transports/transport.ts'

const NOW = Date.UTC(2026, 0, 15)
const DAY = 86_400_000
const YEARS = 3 * 365 * DAY

let dir: string
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'belfry-tls-'))
})
afterAll(() => rmSync(dir, { recursive: true }))

interface Pair {
  cert: string
  key: string
}

/** Writes a pair for these names and returns its files. */
async function pair(file: string, names: string[], now = NOW): Promise<Pair> {
  const pems = createSelfSigned(names, now)
  const files = { cert: join(dir, `${file}.crt`), key: join(dir, `${file}.key`) }
  writeFileSync(files.cert, pems.cert)
  writeFileSync(files.key, pems.key)
  return files
}

const load = (
  tls: Partial<Parameters<typeof loadCertificates>[0]['tls']>,
  options: { dataDir?: string; hosts?: string[]; now?: number } = {},
): Promise<CertificateStore> =>
  loadCertificates({
    tls,
    dataDir: options.dataDir ?? join(dir, 'unused'),
    hosts: options.hosts ?? ['bix.org'],
    now: () => options.now ?? NOW,
  })

async function refusal(tls: Parameters<typeof load>[0]): Promise<string> {
  try {
    await load(tls)
  } catch (error) {
    expect(error).toBeInstanceOf(CertificateError)
    return error instanceof Error ? error.message : ''
  }
  throw new Error('was accepted')
}

describe('self-signed', () => {
  test('is made for the hosts and kept, with a key that nobody else reads', async () => {
    const dataDir = join(dir, 'fresh')
    const first = await load({}, { dataDir, hosts: ['bix.org', 'bücher.example', '[2001:db8::1]'] })
    const material = first.forName('bix.org')
    const certificate = new X509Certificate(material.certPem)
    expect(first.list().map(({ cert }) => cert)).toEqual([join(dataDir, 'tls', 'self-signed.crt')])
    expect(material.names).toEqual(['bix.org', 'xn--bcher-kva.example', 'localhost'])
    expect(certificate.checkIP('127.0.0.1')).toBeDefined()
    expect(certificate.checkIP('::1')).toBeDefined()
    expect(certificate.checkIP('2001:db8::1')).toBeDefined()
    expect(certificate.verify(certificate.publicKey)).toBe(true)
    expect(certificate.ca).toBe(false)
    expect(first.warnings()).toEqual([])
    for (const file of ['self-signed.crt', 'self-signed.key']) {
      expect(statSync(join(dataDir, 'tls', file)).mode & 0o777).toBe(0o600)
    }
    const second = await load({}, { dataDir, hosts: ['bücher.example', '[2001:db8::1]'] })
    expect(second.forName('x').serial).toBe(material.serial)
  })
  test('is made anew for another host, before it ends, and when the pair is broken', async () => {
    const dataDir = join(dir, 'renewed')
    const serial = async (hosts: string[], now = NOW): Promise<string> =>
      (await load({}, { dataDir, hosts, now })).forName('').serial
    const first = await serial(['a.example'])
    const second = await serial(['a.example', 'b.example'])
    expect(second).not.toBe(first)
    expect(await serial(['b.example'], NOW + 790 * DAY)).toBe(second)
    const third = await serial(['b.example'], NOW + 800 * DAY)
    expect(third).not.toBe(second)
    writeFileSync(
      join(dataDir, 'tls', 'self-signed.key'),
      readFileSync(join(dir, 'fresh/tls/self-signed.key')),
    )
    expect(await serial(['b.example'], NOW + 800 * DAY)).not.toBe(third)
  })
  test('does not write through a link that someone left', async () => {
    const dataDir = join(dir, 'linked')
    mkdirSync(join(dataDir, 'tls'), { recursive: true })
    const victim = join(dir, 'victim')
    writeFileSync(victim, 'kept')
    symlinkSync(victim, join(dataDir, 'tls', 'self-signed.key.new'))
    await load({}, { dataDir })
    expect(readFileSync(victim, 'utf8')).toBe('kept')
  })
})

describe('choosing', () => {
  test('by the exact name, then a wildcard, then the default', async () => {
    const [fallback, wild, exact, named] = await Promise.all([
      pair('default', ['bix.org']),
      pair('wild', ['*.example.com', 'example.com']),
      pair('exact', ['chat.example.com']),
      pair('named', ['other.example']),
    ])
    const store = await load({
      ...fallback,
      hosts: [
        { name: 'wild', ...wild },
        { name: 'x', ...exact },
        { name: 'Bücher.example', ...named },
      ],
    })
    const serial = (files: Pair): string =>
      new X509Certificate(readFileSync(files.cert)).serialNumber.toLowerCase()
    const chosen = (name: string): string => store.forName(name).serial
    expect(chosen('bix.org')).toBe(serial(fallback))
    expect(chosen('EXAMPLE.com.')).toBe(serial(wild))
    expect(chosen('chat.example.com')).toBe(serial(exact))
    expect(chosen('a.example.com')).toBe(serial(wild))
    expect(chosen('b.a.example.com')).toBe(serial(fallback))
    expect(chosen('bücher.example')).toBe(serial(named))
    expect(chosen('xn--bcher-kva.example')).toBe(serial(named))
    expect(chosen('other.example')).toBe(serial(named))
    for (const name of ['', '.', 'nobody.example', '127.0.0.1', 'x'.repeat(10_000), '*.', '\u0000']) {
      expect(chosen(name)).toBe(serial(fallback))
    }
    expect(store.list().map(({ name }) => name)).toEqual(['wild', 'x', 'xn--bcher-kva.example', 'default'])
  })
})

describe('warnings', () => {
  test('an expired pair and a host without a certificate are served all the same', async () => {
    const files = await pair('old', ['old.example', '*.wild.example'], NOW - YEARS)
    const store = await load(files, { hosts: ['old.example', 'a.wild.example', 'new.example'] })
    const [expired, unnamed, ...more] = store.warnings()
    expect(expired).toMatch(/old\.crt expired on \d{4}-\d\d-\d\d: renew it\.$/)
    expect(unnamed).toBe('No certificate names new.example: clients that check will refuse to connect.')
    expect(more).toEqual([])
  })
})

describe('what the operator must mend is said with file and remedy', () => {
  test.each([
    ['missing', undefined, /missing\.crt does not exist: correct the path/],
    ['empty', '  \n', /empty\.crt is empty/],
    ['text', 'hello', /text\.crt holds no PEM certificate: convert it/],
    [
      'damaged',
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
      /damaged\.crt holds a damaged certificate/,
    ],
  ])('certificate: %s', async (name, content, message) => {
    const good = await pair('good', ['bix.org'])
    const cert = join(dir, `${name}.crt`)
    if (content !== undefined) writeFileSync(cert, content)
    expect(await refusal({ cert, key: good.key })).toMatch(message)
  })
  test('a directory', async () => {
    const good = await pair('good', ['bix.org'])
    expect(await refusal({ cert: dir, key: good.key })).toContain('is a directory')
  })
  test('cert and key swapped', async () => {
    const good = await pair('good', ['bix.org'])
    expect(await refusal({ cert: good.key, key: good.cert })).toMatch(
      /good\.key holds a private key, not a certificate/,
    )
    expect(await refusal({ cert: good.cert, key: good.cert })).toMatch(
      /good\.crt holds a certificate, not a private key/,
    )
  })
  test('a key of another certificate', async () => {
    const [one, two] = await Promise.all([pair('one', ['bix.org']), pair('two', ['bix.org'])])
    expect(await refusal({ cert: one.cert, key: two.key })).toMatch(
      /two\.key is not the key of the first certificate in .*one\.crt/,
    )
    writeFileSync(one.cert, readFileSync(two.cert, 'utf8') + readFileSync(one.cert, 'utf8'))
    expect(await refusal(one)).toMatch(/the server's own certificate first/)
  })
  test('an encrypted key and a broken one', async () => {
    const good = await pair('good', ['bix.org'])
    const key = join(dir, 'odd.key')
    for (const text of [
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n',
      '-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n',
    ]) {
      writeFileSync(key, text)
      expect(await refusal({ cert: good.cert, key })).toMatch(
        /odd\.key is encrypted: decrypt it with "openssl pkey/,
      )
    }
    writeFileSync(key, '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n')
    expect(await refusal({ cert: good.cert, key })).toMatch(/odd\.key holds no private key that can be used/)
  })
})

describe('reload', () => {
  const serve = async (name: string) => {
    const live = await pair(`${name}-live`, ['bix.org'])
    const host = await pair(`${name}-host`, ['chat.example'])
    const config = { ...defaults(), data_dir: join(dir, 'unused'), hosts: ['bix.org'] }
    const tls = { ...config.tls, ...live, hosts: [{ name: 'chat.example', ...host }] }
    const given = { ...config, tls }
    const certificates = await Certificates.load(given)
    const serials = () => ['bix.org', 'chat.example'].map((host) => serialOf(certificates.identity(host)))
    return { live, serials, reload: () => certificates.reload(given) }
  }
  const serialOf = ({ certPem }: Identity) => new X509Certificate(certPem).serialNumber

  test('takes new material and says whether something changed', async () => {
    const { serials, reload } = await serve('new')
    const [live, host] = serials()
    expect(await reload()).toBe(false)
    await pair('new-live', ['bix.org'])
    expect(await reload()).toBe(true)
    expect(serials()[0]).not.toBe(live)
    expect(serials()[1]).toBe(host)
  })
  test('keeps everything when one file is broken', async () => {
    const { live, serials, reload } = await serve('kept')
    const before = serials()
    await pair('kept-host', ['chat.example'])
    writeFileSync(live.key, '')
    expect(await reload().catch(String)).toMatch(/kept-live\.key is empty/)
    expect(serials()).toEqual(before)
  })
})

/** RFC 5929 §4.1, on certificates that openssl signed in each way. */
describe('tls-server-end-point', () => {
  const openssl = Bun.which('openssl')
  const rsa = ['-newkey', 'rsa:2048']
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  const ways: [string, string[], string][] = [
    ['ECDSA with SHA-256', [...ec, '-sha256'], 'sha256'],
    ['ECDSA with SHA-384', [...ec, '-sha384'], 'sha384'],
    ['RSA with SHA-512', [...rsa, '-sha512'], 'sha512'],
    ['RSA with SHA-1', [...rsa, '-sha1'], 'sha256'],
    ['RSASSA-PSS with SHA-384', [...rsa, '-sha384', '-sigopt', 'rsa_padding_mode:pss'], 'sha384'],
    ['RSASSA-PSS with SHA-256', [...rsa, '-sha256', '-sigopt', 'rsa_padding_mode:pss'], 'sha256'],
    ['Ed25519', ['-newkey', 'ed25519'], 'sha256'],
  ]
  test.skipIf(!openssl).each(ways)('%s', async (_, options, hash) => {
    const files = { cert: join(dir, 'hash.crt'), key: join(dir, 'hash.key') }
    const request = ['req', '-x509', '-nodes', '-days', '9', '-subj', '/CN=x']
    const names = ['-addext', 'subjectAltName=DNS:bix.org', '-out', files.cert, '-keyout', files.key]
    const made = Bun.spawnSync(['openssl', ...request, ...names, ...options])
    expect(made.exitCode, made.stderr.toString()).toBe(0)
    const { endPointHash } = (await load(files)).forName('bix.org')
    const raw = new X509Certificate(readFileSync(files.cert)).raw
    expect(Buffer.from(endPointHash)).toEqual(createHash(hash).update(raw).digest())
  })
})
