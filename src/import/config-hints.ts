/** Lines of belfry.toml that say what a configuration of ejabberd says, as far as there is a counterpart. */
import { isIP } from 'node:net'
import { isObject, type Plain, type PlainObject } from './ejabberd-config.ts'

export interface Hints {
  /** Tables of belfry.toml, the first without a name, each with its lines. */
  readonly tables: ReadonlyMap<string, readonly string[]>
  /** Options that were not taken, and why. */
  readonly left: readonly string[]
}

/** Entries of one list that are looked at. */
const MOST = 1_000

/** Modules whose work is done here without being named. */
const BUILT_IN = new Set(
  `adhoc admin_extra announce avatar blocking bosh caps carboncopy client_state configure conversejs disco fail2ban
   http_api http_ws last muc_admin offline ping privacy private pubsub push push_keepalive roster stats stream_mgmt
   time vcard vcard_xupdate version`
    .split(/\s+/)
    .map((name) => `mod_${name}`),
)
/** Modules that are looked at by name below. */
const READ = new Set(['mod_register', 'mod_mam', 'mod_muc', 'mod_http_upload'])
/** Options that are looked at by name below, or that mean nothing here. */
const KNOWN = new Set(
  `hosts certfiles certfile acl access access_rules shaper_rules listen modules auth_method host_config
   append_host_config define_macro include_config_file loglevel log_rotate_size log_rotate_count language
   api_permissions auth_password_format auth_scram_hash new_sql_schema override_local override_global override_acls`.split(
    /\s+/,
  ),
)

const listOf = (value: Plain): readonly Plain[] =>
  (Array.isArray(value) ? (value as readonly Plain[]) : value === undefined ? [] : [value]).slice(0, MOST)
const objectOf = (value: Plain): PlainObject => (isObject(value) ? value : {})
const toml = (value: string | number | boolean | readonly string[]): string => JSON.stringify(value)
const isCount = (value: Plain): value is number => Number.isSafeInteger(value) && Number(value) > 0

export function hintsOf(config: PlainObject): Hints {
  const hints = new Found()
  const hosts = takeHosts(config, hints)
  takeAdmins(config, hosts, hints)
  takeCertificates(config, hints)
  for (const listener of listOf(config.listen)) takeListener(objectOf(listener), hints)
  takeModules(config, hints)
  takeRules(config, hints)
  takeRest(config, hints)
  return hints
}

class Found implements Hints {
  readonly tables = new Map<string, string[]>()
  readonly left: string[] = []
  readonly #lists = new Map<string, string[]>()

  set(table: string, key: string, value: string | number | boolean | readonly string[]): void {
    const lines = this.tables.get(table) ?? []
    this.tables.set(table, lines)
    const line = `${key} = ${toml(value)}`
    const at = lines.findIndex((other) => other.startsWith(`${key} = `))
    if (at < 0) lines.push(line)
    else lines[at] = line
  }

  /** Adds to a list of addresses. */
  add(table: string, key: string, value: string): void {
    const list = this.#lists.get(`${table}.${key}`) ?? []
    this.#lists.set(`${table}.${key}`, list)
    if (!list.includes(value)) list.push(value)
    this.set(table, key, list)
  }

  leave(what: string): void {
    if (this.left.length < MOST && !this.left.includes(what)) this.left.push(what)
  }
}

function takeHosts({ hosts }: PlainObject, hints: Found): string[] {
  const names = listOf(hosts).filter((name) => typeof name === 'string')
  for (const name of names)
    if (isIP(name.replace(/^\[|\]$/g, '')) > 0)
      hints.leave(`hosts: ${name} is an address, and accounts need a domain`)
  const domains = names.filter((name) => isIP(name.replace(/^\[|\]$/g, '')) === 0)
  if (domains.length > 0) hints.set('', 'hosts', domains)
  return domains
}

/** Users of the list "admin": `a@b`, `{a: b}`, or `["user", "a", "b"]` of the old form. */
function takeAdmins({ acl }: PlainObject, [host = 'localhost']: readonly string[], hints: Found): void {
  const admins: string[] = []
  const take = (user: Plain, domain: Plain = host): void => {
    if (typeof user === 'string' && typeof domain === 'string')
      admins.push(user.includes('@') ? user : `${user}@${domain}`)
  }
  for (const rule of listOf(objectOf(acl).admin)) {
    if (Array.isArray(rule) && rule[0] === 'user') take(rule[1] as Plain, rule[2] as Plain)
    else if (!isObject(rule)) hints.leave('acl: admin: a rule that names no user')
    else
      for (const [kind, users] of Object.entries(rule)) {
        if (kind !== 'user') hints.leave(`acl: admin: ${kind}: admins are named one by one here`)
        else
          for (const user of listOf(users))
            if (isObject(user)) for (const [name, domain] of Object.entries(user)) take(name, domain)
            else take(user)
      }
  }
  const named = admins.filter((jid) => /^[^\s@/]+@[^\s@/]+$/u.test(jid))
  if (named.length > 0) hints.set('', 'admins', [...new Set(named)])
}

function takeCertificates({ certfiles, certfile }: PlainObject, hints: Found): void {
  const files = [...listOf(certfiles), ...listOf(certfile)].filter((path) => typeof path === 'string')
  const plain = files.filter((path) => !path.includes('*'))
  const key = plain.find((path) => /priv|key/i.test(path))
  const cert = plain.find((path) => path !== key)
  if (cert !== undefined && files.length === (key === undefined ? 1 : 2)) {
    hints.set('tls', 'cert', cert)
    // A file of ejabberd may hold both.
    hints.set('tls', 'key', key ?? cert)
  } else if (files.length > 0)
    hints.leave(
      `certfiles: ${files.join(', ')}: name the chain and its key in [tls], and of further hosts in [[tls.hosts]]`,
    )
}

