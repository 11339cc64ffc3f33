import { mkdirSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import unit from '../../../src/packaging/belfry.service' with { type: 'text' }
import { type Row, row, type Trial } from './trial.ts'

const UNIT = 'etc/systemd/system/belfry.service'

/** A machine on which the unit is installed as it should be. */
function installed(t: Trial, change: (text: string) => string = (text) => text): void {
  t.put(UNIT, change(unit))
  t.put('usr/bin/belfry', 'x', 0o755)
  t.put('etc/passwd', 'root:x:0:0::/root:/bin/sh\nbelfry:x:987:986::/:/bin/false\n')
  t.put('etc/group', 'root:x:0:\nbelfry:x:986:\n')
  const wants = join(t.root, 'etc/systemd/system/multi-user.target.wants/belfry.service')
  mkdirSync(dirname(wants), { recursive: true })
  symlinkSync('../belfry.service', wants)
}

const without = (line: string) => (text: string) => text.replace(new RegExp(`^${line}.*$`, 'm'), '')
const meminfo = (t: Trial, text: string): void =>
  void t.put(
    'proc/meminfo',
    text.replaceAll(/(\d+)M/g, (_, n: string) => `${Number(n) * 1024} kB`),
  )

export const HOST_ROWS: readonly Row[] = [
  row('service.unit', 'ok', UNIT, (t) => installed(t)),
  row('service.unit', 'fail', 'masked', (t) => void t.put(UNIT, '')),
  row('service.unit', 'warn', 'reboot', (t) => void t.put('run/systemd/system/x', '')),
  row('service.unit', 'skip', 'systemd'),
  row('service.mode', 'ok', '644', (t) => installed(t)),
  row('service.mode', 'fail', '666', (t) => void t.put(UNIT, unit, 0o666)),
  row('service.enabled', 'ok', 'starts', (t) => installed(t)),
  row('service.enabled', 'warn', 'does not', (t) => void t.put(UNIT, unit)),
  row('service.user', 'ok', 'belfry', (t) => installed(t)),
  row('service.user', 'fail', 'no user', (t) =>
    installed(t, (text) => text.replace('User=belfry', 'User=tybalt')),
  ),
  row('service.user', 'warn', 'root', (t) => installed(t, without('User='))),
  row('service.executable', 'ok', '/usr/bin/belfry', (t) => installed(t)),
  row('service.executable', 'fail', 'not there', (t) => void t.put(UNIT, unit)),
  row('service.executable', 'fail', 'may not be run', (t) => {
    installed(t)
    t.put('usr/bin/belfry', 'x', 0o644)
  }),
  row('service.executable', 'fail', 'others', (t) => {
    installed(t)
    t.put('usr/bin/belfry', 'x', 0o777)
  }),
  row('service.type', 'ok', 'ready', (t) => installed(t)),
  row('service.type', 'warn', 'hear', (t) =>
    installed(t, (text) => text.replace('Type=notify', 'Type=simple')),
  ),
  row('service.reload', 'ok', '/usr/bin/belfry', (t) => installed(t)),
  row('service.reload', 'fail', '/bin/kill', (t) =>
    installed(t, (text) =>
      text.replace('ExecReload=/usr/bin/belfry reload', 'ExecReload=/bin/kill -HUP $MAINPID'),
    ),
  ),
  row('service.reload', 'warn', 'nothing', (t) => installed(t, without('ExecReload='))),
  row('service.file_limit', 'ok', '65536', (t) => installed(t)),
  row('service.file_limit', 'warn', '1024', (t) => installed(t, without('LimitNOFILE='))),
  row('service.file_limit', 'warn', '900', (t) => {
    installed(t)
    t.put(`${UNIT}.d/own.conf`, '[Service]\nLimitNOFILE=900\n')
  }),
  row('service.jit', 'ok', 'compiler', (t) => installed(t)),
  row('service.jit', 'fail', 'sixteen', (t) =>
    installed(t, (text) => `${text}\n[Service]\nMemoryDenyWriteExecute=yes\n`),
  ),
  row('service.hardening', 'ok', 'sandbox', (t) => installed(t)),
  row('service.hardening', 'warn', 'NoNewPrivileges', (t) => installed(t, without('NoNewPrivileges='))),
  row('service.low_ports', 'ok', 'no listener', (t) => installed(t)),
  row('service.low_ports', 'fail', '443', (t) => {
    installed(t)
    t.config.c2s.direct_tls_listen = [{ host: '0.0.0.0', port: 443 }]
  }),
  row('service.low_ports', 'ok', 'may', (t) => {
    installed(t, (text) =>
      without('PrivateUsers=')(
        text.replace('AmbientCapabilities=', 'AmbientCapabilities=CAP_NET_BIND_SERVICE'),
      ),
    )
    t.config.c2s.direct_tls_listen = [{ host: '0.0.0.0', port: 443 }]
  }),
  row('service.config', 'ok', 'may read', (t) => {
    installed(t)
    t.file('', 0o644)
  }),
  row('service.config', 'fail', 'may not read', (t) => {
    installed(t)
    t.file('', 0o640)
  }),
  row(
    'service.tidy',
    'ok',
    '/etc/belfry',
    (t) => void mkdirSync(join(t.root, 'etc/belfry'), { recursive: true, mode: 0o750 }),
  ),
  row('service.tidy', 'fail', 'everybody', (t) => {
    t.put('etc/belfry/x', '')
    t.put('etc/belfry/y', '')
    Bun.spawnSync(['chmod', '777', join(t.root, 'etc/belfry')])
  }),

  row('host.file_limit', 'ok', 'files may be open'),
  row('host.file_limit', 'skip', 'not the process', (t) => (t.live = undefined)),
  row('host.open_files', 'ok', 'files are open'),
  row('host.memory', 'ok', '2000 MB', (t) => meminfo(t, 'MemTotal: 2000M\n')),
  row('host.memory', 'warn', '200 MB', (t) => meminfo(t, 'MemTotal: 200M\n')),
  row('host.memory_free', 'ok', '900 MB', (t) => meminfo(t, 'MemAvailable: 900M\n')),
  row('host.memory_free', 'warn', '9 MB', (t) => meminfo(t, 'MemAvailable: 9M\n')),
  row('host.memory_free', 'skip', 'cannot be seen'),
  row('host.swap', 'ok', 'none', (t) => meminfo(t, 'SwapTotal: 0M\nSwapFree: 0M\n')),
  row('host.swap', 'warn', '900 MB of 1000 MB', (t) => meminfo(t, 'SwapTotal: 1000M\nSwapFree: 100M\n')),
  row('host.memory_limit', 'ok', 'none', (t) => void t.put('sys/fs/cgroup/memory.max', 'max\n')),
  row('host.memory_limit', 'warn', '100 MB', (t) => void t.put('sys/fs/cgroup/memory.max', `${100 << 20}\n`)),
  row(
    'host.memory_limit',
    'ok',
    '600 MB',
    (t) => void t.put('sys/fs/cgroup/memory/memory.limit_in_bytes', `${600 << 20}\n`),
  ),
  row('host.kernel', 'ok', 'Linux'),
  row('host.cpu', 'ok', 'has AVX2', (t) => void t.put('proc/cpuinfo', 'flags\t\t: fpu sse4_2 avx2 adx\n')),
  row('host.cpu', 'ok', 'baseline', (t) => void t.put('proc/cpuinfo', 'flags\t\t: fpu sse4_2\n')),
  row('host.clock', 'ok', '2026-11-30'),
  row('host.clock', 'fail', '1970', (t) => (t.now = 86_400_000)),
  row('host.clock_set', 'ok', 'sets it', (t) => void t.put('run/systemd/timesync/synchronized', '')),
  row('host.clock_set', 'warn', 'nothing'),
  row('host.user', 'ok', '999'),
  row('host.user', 'warn', 'root', (t) => (t.uid = 0)),
  row('host.executable', 'ok', 'bun'),
  row('host.environment', 'ok', 'nothing'),
  row('host.environment', 'fail', 'BUN_OPTIONS', (t) => (t.env.BUN_OPTIONS = '--preload x')),
  row('host.selinux', 'ok', 'off'),
  row('host.selinux', 'ok', 'restorecon', (t) => void t.put('sys/fs/selinux/enforce', '1')),
  row('host.proc', 'fail', '/proc/self/limits'),
  row('host.proc', 'ok', 'seen', (t) => {
    t.put('proc/self/limits', '')
    t.put('proc/self/status', '')
  }),

  row('server.running', 'ok', '60 min'),
  row('server.running', 'warn', 'no server', (t) => (t.live = undefined)),
  row('server.running', 'skip', 'offline', (t) => {
    t.live = undefined
    t.offline = true
  }),
  row('server.ready', 'ok', 'store'),
  row('server.ready', 'fail', 'disk: 3 MB', (t) =>
    live(t, { readiness: [{ name: 'disk', ok: false, detail: '3 MB' }] }),
  ),
  row('server.ready', 'skip', 'stopped', (t) => (t.live = undefined)),
  row('server.degraded', 'ok', 'all'),
  row('server.degraded', 'warn', 'push', (t) =>
    live(t, { readiness: [{ name: 'push', ok: true, degraded: true }] }),
  ),
  row('server.alarms', 'ok', 'none'),
  row('server.alarms', 'fail', 'A push waits', (t) => live(t, { alarms: ['A push waits'] })),
  row('server.version', 'ok', '.'),
  row('server.version', 'warn', '9.9.9', (t) => live(t, { version: '9.9.9' })),
  row('server.admin', 'ok', 'one'),
  row('server.admin', 'warn', 'nobody', (t) => live(t, { hasAdmin: false })),
  row('server.admin_accounts', 'ok', 'nurse', (t) => (t.config.admins = ['nurse@bix.org'])),
  row('server.admin_accounts', 'warn', 'nurse', (t) => {
    t.config.admins = ['nurse@bix.org']
    live(t, { adminsWithoutAccount: ['nurse@bix.org'] })
  }),
  row('server.sessions', 'ok', '3'),
  row('server.sessions', 'warn', '95 of 100', (t) => {
    t.config.limits.connections = 100
    live(t, { sessions: 95 })
  }),
  row('server.memory', 'ok', 'MB', (t) => live(t, { sessions: 100_000 })),
  row('server.loop', 'ok', 'late'),
  row('server.bans', 'ok', '0'),
  row('server.bans', 'warn', '101', (t) => live(t, { bans: 101 })),
  row('server.full_boxes', 'ok', 'no box'),
  row('server.full_boxes', 'warn', '2 accounts', (t) =>
    live(t, { crowded: async () => ({ boxes: 2, unread: 0 }) }),
  ),
  row('server.unread', 'ok', 'counted'),
  row('server.unread', 'warn', '3 accounts', (t) =>
    live(t, { crowded: async () => ({ boxes: 0, unread: 3 }) }),
  ),
]

const live = (t: Trial, change: Partial<Trial['live']>): void => void Object.assign(t.live ?? {}, change)
