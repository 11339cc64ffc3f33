/** The machine and the process: memory, files, kernel, clock, and what the environment does to the runtime. */
import { readdirSync } from 'node:fs'
import { availableParallelism, loadavg, release, totalmem } from 'node:os'
import { softFileLimit } from '../../net/sockets.ts'
import {
  type DoctorCheck,
  type DoctorWorld,
  fail,
  isInSystem,
  megabytes,
  octal,
  ok,
  readSystem,
  skip,
  statOf,
  unless,
  warn,
} from './check.ts'

export const HOST_CHECKS: readonly DoctorCheck[] = [
  { id: 'host.file_limit', look: fileLimit },
  { id: 'host.open_files', needs: ['server'], look: openFiles },
  { id: 'host.memory', look: memory },
  { id: 'host.memory_free', look: memoryFree },
  { id: 'host.swap', look: swap },
  { id: 'host.memory_limit', look: memoryLimit },
  { id: 'host.load', look: load },
  { id: 'host.kernel', look: kernel },
  { id: 'host.cpu', look: cpu },
  { id: 'host.clock', look: clock },
  { id: 'host.clock_set', look: clockSet },
  { id: 'host.user', look: user },
  { id: 'host.executable', look: executable },
  { id: 'host.environment', look: environment },
  { id: 'host.selinux', look: selinux },
  { id: 'host.proc', look: proc },
]

const MEND_FILES = 'use the unit of belfry systemd, which sets LimitNOFILE=65536'

function fileLimit({ live }: DoctorWorld) {
  const limit = softFileLimit()
  // A command has the limit of the shell that it is typed in, which says nothing of the service.
  if (!live) return skip('see service.file_limit: this is not the process of the server')
  if (limit === undefined) return skip('no limit is told')
  return ofFileLimit(limit)
}

export function ofFileLimit(limit: number) {
  return limit < 4096
    ? warn(`${limit} files may be open, some ${Math.floor(limit * 0.8)} of them connections`, MEND_FILES)
    : ok(`${limit} files may be open`)
}

function openFiles() {
  const limit = softFileLimit()
  if (limit === undefined) return skip('no limit is told')
  return ofOpenFiles(readdirSync('/proc/self/fd').length, limit)
}

export function ofOpenFiles(open: number, limit: number) {
  const why = `${open} of ${limit} files are open`
  return open > limit * 0.8 ? warn(why, MEND_FILES) : ok(why)
}

/** proc_meminfo(5), in bytes; undefined where the sandbox does not show it. */
function meminfo(w: DoctorWorld, key: string): number | undefined {
  const kib = new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(readSystem(w, 'proc/meminfo') ?? '')?.[1]
  return kib === undefined ? undefined : Number(kib) * 1024
}

/** Bytes: a server with some hundred sessions takes a hundred megabytes, and the system wants some too. */
const SMALL = 384 << 20

function memory(w: DoctorWorld) {
  const all = meminfo(w, 'MemTotal') ?? totalmem()
  return all < SMALL
    ? warn(`${megabytes(all)} in all`, 'a machine with 512 MB or more')
    : ok(`${megabytes(all)} in all`)
}

function memoryFree(w: DoctorWorld) {
  const free = meminfo(w, 'MemAvailable')
  if (free === undefined) return skip('/proc/meminfo cannot be seen from here')
  const why = `${megabytes(free)} can be had`
  return free < 64 << 20 ? warn(why, 'look who takes it: ps aux --sort -rss | head') : ok(why)
}

function swap(w: DoctorWorld) {
  const [all, free] = [meminfo(w, 'SwapTotal'), meminfo(w, 'SwapFree')]
  if (all === undefined || free === undefined) return skip('/proc/meminfo cannot be seen from here')
  if (all === 0) return ok('none')
  return free < all / 4
    ? warn(
        `${megabytes(all - free)} of ${megabytes(all)} are used`,
        'more memory, or fewer programs: from swap messages are slow',
      )
    : ok(`${megabytes(all - free)} used`)
}

/** Of the control group, in either layout. */
function memoryLimit(w: DoctorWorld) {
  const text =
    readSystem(w, 'sys/fs/cgroup/memory.max') ?? readSystem(w, 'sys/fs/cgroup/memory/memory.limit_in_bytes')
  const limit = Number(text?.trim())
  if (text === undefined || !Number.isFinite(limit) || limit > 2 ** 50)
    return ok('none that is seen from here')
  return limit < 256 << 20
    ? warn(
        `the control group ends at ${megabytes(limit)}`,
        'MemoryMax of 512M or more in the unit, or for the container',
      )
    : ok(megabytes(limit))
}

