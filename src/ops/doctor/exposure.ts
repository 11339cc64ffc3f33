/** Choices of the configuration that let more in than most operators want. */
import { isLoopback, Networks } from '../../net/address.ts'
import type { ListenAddress } from '../../config/values.ts'
import { type DoctorCheck, type DoctorWorld, fail, ok, skip, some, unless, warn } from './check.ts'

export const EXPOSURE_CHECKS: readonly DoctorCheck[] = [
  { id: 'access.registration', needs: ['config'], look: registration },
  { id: 'access.registration_rate', needs: ['config'], look: registrationRate },
  { id: 'access.http', needs: ['config'], look: http },
  { id: 'access.tls', needs: ['config'], look: tls },
  { id: 'access.old_tls', needs: ['config'], look: oldTls },
  { id: 'access.plain', needs: ['config'], look: plain },
  { id: 'access.scram', needs: ['config'], look: scram },
  { id: 'access.rates', needs: ['config'], look: rates },
  { id: 'access.limits', needs: ['config'], look: limits },
  { id: 'access.never_ban', needs: ['config'], look: neverBan },
  { id: 'access.proxies', needs: ['config'], look: proxies },
  { id: 'access.origins', needs: ['config'], look: origins },
]

/** Two addresses that nobody has, of which neither is like the other. */
const STRANGERS = ['192.0.2.1', '2001:db8::1']
const letsStrangers = (list: readonly string[]): boolean => {
  const networks = new Networks(list)
  return STRANGERS.some((address) => networks.covers(address))
}

function registration({ config: { registration: set } }: DoctorWorld) {
  const doors = [set.in_band && 'by the app', set.http && 'over HTTP'].filter((door) => door !== false)
  if (doors.length === 0) return ok('closed: the operator makes accounts, or invites')
  if (!letsStrangers(set.ip_access)) return ok(`${doors.join(' and ')}, for chosen addresses`)
  return warn(
    `anybody may make accounts ${doors.join(' and ')}: spammers find such servers`,
    'invite people instead (belfry invite create), or narrow [registration] ip_access',
  )
}

function registrationRate({ config: { registration: set } }: DoctorWorld) {
  if (!set.in_band && !set.http) return skip('nobody registers')
  if (set.timeout === 0)
    return warn('an address may make any number of accounts', 'set [registration] timeout = "10m"')
  return ok(`one in ${set.timeout / 60_000} min from an address`)
}

const isOutside = ({ host }: ListenAddress): boolean => host !== 'localhost' && !isLoopback(host)

function http({ config: { http: set } }: DoctorWorld) {
  const open = set.listen.filter(isOutside).map(({ host, port }) => `${host}:${port}`)
  return unless(
    open,
    'without TLS only this machine is listened to',
    warn,
    'listen on 127.0.0.1 behind a proxy with TLS, or use [http] tls_listen',
  )
}

function tls({ config: { c2s } }: DoctorWorld) {
  return c2s.require_tls
    ? ok('needed before a login')
    : warn('logins are taken without TLS', 'set [c2s] require_tls = true')
}

function oldTls({ config: { tls: set } }: DoctorWorld) {
  return set.compat === 'none'
    ? ok(`TLS ${set.min} or newer`)
    : warn(
        'ciphers with CBC are offered for systems from before 2015',
        'set [tls] compat = "none" once the last such phone is gone',
      )
}

function plain({ config: { auth } }: DoctorWorld) {
  return auth.plain
    ? warn(
        'passwords come as they are (PLAIN), though within TLS',
        'set [auth] plain = false unless a client has no SCRAM',
      )
    : ok('passwords are proved, never sent')
}

function scram({ config: { auth } }: DoctorWorld) {
  const rounds = auth.scram_iterations
  if (rounds < 10_000)
    return warn(`keys of passwords have ${rounds} rounds only`, 'set [auth] scram_iterations = 10000')
  return rounds > 600_000
    ? warn(`${rounds} rounds make logins of old phones slow`, 'set [auth] scram_iterations lower')
    : ok(`${rounds} rounds`)
}

function rates({ config: { limits: set } }: DoctorWorld) {
  return set.rates
    ? ok('on')
    : fail('no rate is limited: limits.rates = false is for benchmarks', 'remove rates = false from [limits]')
}

/** Without these one account or address can take the whole machine. */
const NEEDED = [
  'stanza_bytes',
  'preauth_stanza_bytes',
  'preauth_timeout',
  'depth',
  'elements',
  'connections_per_ip',
  'offline_messages',
  'offline_bytes',
  'send_buffer_bytes',
  'http_body_bytes',
  'auth_failures_per_ip',
  'sm_queue',
] as const

function limits({ config: { limits: set } }: DoctorWorld) {
  if (!set.rates) return skip('see access.rates')
  const none = NEEDED.filter((key) => set[key] === Infinity).map((key) => `limits.${key}`)
  return unless(
    none,
    'each that protects the machine is set',
    warn,
    'remove these keys, so that their defaults hold',
  )
}

function neverBan({ config: { auth } }: DoctorWorld) {
  return letsStrangers(auth.never_ban)
    ? warn(
        'addresses that guess passwords are never banned',
        'name your own networks alone under [auth] never_ban',
      )
    : ok(some(auth.never_ban))
}

function proxies({ config }: DoctorWorld) {
  const wide = (['http', 'c2s'] as const).filter((table) => letsStrangers(config[table].trusted_proxies))
  return unless(
    wide.map((table) => `[${table}] trusted_proxies believes everybody who they say they are`),
    'only proxies are believed who a client is',
    fail,
    'name the addresses of your proxies alone',
  )
}

function origins({ config: { http: set } }: DoctorWorld) {
  return set.origins.includes('*')
    ? warn('pages of any origin may connect', 'name the origins of your web clients under [http] origins')
    : ok(set.origins.length > 0 ? some(set.origins) : 'its own pages')
}
