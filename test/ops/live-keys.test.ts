import { expect, test } from 'bun:test'
import { type Config, defaults } from '../../src/config/config.ts'
import { needsRestart, takeOver } from '../../src/ops/live-keys.ts'
import { APP_DEFAULTS } from '../support/apns.ts'

const APP = {
  ...APP_DEFAULTS,
  topic: 'org.bix.chat',
  environment: 'production',
  team_id: 'TEAM123456',
  key_id: 'KEY1234567',
  key_file: 'one.p8',
} as const
const app = (change: { key_file?: string } = {}) => ({ ...APP, ...change })

function changed(change: (config: Config) => void): { waiting: string[]; running: Config } {
  const running = defaults()
  running.push.apps = [app()]
  const next = structuredClone(running)
  change(next)
  const waiting = needsRestart(running, next)
  takeOver(running, next)
  return { waiting, running }
}

test('certificates, keys of apps, the webhook, admins and the log change while running', () => {
  const { waiting, running } = changed((next) => {
    Object.assign(next.tls, { cert: 'new.crt', key: 'new.key' })
    next.push.apps = [app({ key_file: 'two.p8' })]
    next.webhook.url = 'https://hook.example/'
    next.admins = ['nurse@bix.org']
    next.log.level = 'debug'
  })
  expect(waiting).toEqual([])
  expect(running.tls.cert).toBe('new.crt')
  expect(running.push.apps[0]?.key_file).toBe('two.p8')
  expect(running.webhook.url).toBe('https://hook.example/')
  expect(running.admins).toEqual(['nurse@bix.org'])
})

test('every other key is named as it is spelt in the file, and stays as it was', () => {
  const { waiting, running } = changed((next) => {
    next.hosts = ['other.example']
    next.tls.min = '1.3'
    next.c2s.listen = []
    next.limits.stanza_bytes = 1
    next.push.apps = []
  })
  expect(waiting).toEqual(['c2s.listen', 'hosts', 'limits.stanza_bytes', 'push.apps', 'tls.min'])
  expect(running.hosts).toEqual(['localhost'])
  expect(running.push.apps).toHaveLength(1)
})
