import { expect, test } from 'bun:test'
import { exposition, registry, sessions, stanzas, startMetrics } from '../src/metrics.ts'

test('the exposition carries our families with their units, the build and the process', async () => {
  const stop = startMetrics('1.2.3')
  stanzas.labels('message', 'in').inc()
  sessions.labels('tls', 'bound').set(2)
  const { type, text } = await exposition()
  stop()
  expect(type).toStartWith('text/plain')
  expect(text).toContain('belfry_stanzas_total{kind="message",direction="in"} 1')
  expect(text).toContain('belfry_sessions{transport="tls",state="bound"} 2')
  expect(text).toMatch(/belfry_build_info\{version="1\.2\.3",runtime="bun [\d.]+"\} 1/)
  expect(text).toContain('process_resident_memory_bytes')
})

test('no family is labelled by who or where', async () => {
  const labels = (await registry.getMetricsAsJSON()).flatMap(
    (metric) =>
      (registry.getSingleMetric(metric.name) as unknown as { labelNames?: string[] }).labelNames ?? [],
  )
  const closed = [
    'condition',
    'direction',
    'kind',
    'limit',
    'listener',
    'mechanism',
    'method',
    'provider',
    'reason',
  ]
  const others = [
    'result',
    'route',
    'runtime',
    'state',
    'status',
    'transport',
    'version',
    'host',
    'door',
    'cause',
    'age',
    'verdict',
    'rule',
    'event',
    // As many as the configuration has apps.
    'topic',
    'environment',
  ]
  const own = ['le', 'quantile', 'type', 'space', 'major', 'minor', 'patch', 'kind']
  expect(labels.filter((label) => ![...closed, ...others, ...own].includes(label))).toEqual([])
})

test('starting twice is harmless', () => {
  startMetrics('a')()
  startMetrics('a')()
})