function load() {
  return ofLoad(loadavg()[1] ?? 0, availableParallelism())
}

export function ofLoad(five: number, cpus: number) {
  const why = `${five.toFixed(1)} on ${cpus} processors`
  return five > 2 * cpus ? warn(why, 'look who takes them: top') : ok(why)
}

function kernel() {
  return ofKernel(release())
}

/** 3.10 is that of CentOS 7, the oldest that the executable was made for. */
export function ofKernel(version: string) {
  const [major = 0, minor = 0] = version.split(/[.-]/).map(Number)
  return major < 3 || (major === 3 && minor < 10)
    ? fail(`Linux ${version}`, 'a system with Linux 3.10 or newer')
    : ok(`Linux ${version}`)
}

function cpu(w: DoctorWorld) {
  const flags = /^flags\s*:(.*)$/m.exec(readSystem(w, 'proc/cpuinfo') ?? '')?.[1]
  if (flags === undefined) return skip('/proc/cpuinfo cannot be seen from here')
  return / avx2( |$)/.test(flags)
    ? ok('has AVX2')
    : ok('has no AVX2: only the executable named baseline runs here')
}

/** ms; before it no release was made, so a clock that says so is not set. */
const EARLIEST = Date.UTC(2026, 0, 1)

function clock({ now }: DoctorWorld) {
  const at = new Date(now).toISOString()
  return now < EARLIEST ? fail(`it says ${at}`, 'timedatectl set-ntp true') : ok(at)
}

/** Marks that programs leave which set the clock. */
const SETTERS = [
  'run/systemd/timesync/synchronized',
  'run/chrony/chronyd.pid',
  'run/chronyd.pid',
  'run/ntpd.pid',
  'run/openntpd.pid',
  'dev/ptp0',
  'dev/ptp_kvm',
]

function clockSet(w: DoctorWorld) {
  return SETTERS.some((path) => isInSystem(w, path))
    ? ok('something sets it')
    : warn(
        'nothing is seen that sets the clock: Apple refuses what is an hour off',
        'timedatectl set-ntp true, or install chrony',
      )
}

function user({ uid, live }: DoctorWorld) {
  if (uid !== 0) return ok(`user ${uid}`)
  return live
    ? warn('the server runs as root', 'belfry setup, or the unit of belfry systemd')
    : ok('root, as an operator; the server has a user of its own')
}

function executable() {
  const stat = statOf(process.execPath)
  if (!stat)
    return warn(
      `${process.execPath} is gone since the start`,
      'install it again, then systemctl restart belfry',
    )
  return ofExecutable(process.execPath, stat.mode)
}

export function ofExecutable(path: string, mode: number) {
  return (mode & 0o022) !== 0
    ? fail(`others may change ${path} (${octal(mode)})`, `chmod 755 ${path}`)
    : ok(path)
}

/** Variables that load code into the runtime, or open it to a debugger. */
const DANGEROUS = [
  'BUN_OPTIONS',
  'BUN_BE_BUN',
  'BUN_INSPECT',
  'BUN_INSPECT_CONNECT_TO',
  'NODE_OPTIONS',
  'LD_PRELOAD',
  'NODE_TLS_REJECT_UNAUTHORIZED',
]

function environment({ env }: DoctorWorld) {
  const set = DANGEROUS.filter((name) => env[name] !== undefined && env[name] !== '')
  return unless(
    set.map((name) => `${name} is set`),
    'nothing in it changes the program',
    fail,
    `unset ${set.join(' ')}; the unit does`,
  )
}

function selinux(w: DoctorWorld) {
  const state = readSystem(w, 'sys/fs/selinux/enforce')?.trim()
  if (state === undefined) return ok('off')
  return ok(
    state === '1'
      ? 'enforcing; after copying files by hand: restorecon -RF /usr/local/bin/belfry /etc/belfry /var/lib/belfry'
      : 'permissive',
  )
}

function proc(w: DoctorWorld) {
  const hidden = ['proc/self/limits', 'proc/self/status'].filter((path) => !isInSystem(w, path))
  return unless(
    hidden.map((path) => `/${path} cannot be seen`),
    'seen',
    fail,
    'mount /proc: mount -t proc proc /proc',
  )
}
