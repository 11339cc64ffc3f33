import { afterAll, beforeAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openNotifier } from '../../src/ops/sd-notify.ts'
import { listenAt } from '../support/notify.ts'

let directory: string
beforeAll(() => void (directory = mkdtempSync(join(tmpdir(), 'belfry-notify-'))))
afterAll(() => rmSync(directory, { recursive: true }))

test.each(['path', 'abstract'])('the whole life of a service over a socket by %s', async (kind) => {
  const path = kind === 'path' ? join(directory, 'n.sock') : `@belfry-test-${process.pid}`
  using reader = await listenAt(path)
  const notifier = openNotifier({ NOTIFY_SOCKET: path })
  notifier.ready('Serving example.org\nEVIL=1')
  expect(await reader.next()).toBe('READY=1\nSTATUS=Serving example.org EVIL=1')
  notifier.reloading()
  expect(await reader.next()).toMatch(/^RELOADING=1\nMONOTONIC_USEC=\d{6,}$/)
  notifier.status('busy')
  expect(await reader.next()).toBe('STATUS=busy')
  notifier.stopping()
  expect(await reader.next()).toStartWith('STOPPING=1')
  notifier.close()
})

test('the watchdog beats from the loop, for this process only', async () => {
  const path = join(directory, 'w.sock')
  using reader = await listenAt(path)
  openNotifier({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '30000', WATCHDOG_PID: '1' }).close()
  const notifier = openNotifier({
    NOTIFY_SOCKET: path,
    WATCHDOG_USEC: '30000',
    WATCHDOG_PID: `${process.pid}`,
  })
  expect(await reader.next()).toBe('WATCHDOG=1')
  expect(await reader.next()).toBe('WATCHDOG=1')
  notifier.close()
})

test.each([undefined, '', 'relative', `/${'x'.repeat(200)}`, '/nowhere/at/all'])(
  'silent with NOTIFY_SOCKET=%p',
  (path) => {
    const notifier = openNotifier({ NOTIFY_SOCKET: path })
    notifier.ready('x')
    notifier.stopping()
    notifier.close()
  },
)
