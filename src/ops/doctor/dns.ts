/** DNS: whether apps that know nothing but an address find this machine. */
import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { isLoopback, isPublic } from '../../net/address.ts'
import { type DoctorCheck, type DoctorWorld, fail, ok, skip, some, unless, warn } from './check.ts'
import { type Names, NoAnswer, type Srv } from './names.ts'

/** Asked of every host. */
const QUESTIONS: readonly DoctorCheck[] = [
  { id: 'dns.address', look: address },
  {
    id: 'dns.starttls',

    look: (w) => service(w, '_xmpp-client._tcp', portsOf(w, 'listen'), 5222),
  },
  {
    id: 'dns.direct_tls',

    look: (w) => service(w, '_xmpps-client._tcp', portsOf(w, 'direct_tls_listen'), 5223),
  },
  { id: 'dns.targets', look: targets },
  { id: 'dns.aliases', look: aliases },
  { id: 'dns.ours', look: ours },
  { id: 'dns.private', look: privateAddresses },
  { id: 'dns.ipv6', look: ipv6 },
  { id: 'dns.servers', look: servers },
  { id: 'dns.caa', look: caa },
  { id: 'dns.web', look: web },
]

const NEEDS = ['config', 'network'] as const

export const DNS_CHECKS: readonly DoctorCheck[] = [
  { id: 'dns.resolver', needs: NEEDS, look: resolver },
  ...QUESTIONS.map(({ id, look }) => ({ id, needs: NEEDS, look: answered(look) })),
]

/** A resolver that does not answer is told of once, by dns.resolver, and skips the other checks of names. */
function answered(look: DoctorCheck['look']): DoctorCheck['look'] {
  return async (w) => {
    try {
      return await look(w)
    } catch (error) {
      if (error instanceof NoAnswer) return skip('DNS does not answer')
      throw error
    }
  }
}

async function resolver(w: DoctorWorld) {
  const [host] = domains(w)
  if (host === undefined) return skip(LOCAL)
  try {
    await w.names.a(host)
    return ok('DNS answers')
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error
    return fail(error.message, 'look at /etc/resolv.conf, and whether port 53 is let out')
  }
}

const LOCAL = 'no domain that DNS would know'
const CLIENT = ['_xmpp-client._tcp', '_xmpps-client._tcp']

const domains = ({ config }: DoctorWorld): string[] =>
  config.hosts.filter((host) => host.includes('.') && isIP(host) === 0)

const portsOf = ({ config: { c2s } }: DoctorWorld, key: 'listen' | 'direct_tls_listen'): number[] =>
  c2s[key].map(({ port }) => port)

async function srvOf(names: Names, services: readonly string[], host: string): Promise<Srv[]> {
  const found = await Promise.all(services.map((name) => names.srv(`${name}.${host}`)))
  return found.flat()
}

/** Machines to which apps of a host go: those of its SRV records, else the host. */
async function machines({ names }: DoctorWorld, host: string): Promise<string[]> {
  const records = await srvOf(names, CLIENT, host)
  const found = records.map(({ name }) => name.replace(/\.$/, '')).filter((name) => name !== '')
  return found.length > 0 ? [...new Set(found)] : [host]
}

async function addressesOf({ names }: DoctorWorld, machine: string): Promise<string[]> {
  const [four, six] = await Promise.all([names.a(machine), names.aaaa(machine)])
  return [...four, ...six]
}

/** Answers of `ask` for each host, in one list. */
async function each(w: DoctorWorld, ask: (host: string) => Promise<string[]>): Promise<string[] | undefined> {
  const hosts = domains(w)
  if (hosts.length === 0) return undefined
  return (await Promise.all(hosts.map(ask))).flat()
}

async function everyAddress(w: DoctorWorld): Promise<string[] | undefined> {
  const found = await each(w, async (host) => {
    const lists = await Promise.all((await machines(w, host)).map((machine) => addressesOf(w, machine)))
    return lists.flat()
  })
  return found && [...new Set(found)]
}

async function address(w: DoctorWorld) {
  const lost = await each(w, async (host) => {
    const lists = await Promise.all((await machines(w, host)).map((machine) => addressesOf(w, machine)))
    return lists.some((list) => list.length > 0) ? [] : [`${host} leads nowhere`]
  })
  return lost
    ? unless(
        lost,
        some(domains(w)),
        fail,
        'add an A or AAAA record for the domain, or an SRV record to one that has it',
      )
    : skip(LOCAL)
}

