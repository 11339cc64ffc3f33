/** Certificates: whether their files can be used, for whom and how long, and whether listeners hand them out. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { domainToASCII } from 'node:url'
import type { Config } from '../../config/config.ts'
import { AcmeFiles } from '../acme/kept.ts'
import { NOW_DAYS, SOON_DAYS } from '../certificate-alarms.ts'
import { ordersOf } from '../acme/orders.ts'
import {
  type DoctorCheck,
  type DoctorWorld,
  fail,
  octal,
  ok,
  skip,
  some,
  statOf,
  unless,
  warn,
} from './check.ts'
import { servedCertificate, startTlsOf } from './connect.ts'

export const CERTIFICATE_CHECKS: readonly DoctorCheck[] = [
  { id: 'tls.files', needs: ['config'], look: files },
  { id: 'tls.key', needs: ['config'], look: key },
  { id: 'tls.key_mode', needs: ['config'], look: keyMode },
  { id: 'tls.days', needs: ['config'], look: days },
  { id: 'tls.begun', needs: ['config'], look: begun },
  { id: 'tls.names', needs: ['config'], look: names },
  { id: 'tls.web_name', needs: ['config'], look: webName },
  { id: 'tls.chain', needs: ['config'], look: chain },
  { id: 'tls.authority', needs: ['config'], look: authority },
  { id: 'tls.strength', needs: ['config'], look: strength },
  { id: 'tls.lifetime', needs: ['config'], look: lifetime },
  { id: 'tls.served', needs: ['config', 'server'], look: served },
  { id: 'tls.starttls', needs: ['config', 'server'], look: startTls },
]

const DAY = 86_400_000

interface Pair {
  readonly cert: string
  readonly key: string
}

interface Loaded extends Pair {
  /** Its own first, then those above it. */
  readonly chain: readonly [X509Certificate, ...X509Certificate[]]
}

/** Those that an authority has given; certificate and key are one file. */
function fetched(config: Config): Pair[] {
  const kept = new AcmeFiles(config.data_dir)
  return ordersOf(config)
    .map(({ host }) => kept.pairOf(host))
    .filter((file) => statOf(file) !== undefined)
    .map((file) => ({ cert: file, key: file }))
}

/** Those of the configuration, of an authority, or the one that the server signs itself. */
function pairs(config: Config): Pair[] {
  const { tls, data_dir: dir } = config
  if (tls.cert !== undefined && tls.key !== undefined) return [{ cert: tls.cert, key: tls.key }, ...tls.hosts]
  const own = join(dir, 'tls/self-signed')
  const given = fetched(config)
  return [...(given.length > 0 ? given : [{ cert: `${own}.crt`, key: `${own}.key` }]), ...tls.hosts]
}

const isOwn = (config: Config): boolean => config.tls.cert === undefined && fetched(config).length === 0

