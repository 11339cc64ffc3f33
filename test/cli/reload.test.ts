/** What the log says of a reload: who asked, by which door, and what changed. */
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { listenAt } from '../support/notify.ts'

const MAIN = resolve('src/main.ts')
const BASE = `hosts = ["bix.org"]\n[c2s]\nlisten = ["127.0.0.1:0"]\ndirect_tls_listen = []\n[http]\nlisten = []\n[log]\nformat = "json"\n`

interface Line {
  readonly event: string
  readonly level: string
  readonly [field: string]: unknown
}

test('by belfry reload and by a signal; a file that is bad changes nothing', async () => {
  const home = mkdtempSync(join(tmpdir(), 'belfry-reload-'))
  const notify = join(home, 'notify.sock')
  using systemd = await listenAt(notify)
  const env = { PATH: '/bin', NOTIFY_SOCKET: notify }
  const belfry = (...args: string[]) =>
    Bun.spawn([process.execPath, MAIN, ...args], { cwd: home, stdout: 'pipe', stderr: 'pipe', env })
  const writes = (text: string) => writeFileSync(join(home, 'belfry.toml'), text)
  writes(BASE)
  const server = belfry('serve')
  try {
    const lines = logOf(server.stdout)
    await lines.until('server started')
    writes(`admins = ["nurse@bix.org"]\n${BASE}level = "debug"\n[limits]\nstanza_bytes = 10000\n`)
    expect(await belfry('reload').exited).toBe(0)
    const asked = { event: 'reload asked for', by: 'operator', door: 'SIGHUP' }
    expect(await lines.until('configuration reloaded')).toMatchObject([
      { event: 'reload asked for', by: 'operator', door: 'Unix socket' },
      { event: 'needs a restart: limits.stanza_bytes', level: 'warn' },
      { event: 'configuration reloaded', changed: ['admins', 'log.level'] },
    ])
    // What is in force is the same again: nothing changes.
    server.kill('SIGHUP')
    expect(await lines.until('configuration reloaded')).toMatchObject([
      asked,
      { event: 'needs a restart: limits.stanza_bytes' },
      { event: 'configuration reloaded', changed: [] },
    ])
    writes('hosts = 7\n')
    expect(await belfry('reload').exited).toBe(2)
    server.kill('SIGHUP')
    expect(await lines.until('the new configuration is not used')).toMatchObject([
      asked,
      { level: 'error', error: expect.stringContaining('hosts') as string },
    ])
    // A file that the command can read and the server not: the server's word counts.
    const taken = join(home, 'other.toml')
    writeFileSync(taken, BASE)
    const told = belfry('-c', taken, 'reload')
    expect(await told.exited).toBe(1)
    expect(await new Response(told.stderr).text()).toContain('hosts')
    // systemd hears of it each time, until the configuration is good again.
    const said = async (words: string) => {
      for (;;) {
        const message = await systemd.next()
        if (message.includes(words)) return message
      }
    }
    expect(await said('not used')).toMatch(
      /^READY=1\nSTATUS=Serving bix\.org; the new configuration is not used: .*hosts/,
    )
    // Whoever asks for the status hears of it too, and readiness says so.
    const status = await fetch('http://localhost/v1/status', { unix: join(home, 'data/admin.sock') })
    expect(await status.text()).toContain('is not used, that before stays')
    const metrics = (): Promise<string> =>
      fetch('http://localhost/metrics', { unix: join(home, 'data/admin.sock') }).then((answer) =>
        answer.text(),
      )
    expect(await metrics()).toContain('\nbelfry_config_last_reload_success 0\n')
    // systemd names the server, which the configuration no longer does.
    const unread = belfry('reload')
    expect(await unread.exited).toBe(2)
    writes(BASE)
    expect(await belfry('reload').exited).toBe(0)
    let last = await said('READY=1')
    while (last.includes('not used')) last = await said('READY=1')
    expect(last).toBe('READY=1\nSTATUS=Serving bix.org')
    expect(await metrics()).toContain('\nbelfry_config_last_reload_success 1\n')
  } finally {
    server.kill('SIGTERM')
    await server.exited
    rmSync(home, { recursive: true })
  }
})

/** Lines of a log as they come. */
function logOf(stream: ReadableStream<Uint8Array>) {
  const reader = stream.getReader()
  let text = ''
  let seen: Line[] = []
  return {
    /** Those since the last time, up to the one of that event; of the areas main and server alone. */
    async until(event: string): Promise<Line[]> {
      for (;;) {
        const { done, value } = await reader.read()
        text += Buffer.from(value ?? []).toString()
        const whole = text.split('\n')
        text = whole.pop() ?? ''
        seen.push(...whole.map((line) => JSON.parse(line) as Line))
        if (!seen.some((line) => line.event === event)) {
          if (done) throw new Error(`the server ended before it said "${event}"`)
          continue
        }
        const found = seen.filter(({ area }) => area === 'main' || area === 'server')
        seen = []
        return found
      }
    },
  }
}