async function service(w: DoctorWorld, name: string, own: readonly number[], usual: number) {
  if (own.length === 0) return skip('no such listener')
  const troubles = await each(w, async (host) => {
    const records = await srvOf(w.names, [name], host)
    if (records.length === 0) return [`${host} has no ${name}`]
    const strange = records.filter(
      (record) => record.name !== '' && record.name !== '.' && !own.includes(record.port),
    )
    return strange.map((record) => `${name}.${host} names port ${record.port}, where nothing listens`)
  })
  if (!troubles) return skip(LOCAL)
  const missing = troubles.some((text) => text.includes(' has no '))
  const [host = ''] = domains(w)
  const record = `${name}.${host}. IN SRV 5 0 ${own[0] || usual} ${host}.`
  // Without STARTTLS records apps try the domain at 5222; where that is what is meant, nothing is lost.
  if (missing && name === CLIENT[0] && own.includes(5222) && troubles.length === domains(w).length)
    return ok('no record: apps go to the domain itself, port 5222')
  return unless(troubles, `${name} leads here`, warn, `DNS should have: ${record}`)
}

async function targets(w: DoctorWorld) {
  const bad = await each(w, async (host) => {
    const records = await srvOf(w.names, CLIENT, host)
    const lists = await Promise.all(
      records.map(({ name }) => targetTrouble(w, host, name.replace(/\.$/, ''))),
    )
    return lists.flat()
  })
  return bad
    ? unless(
        [...new Set(bad)],
        'each names a machine',
        fail,
        'let SRV records name a machine with A or AAAA records',
      )
    : skip(LOCAL)
}

async function targetTrouble(w: DoctorWorld, host: string, target: string): Promise<string[]> {
  if (target === '') return [`${host} says by an SRV record that it has no such service`]
  if (target === 'localhost' || isIP(target) !== 0) return [`an SRV record of ${host} names ${target}`]
  return (await addressesOf(w, target)).length > 0
    ? []
    : [`${target} of an SRV record of ${host} has no address`]
}

/** RFC 2782: a target is no alias. */
async function aliases(w: DoctorWorld) {
  const bad = await each(w, async (host) => {
    const records = await srvOf(w.names, CLIENT, host)
    const found = await Promise.all(
      records
        .filter(({ name }) => name !== '')
        .map(async ({ name }) => ((await w.names.cname(name)).length > 0 ? [name] : [])),
    )
    return found.flat()
  })
  return bad
    ? unless(
        [...new Set(bad)].map((name) => `${name} of an SRV record is an alias (CNAME)`),
        'none',
        warn,
        'name in SRV records what the alias stands for',
      )
    : skip(LOCAL)
}

const own = (): string[] =>
  Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .map((entry) => entry.address)

async function ours(w: DoctorWorld) {
  const found = await everyAddress(w)
  if (!found) return skip(LOCAL)
  if (found.length === 0) return skip('there is no address')
  if (found.some((entry) => own().includes(entry))) return ok(some(found))
  return warn(
    `${some(found)} is none of this machine’s addresses`,
    'right behind a router or load balancer that forwards 5222 and 5223; else correct the records',
  )
}

async function privateAddresses(w: DoctorWorld) {
  const found = await everyAddress(w)
  if (!found) return skip(LOCAL)
  const hidden = found.filter((entry) => !isPublic(entry))
  return unless(
    hidden.map(
      (entry) => `${entry} is ${isLoopback(entry) ? 'each machine itself' : 'of a private network'}`,
    ),
    'none',
    warn,
    'people outside need a public address in DNS',
  )
}

async function ipv6(w: DoctorWorld) {
  const found = await everyAddress(w)
  if (!found) return skip(LOCAL)
  const six = found.filter((entry) => isIP(entry) === 6)
  if (six.length === 0) return ok('no AAAA record')
  const listens = [...w.config.c2s.listen, ...w.config.c2s.direct_tls_listen].some(({ host }) =>
    host.includes(':'),
  )
  return listens
    ? ok(some(six))
    : fail(
        'DNS has AAAA records, and nothing listens to IPv6',
        'add "[::]:5222" and "[::]:5223" under [c2s], or remove the records',
      )
}

/** Records for other servers: there is no federation, so they are those of a server that was here before. */
async function servers(w: DoctorWorld) {
  const stale = await each(w, async (host) => {
    const records = await srvOf(w.names, ['_xmpp-server._tcp', '_xmpps-server._tcp'], host)
    return records.some(({ name }) => name !== '') ? [host] : []
  })
  return stale
    ? unless(
        stale.map((host) => `${host} has records for other servers, which get no answer here`),
        'none',
        warn,
        'remove _xmpp-server and _xmpps-server records: there is no federation yet',
      )
    : skip(LOCAL)
}

async function caa(w: DoctorWorld) {
  const said = await each(w, async (host) => (await w.names.caa(host)).map((who) => `${host}: ${who}`))
  if (!said) return skip(LOCAL)
  return said.length > 0 ? ok(some(said)) : ok('anybody may issue a certificate; a CAA record would say who')
}

async function web(w: DoctorWorld) {
  const { public_url: url } = w.config.http
  if (url === undefined) return skip('there is no [http] public_url')
  const { hostname } = new URL(url)
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || !hostname.includes('.'))
    return skip('it has no name in DNS')
  return (await addressesOf(w, hostname)).length > 0
    ? ok(hostname)
    : fail(`${hostname} of [http] public_url has no address`, `add an A or AAAA record for ${hostname}`)
}