function takeListener(
  { port, ip, module, tls, certfile, max_stanza_size: size }: PlainObject,
  hints: Found,
): void {
  if (!isCount(port) || typeof module !== 'string')
    return hints.leave('listen: a listener without a port or a module')
  const address = typeof ip === 'string' ? ip : '0.0.0.0'
  const place = isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`
  if (module === 'ejabberd_c2s') {
    hints.add('c2s', tls === true ? 'direct_tls_listen' : 'listen', place)
    if (isCount(size)) hints.set('limits', 'stanza_bytes', size)
  } else if (module === 'ejabberd_http') hints.add('http', tls === true ? 'tls_listen' : 'listen', place)
  else hints.leave(`listen: ${port}: ${module} has no counterpart here`)
  if (typeof certfile === 'string') takeCertificates({ certfile }, hints)
}

function takeModules(config: PlainObject, hints: Found): void {
  const modules = objectOf(config.modules)
  if (config.modules !== undefined) hints.set('registration', 'in_band', mayRegister(config, hints))
  for (const [name, options] of Object.entries(modules).slice(0, MOST)) {
    const { default: mode, host, max_users: users, max_size: size } = objectOf(options)
    if (name === 'mod_mam' && typeof mode === 'string' && /^(?:always|never|roster)$/.test(mode))
      hints.set('archive', 'default', mode)
    if (name === 'mod_muc' && typeof host === 'string')
      hints.set('muc', 'host', host.replaceAll(/@HOST@|HOST/g, '{host}'))
    if (name === 'mod_muc' && isCount(users)) hints.set('limits', 'room_occupants', users)
    if (name === 'mod_http_upload' && isCount(size)) hints.set('upload', 'max_size', size)
    if (!BUILT_IN.has(name) && !READ.has(name)) hints.leave(`modules: ${name} has no counterpart here`)
  }
  if (isObject(config.modules) && !('mod_muc' in modules)) hints.set('muc', 'enabled', false)
  if (isObject(config.modules) && !('mod_http_upload' in modules)) hints.set('upload', 'enabled', false)
}

/** Whether anybody may: by mod_register, and a rule that allows all of them. */
function mayRegister({ modules, access_rules: rules, access }: PlainObject, hints: Found): boolean {
  const register = objectOf(modules).mod_register
  if (register === undefined) return false
  const { access: by, access_from: from, ip_access: ip, password_strength: strength } = objectOf(register)
  if (ip !== undefined) hints.leave('mod_register: ip_access: name the networks in [registration] ip_access')
  if (strength !== undefined) hints.leave('mod_register: password_strength: see [registration] min_password')
  if (from !== undefined) hints.leave('mod_register: access_from')
  const name = typeof by === 'string' ? by : 'register'
  if (name === 'all') return true
  const [first] = listOf(objectOf(rules)[name] ?? objectOf(access)[name])
  return first === 'allow' || isAllOf(objectOf(first).allow)
}

/** `allow`, `allow: all` or `{allow, all}`; a rule of the old form is a list of these. */
const isAllOf = (value: Plain): boolean => value === 'all' || value === null

/** Limits by name, as they are for everybody. */
function takeRules({ shaper_rules: rules, access }: PlainObject, hints: Found): void {
  for (const [name, key] of [
    ['max_user_sessions', 'sessions_per_user'],
    ['max_user_offline_messages', 'offline_messages'],
  ] as const) {
    const found = objectOf(rules)[name] ?? listOf(objectOf(access)[name])[0]
    if (found === undefined) continue
    const pairs = numbersOf(found)
    const [number] = pairs.find(([, who]) => who === 'all') ?? pairs.at(-1) ?? []
    if (isCount(number)) hints.set('limits', key, number)
    else hints.leave(`${name}: a limit that is no number`)
  }
}

/** `10`, `[{5000: admin}, 100]`, `{5000: admin, 100: all}`, or `[[10, all]]` of the old form. */
const numbersOf = (rules: Plain): [Plain, Plain][] =>
  listOf(rules).flatMap((rule): [Plain, Plain][] => {
    if (isObject(rule)) return Object.entries(rule).map(([number, who]) => [Number(number), who])
    return Array.isArray(rule) ? [[rule[0] as Plain, rule[1] as Plain]] : [[rule, 'all']]
  })

function takeRest(config: PlainObject, hints: Found): void {
  const { auth_method: auth } = config
  for (const method of listOf(auth))
    if (method !== 'internal' && method !== 'sql' && method !== 'mnesia' && typeof method === 'string')
      hints.leave(`auth_method: ${method}: passwords that are kept elsewhere do not come over`)
  for (const name of ['host_config', 'append_host_config', 'include_config_file', 'define_macro'])
    if (config[name] !== undefined) hints.leave(`${name}: not followed; look at it by hand`)
  if (config.shaper !== undefined)
    hints.leave('shaper: there are no rates in bytes; see [limits] for those of stanzas')
  for (const name of Object.keys(config).slice(0, MOST))
    if (!KNOWN.has(name) && name !== 'shaper') hints.leave(`${name}: not looked at`)
}

/** Lines of belfry.toml, with all that was left as comments above them. */
export function tomlOf({ tables, left }: Hints): readonly string[] {
  const lines = left.map((what) => `# not taken: ${oneLine(what)}`)
  const named = [...tables].sort(([a], [b]) => (a === '' ? -1 : b === '' ? 1 : a < b ? -1 : 1))
  for (const [table, keys] of named) lines.push(...(table === '' ? keys : ['', `[${table}]`, ...keys]))
  return lines
}

/** A name of the file may hold anything, and a comment ends with its line. */
const oneLine = (text: string): string => JSON.stringify(text).slice(1, -1)