function load(pair: Pair): Loaded | string {
  try {
    const blocks =
      readFileSync(pair.cert, 'utf8').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ??
      []
    const [first, ...rest] = blocks.map((pem) => new X509Certificate(pem))
    return first ? { ...pair, chain: [first, ...rest] } : `${pair.cert} holds no PEM certificate`
  } catch (error) {
    return `${pair.cert}: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Pairs that can be read; tls.files tells of the rest. */
const loaded = (config: Config): Loaded[] =>
  pairs(config)
    .map(load)
    .filter((pair) => typeof pair !== 'string')

const none = skip('no certificate can be read')

function files({ config }: DoctorWorld) {
  if (isOwn(config) && !statOf(pairs(config)[0]?.cert ?? ''))
    return skip('none yet: the start signs one itself')
  const bad = pairs(config)
    .map(load)
    .filter((pair) => typeof pair === 'string')
  return unless(
    bad,
    some(pairs(config).map(({ cert }) => cert)),
    fail,
    'correct the paths under [tls], or let the service read the files',
  )
}

function key({ config }: DoctorWorld) {
  const found = loaded(config)
  if (found.length === 0) return none
  const bad = found.flatMap(({ cert, key: file, chain: [own] }) => {
    try {
      return own.checkPrivateKey(createPrivateKey(readFileSync(file)))
        ? []
        : [`${file} is not the key of ${cert}`]
    } catch (error) {
      return [`${file}: ${error instanceof Error ? error.message : String(error)}`]
    }
  })
  return unless(
    bad,
    'each key belongs to its certificate',
    fail,
    'name the pair that belongs together, the certificate of the server itself first in its file',
  )
}

function keyMode({ config }: DoctorWorld) {
  const open = pairs(config)
    .map(({ key: file }) => ({ file, mode: statOf(file)?.mode ?? 0 }))
    .filter(({ mode }) => (mode & 0o037) !== 0)
  if (open.length === 0) return loaded(config).length === 0 ? none : ok('its group at most may read a key')
  const why = some(open.map(({ file, mode }) => `${file} has mode ${octal(mode)}`))
  const mend = `chmod 640 ${open.map(({ file }) => file).join(' ')}`
  return open.some(({ mode }) => (mode & 0o007) !== 0) ? fail(why, mend) : warn(why, mend)
}

function days({ config, now }: DoctorWorld) {
  const found = loaded(config).map(({ cert, chain: [own] }) => ({
    cert,
    left: Math.floor((Date.parse(own.validTo) - now) / DAY),
  }))
  const first = found.toSorted((a, b) => a.left - b.left)[0]
  if (!first) return none
  const mend = isOwn(config)
    ? 'restart the server, which signs a new one'
    : fetched(config).length > 0
      ? 'belfry cert status says why it was not renewed; belfry cert renew'
      : 'renew it, then belfry reload; look why that was not done by itself'
  if (first.left < 0) return fail(`${first.cert} ended ${-first.left} days ago`, mend)
  const why = `${first.left} days left`
  if (first.left < NOW_DAYS) return fail(why, mend)
  return first.left < SOON_DAYS ? warn(why, mend) : ok(why)
}

function begun({ config, now }: DoctorWorld) {
  const found = loaded(config)
  if (found.length === 0) return none
  const early = found
    .filter(({ chain: [own] }) => Date.parse(own.validFrom) > now)
    .map(({ cert, chain: [own] }) => `${cert} begins on ${own.validFrom}`)
  return unless(early, 'each holds already', fail, 'look at the clock of this machine: timedatectl')
}

const ascii = (host: string): string => (isIP(host) ? host : domainToASCII(host) || host)

/** RFC 9525 §6.1: by alternative names alone. */
function covers(own: X509Certificate, host: string): boolean {
  const plain = ascii(host.replace(/^\[(.*)\]$/, '$1'))
  return isIP(plain)
    ? own.checkIP(plain) !== undefined
    : own.checkHost(plain, { subject: 'never' }) !== undefined
}

function names({ config }: DoctorWorld) {
  const found = loaded(config)
  if (found.length === 0) return none
  const bare = config.hosts.filter((host) => !found.some(({ chain: [own] }) => covers(own, host)))
  return unless(
    bare.map((host) => `no certificate names ${host}`),
    some(config.hosts),
    fail,
    'get a certificate for the domain itself, whatever the machine is called',
  )
}

function webName({ config }: DoctorWorld) {
  const found = loaded(config)
  const { public_url: url, tls_listen: listen } = config.http
  if (found.length === 0) return none
  if (url === undefined || listen.length === 0) return skip('browsers are served by a proxy, or not at all')
  const { hostname } = new URL(url)
  return found.some(({ chain: [own] }) => covers(own, hostname))
    ? ok(hostname)
    : warn(
        `no certificate names ${hostname} of [http] public_url`,
        'have that name in a certificate too, or use another public_url',
      )
}

function chain({ config }: DoctorWorld) {
  const found = loaded(config)
  if (found.length === 0) return none
  if (isOwn(config)) return skip('signed by ourselves')
  const bad = found.flatMap(({ cert, chain: list }) => {
    const gap = list.findIndex((one, i) => i + 1 < list.length && !one.checkIssued(list[i + 1] ?? one))
    if (gap >= 0) return [`${cert}: its ${gap + 2}. certificate has not issued the one before it`]
    const [own] = list
    const selfIssued = own.issuer === own.subject
    return list.length === 1 && !selfIssued
      ? [`${cert} has no certificate of its issuer, without which phones do not trust it`]
      : []
  })
  return unless(bad, 'whole and in order', warn, 'name the full chain: fullchain.pem, not cert.pem')
}

function authority({ config }: DoctorWorld) {
  const found = loaded(config)
  if (found.length === 0) return none
  const own = found.filter(({ chain: [one] }) => one.issuer === one.subject).map(({ cert }) => cert)
  return unless(
    own.map((cert) => `${cert} is signed by itself: apps must be told to trust it`),
    'signed by somebody else',
    warn,
    'get a certificate, for example with certbot, and name it under [tls]',
  )
}

function strength({ config }: DoctorWorld) {
  const found = loaded(config)
  if (found.length === 0) return none
  const weak = found.flatMap(({ cert, chain: [own] }) => {
    const { asymmetricKeyType: type, asymmetricKeyDetails: details } = own.publicKey
    const bits = details?.modulusLength
    if (type === 'rsa' && bits !== undefined && bits < 2048) return [`${cert} has RSA of ${bits} bits only`]
    if (type !== 'rsa' && type !== 'ec') return [`${cert} has a key (${String(type)}) that few phones know`]
    return []
  })
  return unless(
    weak,
    'keys that phones accept',
    fail,
    'make a new key: EC P-256, or RSA of 2048 bits or more',
  )
}

/** Apple's platforms refuse what lasts longer, whoever signed it. */
const LONGEST_DAYS = 825

function lifetime({ config }: DoctorWorld) {
  const found = loaded(config)
  if (found.length === 0) return none
  const long = found
    .map(({ cert, chain: [own] }) => ({
      cert,
      lasts: Math.round((Date.parse(own.validTo) - Date.parse(own.validFrom)) / DAY),
    }))
    .filter(({ lasts }) => lasts > LONGEST_DAYS)
  return unless(
    long.map(({ cert, lasts }) => `${cert} holds for ${lasts} days`),
    'phones accept how long they hold',
    warn,
    `iPhones refuse more than ${LONGEST_DAYS} days: make one for less`,
  )
}

async function served({ config }: DoctorWorld) {
  const found = loaded(config)
  const host = config.hosts[0] ?? 'localhost'
  const listener = config.c2s.direct_tls_listen.find(
    ({ port, proxy }) => port > 0 && !(proxy ?? config.c2s.proxy_protocol),
  )
  if (!listener || found.length === 0) return skip('no listener for direct TLS that can be asked from here')
  const fingerprint = await servedCertificate(listener, ascii(host))
  const known = found.some(({ chain: [own] }) => own.fingerprint256 === fingerprint)
  return known
    ? ok(`port ${listener.port} hands out what the files hold`)
    : fail(
        `port ${listener.port} hands out another certificate than the files hold`,
        'belfry reload; look at the log for why it is not used',
      )
}

async function startTls({ config }: DoctorWorld) {
  const host = config.hosts[0] ?? 'localhost'
  const listener = config.c2s.listen.find(
    ({ port, proxy }) => port > 0 && !(proxy ?? config.c2s.proxy_protocol),
  )
  if (!listener) return skip('no listener for STARTTLS that can be asked from here')
  const offer = await startTlsOf(listener, host)
  if (offer === 'none')
    return fail(
      `port ${listener.port} offers no STARTTLS`,
      'look at the log: the certificate may not be used',
    )
  const wanted = config.c2s.require_tls ? 'required' : 'offered'
  return offer === wanted || offer === 'required'
    ? ok(`port ${listener.port}: ${offer}`)
    : fail(`port ${listener.port} lets logins in without TLS`, 'systemctl restart belfry')
}
