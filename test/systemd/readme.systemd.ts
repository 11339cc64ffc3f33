/**
 * README's block "On a server", line by line as it is printed, as root in a fresh Debian under its own systemd:
 * `npm run test:systemd`, as root, with debootstrap and systemd-nspawn. Then a message, a push, and a reload.
 * Where no system can be booted it fails in CI and is skipped elsewhere, with the reason.
 */
import { expect, test } from 'bun:test'
import { generateKeyPairSync } from 'node:crypto'
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
import { boot, cachedRoot, must, sourcesOf, whyNot } from './root.ts'

const README = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8')
const BOOT_SECONDS = 120
const TOKEN = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff'

const reason = whyNot()
if (reason !== undefined && process.env.CI) throw new Error(`the README is not tried: ${reason}`)
if (reason !== undefined) process.stderr.write(`skipped: the README is not tried: ${reason}\n`)

const printed = /^## On a server\n+```sh\n([^`]*)```/m.exec(README)?.[1] ?? ''

const APP = `
[[push.apps]]
topic = "org.bix.chat"
team_id = "TEAM123456"
key_id = "KEY1234567"
key_file = "AuthKey.p8"
endpoint = "https://127.0.0.1:2197"
ca_file = "sim.pem"
body = "full"
`

/** `typed` is what somebody pastes into the terminal in which the lines run: both answers to the two prompts at once. */
const PROBE = `#!/bin/bash
exec >/probe.out 2>&1
cd /root; export HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
say() { echo "== $1"; }
say kill; ls /bin/kill
say printed; script -qec 'bash -e /root/printed.sh' /dev/null < /root/typed; echo "status \${PIPESTATUS[0]}"
say again; script -qec 'bash -e /root/printed.sh' /dev/null < /dev/null; echo "status $?"
say started; systemctl show -p ActiveState,NRestarts belfry
say modes; stat -c '%A %U:%G %n' /etc/belfry /etc/belfry/belfry.toml /var/lib/belfry /etc/systemd/system/belfry.service
say push
belfry apns-sim --port 2197 --control --ca-file /etc/belfry/sim.pem >/root/sim.out 2>&1 &
for i in $(seq 100); do [ -s /etc/belfry/sim.pem ] && break; sleep 0.1; done
install -m 640 -g belfry AuthKey.p8 /etc/belfry/; chmod 644 /etc/belfry/sim.pem
cat app.toml >> /etc/belfry/belfry.toml
systemctl restart belfry; echo "restart $?"
sed -i 's/"full"/"sender"/' /etc/belfry/belfry.toml; systemctl reload belfry; echo "reload $?"
for i in $(seq 100); do journalctl -u belfry -o cat | grep 'configuration reloaded' && break; sleep 0.1; done
echo secret-of-juliet | belfry user add juliet@bix.org --password-stdin
curl -sS -u juliet@bix.org:secret-of-juliet http://127.0.0.1:5280/v1/me/devices -H 'content-type: application/json' -d '{"token":"${TOKEN}"}'; echo
curl -sS --unix-socket /var/lib/belfry/admin.sock http://localhost/v1/messages -H 'content-type: application/json' \\
  -d '{"from":"you@bix.org","to":"juliet@bix.org","body":"Art thou not Romeo?"}'; echo
for i in $(seq 100); do grep -q 'New message' /root/sim.out && break; sleep 0.1; done
cat /root/sim.out
say refused; echo 'nonsense = 1' | cat - /etc/belfry/belfry.toml > bad.toml; cp /etc/belfry/belfry.toml good.toml; cat bad.toml > /etc/belfry/belfry.toml
systemctl reload belfry; echo "reload $?"; systemctl is-active belfry
for i in $(seq 100); do systemctl show -p StatusText belfry | grep 'is not used' && break; sleep 0.1; done
cat good.toml > /etc/belfry/belfry.toml
say twice; systemctl restart belfry; echo "restart $?"; systemctl is-active belfry; belfry health
say unit; belfry systemd --install --user nobody-here; echo "status $?"; ls /etc/systemd/system/belfry.service*
say journal; journalctl -u belfry -o cat --no-pager; journalctl -o cat --no-pager | grep -i 'already exists but the mode'
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
  const put = (file: string, text: string) => writeFileSync(join(root, file), text)
  mkdirSync(join(root, 'root/dist'))
  must(['install', '-m', '755', program, join(root, 'root/dist/belfry')])
  put('root/printed.sh', printed)
  put('root/typed', 'a good password\na good password\n')
  put('root/app.toml', APP)
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  put('root/AuthKey.p8', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  put('probe.sh', PROBE)
  chmodSync(join(root, 'probe.sh'), 0o755)
  put('etc/systemd/system/probe.service', UNIT)
  const wants = join(root, 'etc/systemd/system/multi-user.target.wants')
  mkdirSync(wants, { recursive: true })
  symlinkSync('../probe.service', join(wants, 'probe.service'))
}

function sections(text: string): Map<string, string> {
  return new Map(
    text
      .split(/^== /m)
      .slice(1)
      .map((part) => [part.slice(0, part.indexOf('\n')), part.slice(part.indexOf('\n') + 1)]),
  )
}

test('sources of apt, in both of their forms', () => {
  expect(
    sourcesOf(
      'deb [arch=amd64] ftp://one.example/debian trixie main\nTypes: deb\nURIs: file:/a\nSuites: b c\n',
    ),
  ).toEqual([
    { uri: 'ftp://one.example/debian', suite: 'trixie' },
    { uri: 'file:/a', suite: 'b' },
    { uri: 'file:/a', suite: 'c' },
  ])
})

test.skipIf(reason !== undefined)('the block "On a server", then a message, a push and a reload', () => {
  expect(printed).toContain('belfry setup')
  const home = mkdtempSync(join(tmpdir(), 'belfry-systemd-'))
  const built = build()
  try {
    const root = join(home, 'root')
    must(['cp', '-a', cachedRoot(), root])
    prepare(root, built.program)
    const said = boot(root, BOOT_SECONDS)
    const file = join(root, 'probe.out')
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    const found = sections(text)
    if (!found.has('end'))
      throw new Error(`the system did not come to its end:\n${said.slice(-3000)}\n${text}`)
    const part = (name: string): string => found.get(name) ?? ''

    expect(part('kill')).toContain('No such file')
    expect(part('printed')).toContain('you@bix.org added')
    expect(part('printed')).toContain('ready:')
    expect(part('printed')).toContain('status 0')
    // What is there already stays, and nothing is asked for.
    expect(part('again')).toContain('ready:')
    expect(part('again')).not.toMatch(/error|Password|already exists/i)
    expect(part('again')).toContain('status 0')
    expect(part('started')).toBe('NRestarts=0\nActiveState=active\n')
    expect(part('modes')).toBe(
      'drwxr-x--- root:belfry /etc/belfry\n' +
        '-rw-r----- root:belfry /etc/belfry/belfry.toml\n' +
        'drwxr-x--- belfry:belfry /var/lib/belfry\n' +
        '-rw-r--r-- root:root /etc/systemd/system/belfry.service\n',
    )
    expect(part('push')).toContain('reload 0\n')
    expect(part('push')).toContain('configuration reloaded')
    // As the reload has it: the sender alone.
    expect(part('push')).toContain('New message')
    expect(part('push')).toContain('token 00112233…')
    expect(part('refused')).toMatch(
      /^.*reload [1-9]\d*\nactive\nStatusText=Serving bix\.org; the new configuration is not used: .*nonsense.*\n$/s,
    )
    expect(part('twice')).toBe('restart 0\nactive\nready\n')
    expect(part('unit')).toContain('useradd --system --user-group nobody-here')
    expect(part('unit')).toEndWith('status 1\n/etc/systemd/system/belfry.service\n')
    // Of the reload that was refused.
    expect(part('journal').replaceAll(/^.*the new configuration is not used.*$/gm, '')).not.toMatch(
      /level=error|already exists but the mode|Permission denied/,
    )
  } finally {
    built.remove()
    rmSync(home, { recursive: true, force: true })
  }
})
