/** The systemd unit: whether it is there and whole, and what it lets the server have. */
import { lstatSync, statSync } from 'node:fs'
import { join } from 'node:path'
import {
  type DoctorCheck,
  type DoctorWorld,
  fail,
  isInSystem,
  listOf,
  octal,
  ok,
  readSystem,
  skip,
  statOf,
  unless,
  warn,
} from './check.ts'

export const SERVICE_CHECKS: readonly DoctorCheck[] = [
  { id: 'service.unit', look: unit },
  { id: 'service.mode', look: mode },
  { id: 'service.enabled', look: enabled },
  { id: 'service.user', look: user },
  { id: 'service.executable', look: executable },
  { id: 'service.type', look: type },
  { id: 'service.reload', look: reload },
  { id: 'service.file_limit', look: fileLimit },
  { id: 'service.jit', look: jit },
  { id: 'service.hardening', look: hardening },
  { id: 'service.low_ports', needs: ['config'], look: lowPorts },
  { id: 'service.config', needs: ['config'], look: readable },
  { id: 'service.tidy', look: tidy },
]

/** Of those that are there the first counts, as for systemd (systemd.unit(5)). */
const PLACES = [
  'etc/systemd/system',
  'run/systemd/system',
  'usr/local/lib/systemd/system',
  'usr/lib/systemd/system',
  'lib/systemd/system',
]
const NAME = 'belfry.service'
const NO_UNIT = 'there is no unit'

const place = (w: DoctorWorld): string | undefined =>
  PLACES.map((folder) => `${folder}/${NAME}`).find((path) => isThere(join(w.root, path)))

function isThere(path: string): boolean {
  try {
    lstatSync(path)
    return true
  } catch {
    return false
  }
}

interface Unit {
  readonly path: string
  readonly text: string
}

function find(w: DoctorWorld): Unit | undefined {
  const path = place(w)
  if (path === undefined) return undefined
  // Drop-ins come later and so win; systemd reads them in the order of their names.
  const text = [path, ...dropIns(w)].map((file) => readSystem(w, file) ?? '').join('\n')
  return text.trim() === '' ? undefined : { path: `/${path}`, text }
}

function dropIns(w: DoctorWorld): string[] {
  const folder = `etc/systemd/system/${NAME}.d`
  return listOf(join(w.root, folder))
    .filter((name) => name.endsWith('.conf'))
    .sort()
    .map((name) => `${folder}/${name}`)
}

/** Value of a key, the last one that is set. */
const valueOf = ({ text }: Unit, key: string): string | undefined =>
  [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].at(-1)?.[1]?.trim()

function unit(w: DoctorWorld) {
  const path = place(w)
  if (path === undefined) {
    if (!isInSystem(w, 'run/systemd/system')) return skip('systemd does not run here')
    return warn(`${NO_UNIT}, so a reboot ends the server`, 'belfry setup, or belfry systemd --install')
  }
  if (readSystem(w, path)?.trim()) return ok(`/${path}`)
  // An empty file, or a link to /dev/null.
  return fail(
    `/${path} is empty: the unit is masked`,
    `rm /${path} && belfry systemd --install && systemctl daemon-reload`,
  )
}

function mode(w: DoctorWorld) {
  const path = place(w)
  const stat = path === undefined ? undefined : statOf(join(w.root, path))
  if (path === undefined || !stat?.isFile()) return skip(NO_UNIT)
  return (stat.mode & 0o022) !== 0
    ? fail(
        `others may change /${path} (${octal(stat.mode)}), which says what root starts`,
        `chmod 644 /${path}`,
      )
    : ok(`mode ${octal(stat.mode)}`)
}

function enabled(w: DoctorWorld) {
  if (!find(w)) return skip(NO_UNIT)
  return isThere(join(w.root, 'etc/systemd/system/multi-user.target.wants', NAME))
    ? ok('starts with the machine')
    : warn('does not start with the machine', 'systemctl enable belfry')
}

function user(w: DoctorWorld) {
  const found = find(w)
  if (!found) return skip(NO_UNIT)
  const name = valueOf(found, 'User')
  if (name === undefined || name === 'root')
    return warn('the unit runs the server as root', 'belfry systemd --install')
  const known = new RegExp(`^${name}:`, 'm').test(readSystem(w, 'etc/passwd') ?? '')
  return known || valueOf(found, 'DynamicUser') === 'yes'
    ? ok(name)
    : fail(`there is no user ${name}`, `useradd --system --user-group ${name}`)
}

function executable(w: DoctorWorld) {
  const found = find(w)
  if (!found) return skip(NO_UNIT)
  const path =
    valueOf(found, 'ExecStart')
      ?.split(' ')[0]
      ?.replace(/^[-@:+!]+/, '') ?? ''
  const stat = path === '' ? undefined : statOf(join(w.root, path))
  if (!stat)
    return fail(
      `${path || 'nothing'} is to be started, and is not there`,
      'install the executable there, or belfry systemd --install --binary PATH',
    )
  if ((stat.mode & 0o111) === 0) return fail(`${path} may not be run`, `chmod 755 ${path}`)
  return (stat.mode & 0o022) !== 0 ? fail(`others may change ${path}`, `chmod 755 ${path}`) : ok(path)
}

