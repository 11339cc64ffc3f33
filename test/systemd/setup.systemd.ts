/**
 * `belfry setup` as root in a fresh Debian under its own systemd: from nothing to a message, doctor, reload, again without a
 * change, and back. Where no system can be booted it fails in CI and is skipped elsewhere, with the reason.
 */
import { expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from '../binary/support.ts'
import { boot, cachedRoot, must, whyNot } from './root.ts'

const BOOT_SECONDS = 120

const reason = whyNot()
if (reason !== undefined && process.env.CI) throw new Error(`the set-up is not tried: ${reason}`)
if (reason !== undefined) process.stderr.write(`skipped: the set-up is not tried: ${reason}\n`)

const PAGE = readFileSync(join(import.meta.dir, '../../src/docs/getting-started.md'), 'utf8')
/** The page's own lines, as they are printed. */
const printed = /<!-- first -->\n```sh\n([^`]*)```/.exec(PAGE)?.[1] ?? ''

const PROBE = `#!/bin/bash
exec >/probe.out 2>&1
cd /root; export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin BELFRY_RESOLVER=127.0.0.1:1
say() { echo "== $1"; }
# Both answers to two prompts; the second pair once the first was taken.
typing() { cat typed; until belfry user show romeo@bix.org >/dev/null 2>&1; do sleep 0.1; done; cat typed; }
say dry; ./belfry setup --domain bix.org --dry-run; echo "status $?"; ls /etc/belfry /usr/local/bin/belfry
say printed; started=$(date +%s); typing | script -qec 'bash -e /root/printed.sh' /dev/null; echo "status \${PIPESTATUS[1]}"; echo "took $(( $(date +%s) - started ))"
say modes; stat -c '%A %U:%G %n' /etc/belfry /etc/belfry/belfry.toml /var/lib/belfry /etc/systemd/system/belfry.service /usr/local/bin/belfry
say state; systemctl is-enabled belfry; systemctl show -p ActiveState,NRestarts,User belfry
say doctor; belfry doctor -o json; echo "status $?"
say offline; belfry doctor --offline --only service,config,data; echo "status $?"; stat -c '%U' /var/lib/belfry/* | sort -u
say reload; sed -i 's/^# format = "text"/format = "json"/' /etc/belfry/belfry.toml; systemctl reload belfry; echo "reload $?"
for i in $(seq 100); do journalctl -u belfry -o cat | grep -q 'configuration reloaded' && break; sleep 0.1; done
journalctl -u belfry -o cat | grep 'configuration reloaded'
say changed; belfry setup --domain bix.org --yes </dev/null; echo "status $?"; grep -c '^format = "json"' /etc/belfry/belfry.toml
sed -i 's/^format = "json"/# format = "text"/' /etc/belfry/belfry.toml
say again; belfry setup --domain bix.org -o json </dev/null; echo "status $?"
say stopped; systemctl stop belfry; belfry doctor --only server.running,db,data,service; echo "status $?"; stat -c '%U' /var/lib/belfry/* | sort -u; systemctl start belfry; echo "start $?"
say uninstall; belfry setup --uninstall --yes; echo "status $?"; systemctl is-active belfry; ls /etc/systemd/system/belfry.service /usr/local/bin/belfry; ls /etc/belfry /var/lib/belfry
say back; ./belfry setup --domain bix.org --yes </dev/null >/dev/null; echo "status $?"; belfry user list -o json | grep -c bix.org
say purge; belfry setup --uninstall --purge --yes >/dev/null; echo "status $?"; ls -d /etc/belfry /var/lib/belfry; id belfry
say end
systemctl poweroff
`

const UNIT = `[Unit]
Description=runs the lines
After=dbus.service
[Service]
Type=exec
ExecStart=/probe.sh
`

function prepare(root: string, program: string): void {
  must(['install', '-m', '755', program, join(root, 'root/belfry')])
  writeFileSync(join(root, 'root/printed.sh'), printed)
  writeFileSync(join(root, 'root/typed'), 'a good password\na good password\n')
  writeFileSync(join(root, 'probe.sh'), PROBE)
  chmodSync(join(root, 'probe.sh'), 0o755)
  writeFileSync(join(root, 'etc/systemd/system/probe.service'), UNIT)
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants')
  mkdirSync(wants, { recursive: true })
  symlinkSync('../probe.service', join(wants, 'probe.service'))
}

test.skipIf(reason !== undefined)('setup: nothing, message, doctor, reload, again, back', () => {
  expect(printed).toContain('setup --domain')
  const home = mkdtempSync(join(tmpdir(), 'belfry-systemd-'))
  const built = build()
  try {
    const root = join(home, 'root')
    must(['cp', '-a', cachedRoot(), root])
    prepare(root, built.program)
    const said = boot(root, BOOT_SECONDS)
    const file = join(root, 'probe.out')
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    if (!text.includes('== end'))
      throw new Error(`the system did not come to its end:\n${said.slice(-3000)}\n${text}`)
    const parts = new Map(
      text
        .split(/^== /m)
        .slice(1)
        .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
    )
    const part = (name: string): string => parts.get(name) ?? ''

    expect(part('dry')).toContain('would: make the user belfry')
    expect(part('dry')).toContain('No such file')
    expect(part('printed')).toContain('first administrator, once')
    expect(part('printed')).toMatch(/\/admin\/setup\?token=\S+/)
    expect(part('printed')).toContain('romeo@bix.org added')
    // What the message's own answer says: the one who is away will find it.
    expect(part('printed')).toMatch(/"id":\s*"/)
    expect(part('printed')).toContain('status 0')
    expect(Number(/took (\d+)/.exec(part('printed'))?.[1])).toBeLessThanOrEqual(60)
    expect(part('modes')).toBe(
      'drwxr-x--- root:belfry /etc/belfry\n' +
        '-rw-r----- root:belfry /etc/belfry/belfry.toml\n' +
        'drwxr-x--- belfry:belfry /var/lib/belfry\n' +
        '-rw-r--r-- root:root /etc/systemd/system/belfry.service\n' +
        '-rwxr-xr-x root:root /usr/local/bin/belfry\n',
    )
    expect(part('state')).toStartWith('enabled\n')
    expect(part('state')).toContain('ActiveState=active')
    expect(part('state')).toContain('NRestarts=0')
    const { items } = JSON.parse(
      part('doctor')
        .replace(/status \d+\n$/, '')
        .replace(/^error: .*$|^\{"error".*$/gm, ''),
    ) as { items: { id: string; status: string }[] }
    const ill = items.filter(({ status }) => status === 'fail').map(({ id }) => id)
    // There is no network in there.
    expect(ill).toEqual(['dns.resolver'])
    expect(
      items
        .filter(({ id }) => id.startsWith('service.'))
        .map(({ id, status }) => `${id} ${status}`)
        .filter((line) => !line.endsWith(' ok')),
    ).toEqual([])
    expect(part('offline')).toContain('status 0')
    expect(part('offline')).toEndWith('belfry\n')
    expect(part('reload')).toContain('reload 0\n')
    expect(part('reload')).toContain('configuration reloaded')
    expect(part('changed')).toContain('/etc/belfry/belfry.toml stays as it is')
    expect(part('changed')).toEndWith('status 0\n1\n')
    expect(part('again')).toContain('"changed": false')
    expect(part('again')).toEndWith('status 0\n')
    expect(part('stopped')).toContain('warn  server.running')
    expect(part('stopped')).toContain('ok    db.sound')
    expect(part('stopped')).toEndWith('status 0\nbelfry\nstart 0\n')
    expect(part('uninstall')).toContain('status 0\ninactive\n')
    expect(part('uninstall')).toContain('belfry.toml')
    expect(part('uninstall')).toContain('belfry.db')
    expect(part('uninstall')).toContain("cannot access '/usr/local/bin/belfry'")
    expect(part('back')).toMatch(/^status 0\n[1-9]\d*\n$/m)
    expect(part('purge')).toContain('status 0\n')
    expect(part('purge')).toContain("cannot access '/etc/belfry'")
    expect(part('purge')).toContain("cannot access '/var/lib/belfry'")
    expect(part('purge')).toContain('no such user')
  } finally {
    built.remove()
    rmSync(home, { recursive: true, force: true })
  }
})
