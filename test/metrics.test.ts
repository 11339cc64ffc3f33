import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { Counter, Gauge, Histogram } from 'prom-client'
import { HotCounter } from '../src/metrics/hot-counter.ts'
import * as metrics from '../src/metrics/metrics.ts'
import { exposition, registry, sessions, stanzas, startMetrics } from '../src/metrics/metrics.ts'

const KINDS = [Counter, Gauge, Histogram, HotCounter]
const SRC = join(import.meta.dir, '../src')

test('the exposition carries our families with their units, the build and the process', async () => {
  const stop = startMetrics('1.2.3')
  // Other plays of this process have counted theirs.
  const counted = async () =>
    Number(
      /^belfry_stanzas_total\{kind="message",direction="in"\} (\d+)$/m.exec((await exposition()).text)?.[1] ??
        0,
    )
  const before = await counted()
  stanzas.inc({ kind: 'message', direction: 'in' })
  sessions.labels('tls', 'bound').set(2)
  const { type, text } = await exposition()
  expect(await counted()).toBe(before + 1)
  stop()
  expect(type).toStartWith('text/plain')
  expect(text).toContain('belfry_sessions{transport="tls",state="bound"} 2')
  expect(text).toMatch(/belfry_build_info\{version="1\.2\.3",runtime="bun [\d.]+"\} 1/)
  const value = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
  expect(value('process_resident_memory_bytes')).toBeGreaterThan(10_000_000)
  expect(value('process_cpu_seconds_total')).toBeGreaterThan(0.01)
  expect(value('process_open_fds')).toBeWithin(3, value('process_max_fds'))
  expect(value('process_start_time_seconds')).toBeWithin(Date.now() / 1000 - 3600, Date.now() / 1000)
})

test('every family that is declared is set somewhere', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((path) => /\.tsx?$/.test(path))
  const text = files.map((path) => readFileSync(join(SRC, path), 'utf8')).join('\n')
  const families = Object.entries(metrics).filter(([, value]) => KINDS.some((kind) => value instanceof kind))
  expect(families.length).toBeGreaterThan(30)
  const unset = families
    .map(([name]) => name)
    .filter((name) => !new RegExp(`\\b${name}\\.(inc|dec|set|observe|labels)\\(`).test(text))
  expect(unset).toEqual([])
  expect(families).toHaveLength(
    registry.getMetricsAsArray().filter(({ name }) => name.startsWith('belfry_')).length,
  )
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
    'type',
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
  expect(labels.filter((label) => ![...closed, ...others, 'le'].includes(label))).toEqual([])
})

test('starting twice is harmless', () => {
  startMetrics('a')()
  startMetrics('a')()
})
