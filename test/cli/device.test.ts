/** `belfry device show`: a device as it stands, or what brings one back that is gone. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, spyOn, test } from 'bun:test'
import { runCli } from '../../src/cli/program.ts'
import { listenSocket } from '../../src/http/serve.ts'
import { basic, JULIET, startHttp } from '../http/support.ts'

test('wishes and tokens of a device that is there; of one that Apple has called dead the way back', async () => {
  using w = await startHttp((config) => (config.push.simulator = true))
  const home = mkdtempSync(join(tmpdir(), 'belfry-device-'))
  writeFileSync(join(home, 'belfry.toml'), `hosts = ["bix.org"]\ndata_dir = "${home}/data"\n`)
  mkdirSync(join(home, 'data'))
  const options = { maxBody: 1_048_576, maxFrame: 524_288, idle: 30_000, webSocketIdle: 240_000 }
  const listener = await listenSocket(w.app, join(home, 'data/admin.sock'), options)
  const belfry = async (...args: string[]) => {
    const out = spyOn(process.stdout, 'write').mockReturnValue(true)
    const err = spyOn(process.stderr, 'write').mockReturnValue(true)
    try {
      const code = await runCli(['-c', join(home, 'belfry.toml'), ...args])
      return { code, said: [...out.mock.calls, ...err.mock.calls].map(([text]) => String(text)).join('') }
    } finally {
      out.mockRestore()
      err.mockRestore()
    }
  }
  try {
    const as = basic(JULIET)
    await w.call('POST', '/v1/me/devices', { as, body: { token: 'ab'.repeat(32) } })
    const wishes = { muted: true, quiet: { from: '22:00', to: '07:00', zone: 'Europe/Rome' } }
    await w.call('PATCH', '/v1/me/devices/1', { as, body: { ...wishes, quiet_lets_through: ['calls'] } })
    const token = { kind: 'control', name: 'light', token: 'cd'.repeat(32) }
    await w.call('POST', '/v1/me/devices/1/tokens', { as, body: token })
    const shown = await belfry('device', 'show', JULIET, '1')
    expect(shown.code).toBe(0)
    expect(shown.said).toMatch(/muted: +true/)
    expect(shown.said).toContain('22:00 to 07:00, Europe/Rome')
    expect(shown.said).toMatch(/quiet_lets_through: +calls/)
    expect(shown.said).toMatch(/control +light +cdcdcd/)
    expect(shown.said).not.toContain('cd'.repeat(8))

    await w.router.run((t) => {
      const account = t.store.accounts.find(JULIET)
      const device = t.store.push.devices.get(1)
      if (!account || !device) throw new Error('no device')
      t.store.push.devices.forget(device.id, t.now)
      const entry = { account: account.id, device: 1, messageId: 'm1', at: t.now }
      t.store.push.record({ ...entry, verdict: 'forgotten', rule: 'body', reason: 'Unregistered' })
    })
    const gone = await belfry('device', 'show', JULIET, '1')
    expect(gone.code).toBe(4)
    expect(gone.said).toContain('switch its notifications off and on')
  } finally {
    await listener.stop()
    rmSync(home, { recursive: true })
  }
})
