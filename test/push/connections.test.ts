import { expect, test } from 'bun:test'
import { causeOf, countConnection } from '../../src/push/apns/connections.ts'
import { registry } from '../../src/metrics/metrics.ts'

test.each<[unknown, string]>([
  ['GOAWAY 0 Shutdown', 'goaway'],
  ['no answer to PING', 'ping'],
  [new Error('no HTTP/2 settings within the connect deadline'), 'deadline'],
  ['stopping', 'stopping'],
  ['stream ids run out', 'rotated'],
  ['ExpiredProviderToken', 'answer'],
  [new Error('connect ECONNREFUSED 192.0.2.1:443'), 'lost'],
  [undefined, 'lost'],
])('cause %#', (cause, kind) => {
  expect(causeOf(cause)).toBe(kind)
})

test('no word of the peer becomes a label', async () => {
  for (let i = 0; i < 500; i++) countConnection('connection left', `whatever ${i}`)
  countConnection('connected', undefined)
  countConnection('something else', undefined)
  const lines = (await registry.metrics())
    .split('\n')
    .filter((line) => line.startsWith('belfry_push_connections'))
  expect(lines.length).toBeLessThan(12)
  expect(lines.join()).toContain('event="opened",cause=""')
})
