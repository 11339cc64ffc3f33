/** A machine whose kernel has IPv6 switched off: a network of its own, as Linux gives it to whoever asks. */
import { expect } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { testWith } from '../support/programs.ts'

/** Starts the server as a newcomer does, opens a stream on each port for clients, and stops it. */
const SCRIPT = `
ip link set lo up
for scope in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$scope/disable_ipv6; done
mkfifo banner
"$@" serve > log 2> banner & server=$!
exec 5< banner
while read -r line && [[ $line != config* ]]; do :; done <&5
exec 3<>/dev/tcp/127.0.0.1/5222
printf "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>" >&3
while read -r -d '>' part; do echo "$part>"; [[ $part == */stream:features ]] && break; done <&3
(exec 4<>/dev/tcp/127.0.0.1/5223) && echo 'direct TLS is there'
(exec 4<>/dev/tcp/::1/5222) 2> /dev/null || echo 'nothing by IPv6'
kill $server; wait $server; echo "ended with $?"
cat log
`

testWith(['/usr/bin/unshare', '/usr/sbin/ip'])(
  'the start without configuration listens by IPv4, and says of each port what is missing',
  async () => {
    const home = mkdtempSync(join(tmpdir(), 'belfry-ipv6-'))
    try {
      const command = [process.execPath, resolve('src/main.ts')]
      const run = Bun.spawn(['unshare', '-rn', 'bash', '-c', SCRIPT, 'bash', ...command], {
        cwd: home,
        stdout: 'pipe',
        stderr: 'pipe',
      })
      const [out, err] = await Promise.all([run.stdout.text(), run.stderr.text()])
      expect([await run.exited, err]).toEqual([0, ''])
      expect(out).toContain('<starttls ')
      for (const line of ['direct TLS is there', 'nothing by IPv6', 'ended with 0'])
        expect(out).toContain(line)
      expect(out).not.toContain('level=error')
      const missing = [...out.matchAll(/level=warn area=server event="(.*)"/g)].map(([, event]) => event)
      expect(missing).toEqual(
        [
          ['http', '5280', '[http] listen'],
          ['c2s', '5222', '[c2s] listen'],
          ['c2s-tls', '5223', '[c2s] direct_tls_listen'],
        ].map(
          ([name, port, key]) =>
            `${name} cannot listen on [::1]:${port}: this machine has no such address; see: ip address, or change ${key}`,
        ),
      )
    } finally {
      rmSync(home, { recursive: true })
    }
  },
)
