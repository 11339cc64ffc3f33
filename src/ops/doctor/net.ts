/** Listeners: whether they can be had, who else wants them, and whether anybody gets through to them. */
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { perObject } from '../../per-object.ts'
import { isLoopback } from '../../net/address.ts'
import type { ListenAddress } from '../../config/values.ts'
import { checkPorts } from '../ports-check.ts'
import {
  type DoctorCheck,
  type DoctorWorld,
  fail,
  isInSystem,
  listOf,
  ok,
  readSystem,
  readText,
  skip,
  some,
  unless,
  warn,
} from './check.ts'

export const NET_CHECKS: readonly DoctorCheck[] = [
  { id: 'net.ports', needs: ['config'], look: ports },
  { id: 'net.ports_later', needs: ['config'], look: portsLater },
  { id: 'net.outside', needs: ['config'], look: outside },
  { id: 'net.ipv6', needs: ['config'], look: ipv6 },
  { id: 'net.usual_ports', needs: ['config'], look: usualPorts },
  { id: 'net.other_server', look: otherServer },
  { id: 'net.firewall', needs: ['config'], look: firewall },
  { id: 'net.http', needs: ['config', 'server'], look: http },
]

/** Look at the ports, one for both who ask: it takes them for a moment. */
const lookAtPorts = perObject(({ config }: DoctorWorld) => checkPorts(config))

async function ports(w: DoctorWorld) {
  const { problems } = await lookAtPorts(w)
  return unless(
    problems.map(({ message }) => message),
    'each is ours, or free',
    fail,
    'stop the other program (ss -ltnp), or listen elsewhere',
  )
}

async function portsLater(w: DoctorWorld) {
  const { warnings } = await lookAtPorts(w)
  return unless(warnings, 'nothing is lacking', warn, 'needed only if the server itself says so at its start')
}

const clients = ({ config: { c2s } }: DoctorWorld): readonly ListenAddress[] => [
  ...c2s.listen,
  ...c2s.direct_tls_listen,
]
const isOutside = ({ host }: ListenAddress): boolean => host !== 'localhost' && !isLoopback(host)

function outside(w: DoctorWorld) {
  const all = clients(w)
  if (all.length === 0)
    return w.config.http.listen.length > 0
      ? ok('over HTTP alone')
      : fail('nothing listens', 'set [c2s] listen')
  if (all.some(isOutside)) return ok(some(all.filter(isOutside).map(({ host, port }) => `${host}:${port}`)))
  return warn(
    'only this machine itself can connect',
    'listen on 0.0.0.0 and [::] under [c2s], unless a proxy stands before it',
  )
}

function ipv6(w: DoctorWorld) {
  const has = Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .some(({ family, internal, address }) => family === 'IPv6' && !internal && !address.startsWith('fe80'))
  if (!has) return skip('this machine has no IPv6 address but its own')
  const listens = clients(w).some(({ host }) => host.includes(':'))
  return listens
    ? ok('listened to')
    : warn('this machine has IPv6, and nothing listens to it', 'add "[::]:5222" to [c2s] listen')
}

function usualPorts({ config: { c2s } }: DoctorWorld) {
  const has = (list: readonly ListenAddress[], port: number): boolean =>
    list.some((entry) => entry.port === port)
  const lacking = [
    !has(c2s.listen, 5222) && '5222 (STARTTLS)',
    ![5223, 443].some((port) => has(c2s.direct_tls_listen, port)) && '5223 (direct TLS)',
  ].filter((port) => port !== false)
  return unless(
    lacking.map((port) => `nothing listens at ${port}`),
    '5222 and direct TLS',
    warn,
    'apps then need SRV records with your ports: belfry doctor --only dns',
  )
}

/** Names of processes (proc_pid_comm(5)) of other servers that want the same ports. */
const OTHERS: Readonly<Record<string, string>> = {
  'lua5.4': 'Prosody',
  prosody: 'Prosody',
  'beam.smp': 'an Erlang program such as ejabberd',
  ejabberdctl: 'ejabberd',
  openfire: 'Openfire',
}

function otherServer(w: DoctorWorld) {
  const pids = listOf(join(w.root, 'proc')).filter((name) => /^\d+$/.test(name))
  if (pids.length === 0) return skip('processes cannot be listed')
  const found = pids
    .map((pid) => OTHERS[readText(join(w.root, 'proc', pid, 'comm'))?.trim() ?? ''])
    .filter((name) => name !== undefined)
  return unless(
    [...new Set(found)],
    'none is seen running',
    warn,
    'stop and disable it, unless it has other ports',
  )
}

/** A firewall that is on, and whether its own files name our ports; nothing where they cannot be read. */
function firewall(w: DoctorWorld) {
  const wanted = [
    ...new Set(
      clients(w)
        .filter(isOutside)
        .map(({ port }) => port),
    ),
  ].filter((port) => port > 0)
  if (wanted.length === 0) return skip('nobody outside is expected')
  const found = ufw(w) ?? firewalld(w)
  if (!found) return ok('neither ufw nor firewalld is on; a firewall of your provider is not seen from here')
  if (found.rules === undefined) return skip(`${found.name} is on; its rules may not be read by this user`)
  const closed = wanted.filter((port) => !found.rules?.includes(String(port)))
  return unless(
    closed.map((port) => `${found.name} has no rule for port ${port}`),
    `${found.name} lets them in`,
    warn,
    `${found.open} ${closed.map((port) => `${port}/tcp`).join(' ')}`,
  )
}

function ufw(w: DoctorWorld) {
  if (!/^ENABLED=yes/m.test(readSystem(w, 'etc/ufw/ufw.conf') ?? '')) return undefined
  return { name: 'ufw', rules: readSystem(w, 'etc/ufw/user.rules'), open: 'ufw allow' }
}

function firewalld(w: DoctorWorld) {
  if (!isInSystem(w, 'run/firewalld') && !isInSystem(w, 'run/firewalld.pid')) return undefined
  const zones = join(w.root, 'etc/firewalld/zones')
  const texts = listOf(zones).map((name) => readText(join(zones, name)))
  return {
    name: 'firewalld',
    rules: texts.length === 0 ? undefined : texts.join('\n'),
    open: 'firewall-cmd --permanent --add-port',
  }
}

async function http({ config: { http: set } }: DoctorWorld) {
  const listener = set.listen.find(({ port }) => port > 0)
  if (!listener) return skip('no listener without TLS')
  const host = isOutside(listener) ? '127.0.0.1' : listener.host
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${listener.port}/livez`
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(4_000) })
    return answer.ok
      ? ok(`${url} answers`)
      : fail(`${url} answers ${answer.status}`, 'another program may have taken that port: ss -ltnp')
  } catch (error) {
    return fail(
      `${url}: ${error instanceof Error ? error.message : String(error)}`,
      'systemctl restart belfry',
    )
  }
}