function type(w: DoctorWorld) {
  const found = find(w)
  if (!found) return skip(NO_UNIT)
  return valueOf(found, 'Type')?.startsWith('notify')
    ? ok('systemd knows when it is ready')
    : warn(
        'systemd does not hear when the server is ready, or hangs',
        'Type=notify and WatchdogSec=60, as belfry systemd prints',
      )
}

function reload(w: DoctorWorld) {
  const found = find(w)
  if (!found) return skip(NO_UNIT)
  const path = valueOf(found, 'ExecReload')?.split(' ')[0] ?? ''
  if (path === '')
    return warn('systemctl reload belfry does nothing', 'ExecReload as belfry systemd prints it')
  return statOf(join(w.root, path))
    ? ok(path)
    : fail(
        `systemctl reload belfry runs ${path}, which is not there`,
        'ExecReload as belfry systemd prints it',
      )
}

function fileLimit(w: DoctorWorld) {
  const found = find(w)
  if (!found) return skip(NO_UNIT)
  const value = valueOf(found, 'LimitNOFILE')
  if (value === 'infinity') return ok('no limit')
  const limit = Number(value?.split(':')[0])
  return limit >= 8192
    ? ok(`${limit} files`)
    : warn(
        `${value ?? 'the usual 1024'} files: some 800 connections, then none`,
        'LimitNOFILE=65536, as belfry systemd prints',
      )
}

function jit(w: DoctorWorld) {
  const found = find(w)
  if (!found) return skip(NO_UNIT)
  return valueOf(found, 'MemoryDenyWriteExecute') === 'yes'
    ? fail(
        'MemoryDenyWriteExecute switches the compiler off: sixteen times slower',
        'remove that line from the unit',
      )
    : ok('the compiler may write code')
}

/** Lines without which a hole in the server is one of the machine. */
const WANTED = [
  'NoNewPrivileges=yes',
  'ProtectSystem=strict',
  'ProtectHome=yes',
  'PrivateTmp=yes',
  'UMask=0027',
]

function hardening(w: DoctorWorld) {
  const found = find(w)
  if (!found) return skip(NO_UNIT)
  const lacking = WANTED.filter((line) => !new RegExp(`^${line}$`, 'm').test(found.text))
  return unless(
    lacking.map((line) => `without ${line}`),
    'the sandbox is on',
    warn,
    'belfry systemd --install',
  )
}

function lowPorts(w: DoctorWorld) {
  const found = find(w)
  if (!found) return skip(NO_UNIT)
  const { c2s, http } = w.config
  const low = [...c2s.listen, ...c2s.direct_tls_listen, ...http.listen, ...http.tls_listen].filter(
    ({ port }) => port > 0 && port < 1024,
  )
  if (low.length === 0) return ok('no listener below 1024')
  const may =
    valueOf(found, 'AmbientCapabilities')?.includes('CAP_NET_BIND_SERVICE') === true &&
    valueOf(found, 'PrivateUsers') !== 'yes'
  return may
    ? ok('may listen below 1024')
    : fail(
        `port ${low.map(({ port }) => port).join(', ')} is below 1024, and the unit does not allow that`,
        'CAP_NET_BIND_SERVICE in both lines of the unit, and no PrivateUsers',
      )
}

/** The service must read the configuration; root, who wrote it, always can. */
function readable(w: DoctorWorld) {
  const found = find(w)
  const file = w.config.source.file
  const stat = file === undefined ? undefined : statOf(file)
  if (!found || !stat) return skip(found ? 'there is no file' : NO_UNIT)
  const name = valueOf(found, 'User') ?? 'root'
  const uid = idOf(readSystem(w, 'etc/passwd'), name)
  const gid = idOf(readSystem(w, 'etc/group'), valueOf(found, 'Group') ?? name)
  const may =
    name === 'root' ||
    (stat.uid === uid && (stat.mode & 0o400) !== 0) ||
    (stat.gid === gid && (stat.mode & 0o040) !== 0) ||
    (stat.mode & 0o004) !== 0
  return may
    ? ok(`${name} may read ${file ?? ''}`)
    : fail(`${name} may not read ${file ?? ''}`, `chgrp ${name} ${file ?? ''} && chmod 640 ${file ?? ''}`)
}

/** passwd(5) and group(5): name:x:id:… */
function idOf(text = '', name: string): number | undefined {
  const id = new RegExp(`^${name}:[^:]*:(\\d+):`, 'm').exec(text)?.[1]
  return id === undefined ? undefined : Number(id)
}

/** A directory of ours below /etc that others may look into shows them what is in it. */
function tidy(w: DoctorWorld) {
  const folder = join(w.root, 'etc/belfry')
  if (!statOf(folder)) return skip('there is no /etc/belfry')
  const { mode: bits } = statSync(folder)
  return (bits & 0o002) !== 0
    ? fail(`everybody may put files into /etc/belfry (${octal(bits)})`, 'chmod 750 /etc/belfry')
    : ok(`/etc/belfry has mode ${octal(bits)}`)
}
