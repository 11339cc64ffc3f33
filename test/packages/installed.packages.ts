/**
 * The .deb in a fresh Debian under its own systemd: installed, started on a database of the release before, updated, set up by
 * `belfry setup`, removed, purged. Where no system can be booted it fails in CI and is skipped elsewhere, with the reason.
 */
import { Database } from 'bun:sqlite'
import { afterAll, beforeAll, expect, test } from 'bun:test'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrate, MIGRATIONS, SCHEMA } from '../../src/store/migrations.ts'
import { boot, cachedRoot, must, whyNot } from '../systemd/root.ts'

const DIST = join(import.meta.dir, '../../dist')
const BOOT_SECONDS = 60

const reason = whyNot()
if (reason !== undefined && process.env.CI) throw new Error(`the packages are not tried: ${reason}`)
if (reason !== undefined) process.stderr.write(`skipped: the .deb is not installed: ${reason}\n`)

const PROBE = `#!/bin/bash
exec >/probe.out 2>&1
cd /root; export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin BELFRY_RESOLVER=127.0.0.1:1
say() { echo "== $1"; }
say install; dpkg -i /packages/one.deb; echo "status $?"; systemctl is-active belfry; stat -c '%A %U:%G %n' /etc/belfry /var/lib/belfry
say start; printf 'hosts = ["bix.org"]\\ndata_dir = "/var/lib/belfry"\\n' >/etc/belfry/belfry.toml
install -o belfry -g belfry -m 600 /packages/old.db /var/lib/belfry/belfry.db
timeout 20 systemctl enable --now belfry; echo "status $?"; ls /var/lib/belfry; printf 'a good password' | belfry user add juliet@bix.org --password-stdin
say update; before=$(systemctl show -p MainPID --value belfry); dpkg -i /packages/two.deb; echo "status $?"
after=$(systemctl show -p MainPID --value belfry); [ "$before" != "$after" ] && echo restarted; systemctl is-active belfry; belfry user list; dpkg-query -W belfry
say setup; belfry setup --domain bix.org --yes </dev/null; echo "status $?"; ls /usr/local/bin/belfry /etc/systemd/system/belfry.service; systemctl show -p FragmentPath --value belfry
say remove; dpkg -r belfry; echo "status $?"; systemctl is-active belfry; ls /usr/bin/belfry; ls /etc/belfry /var/lib/belfry
say purge; dpkg -P belfry; echo "status $?"; ls -d /etc/belfry; ls /var/lib/belfry
say shadowed; touch /etc/systemd/system/belfry.service; dpkg -i /packages/two.deb; echo "status $?"
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

let home: string
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'belfry-installed-'))
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** A database as the release before has left it. */
function older(file: string): void {
  const raw = new Database(file, { create: true, strict: true })
  raw.run('PRAGMA journal_mode = WAL')
  migrate(raw, MIGRATIONS.slice(0, -1))
  raw.run('PRAGMA wal_checkpoint(TRUNCATE)')
  raw.close()
}

/** The same package as its next version, as far as dpkg is concerned. */
function next(deb: string, target: string): void {
  const parts = join(home, 'next')
  must(['dpkg-deb', '-R', deb, parts])
  const control = join(parts, 'DEBIAN/control')
  writeFileSync(control, readFileSync(control, 'utf8').replace(/^Version: .*$/m, 'Version: 99.0'))
  must(['dpkg-deb', '--root-owner-group', '-Znone', '-b', parts, target])
}

/** What each part of the probe has said, by its name. */
function probed(): (name: string) => string {
  const root = join(home, 'root')
  must(['cp', '-a', cachedRoot(), root])
  const packages = join(root, 'packages')
  mkdirSync(packages)
  const deb = join(DIST, readdirSync(DIST).find((name) => name.endsWith('_amd64.deb')) ?? 'no .deb')
  cpSync(deb, join(packages, 'one.deb'))
  next(deb, join(packages, 'two.deb'))
  older(join(packages, 'old.db'))
  writeFileSync(join(root, 'probe.sh'), PROBE)
  chmodSync(join(root, 'probe.sh'), 0o755)
  writeFileSync(join(root, 'etc/systemd/system/probe.service'), UNIT)
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants')
  mkdirSync(wants, { recursive: true })
  symlinkSync('../probe.service', join(wants, 'probe.service'))
  const said = boot(root, BOOT_SECONDS)
  const file = join(root, 'probe.out')
  const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
  if (!text.includes('== end')) throw new Error(`${text}\n${said.slice(-3000)}`)
  return (name) => new RegExp(`== ${name}\\n([^]*?)(?=^== )`, 'm').exec(text)?.[1] ?? ''
}

test.skipIf(reason !== undefined)(
  'the .deb: installed, started on an older database, updated, set up, removed, purged',
  () => {
    const part = probed()
    expect(part('install')).toContain('status 0\ninactive\n')
    expect(part('install')).toContain(
      'drwxr-x--- root:belfry /etc/belfry\ndrwxr-x--- belfry:belfry /var/lib/belfry',
    )
    expect(part('start')).toContain('status 0\n')
    expect(part('start')).toContain(`belfry.db.schema-${SCHEMA - 1}\n`)
    expect(part('start')).toContain('juliet@bix.org')
    expect(part('update')).toContain('status 0\nrestarted\nactive\n')
    expect(part('update')).toContain('juliet@bix.org')
    expect(part('update')).toContain('99.0')
    // One place for the executable, and one unit: those of the package.
    expect(part('setup')).toContain('status 0\n')
    expect(part('setup')).toContain("cannot access '/usr/local/bin/belfry'")
    expect(part('setup')).toContain("cannot access '/etc/systemd/system/belfry.service'")
    expect(part('setup')).toMatch(/^(?:\/usr)?\/lib\/systemd\/system\/belfry\.service\n$/m)
    expect(part('remove')).toContain('status 0\ninactive\n')
    expect(part('remove')).toContain("cannot access '/usr/bin/belfry'")
    expect(part('remove')).toContain('belfry.toml')
    expect(part('purge')).toContain('status 0\n')
    expect(part('purge')).toContain("cannot access '/etc/belfry'")
    expect(part('purge')).toContain('belfry.db\n')
    expect(part('shadowed')).toContain(
      '/etc/systemd/system/belfry.service is of belfry setup and goes before',
    )
    expect(part('shadowed')).toContain('status 0\n')
  },
)
