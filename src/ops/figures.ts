/** Figures of the last minute, taken from the metrics and kept in a table for the plots of the web admin. */
import { getLogger } from '../log.ts'
import { diskFree, loopLag, pushes, pushLatency, sessions, stanzas } from '../metrics/metrics.ts'
import type { Clock } from '../store/clock.ts'
import { type Figures, MINUTE } from '../store/figures.ts'
import type { RunTrip } from '../store/tx.ts'

const log = getLogger('figures')

const MINUTE_MS = MINUTE * 1000

interface Value {
  readonly value: number
  readonly labels: Readonly<Partial<Record<string, string | number>>>
  readonly metricName?: string
}
interface Metric {
  get(): Promise<{ readonly values: readonly Value[] }>
}

/** Upper bounds of a histogram's buckets, and how many were below each since the start. */
type Buckets = ReadonlyMap<number, number>

interface Totals {
  readonly messages: number
  readonly pushes: Readonly<Record<string, number>>
  readonly latency: Buckets
  readonly lag: Buckets
}

/** The differences between two looks at the metrics. */
export class Sampler {
  #before: Totals | undefined

  /** The first look has nothing to compare with: it counts from the start. `minutes` have gone by since the one before. */
  async take(minutes: number): Promise<Figures> {
    const now = await totals()
    const before = this.#before
    this.#before = now
    const rate = (of: (all: Totals) => number): number => (of(now) - (before ? of(before) : 0)) / minutes
    const pushed = (result: string): number => rate((all) => all.pushes[result] ?? 0)
    return {
      sessions: await sum(sessions),
      messages: rate((all) => all.messages),
      pushSent: pushed('sent'),
      pushMerged: pushed('merged'),
      pushRetried: pushed('retried'),
      pushDropped: pushed('dropped'),
      pushLatency: quantile(0.95, now.latency, before?.latency),
      loopLag: quantile(0.99, now.lag, before?.lag),
      diskFree: await sum(diskFree),
      memory: process.memoryUsage.rss(),
    }
  }
}

/** A row at the end of each minute by the clock; one that could not be written is missing. Returns what ends it. */
export function startFigures(clock: Clock, run: RunTrip): () => void {
  const sampler = new Sampler()
  let last = clock.monotonic()
  let cancel = (): void => {}
  const look = async (): Promise<void> => {
    const now = clock.monotonic()
    const minutes = Math.max(1, now - last) / MINUTE_MS
    last = now
    // The minute that is over, also where the timer was a little early.
    const at = Math.round(clock.now() / MINUTE_MS) * MINUTE_MS - MINUTE_MS
    const figures = await sampler.take(minutes)
    await run((t) => t.store.figures.add(at, figures))
  }
  const wait = (): void => {
    cancel = clock.after(MINUTE_MS - (clock.now() % MINUTE_MS), () => {
      wait()
      look().catch((error: unknown) => log.warn('the figures of a minute are missing', { error }))
    })
  }
  wait()
  return () => cancel()
}

async function totals(): Promise<Totals> {
  const results: Record<string, number> = {}
  for (const { labels, value } of (await pushes.get()).values)
    results[String(labels.result)] = (results[String(labels.result)] ?? 0) + value
  return {
    messages: await sum(stanzas, ({ kind, direction }) => kind === 'message' && direction === 'in'),
    pushes: results,
    latency: await bucketsOf(pushLatency),
    lag: await bucketsOf(loopLag),
  }
}

async function sum(
  metric: Metric,
  which: (labels: Value['labels']) => boolean = () => true,
): Promise<number> {
  const { values } = await metric.get()
  return values.reduce((all, { labels, value }) => (which(labels) ? all + value : all), 0)
}

/** Of all labels together. */
async function bucketsOf(histogram: Metric): Promise<Buckets> {
  const buckets = new Map<number, number>()
  for (const { labels, value, metricName } of (await histogram.get()).values) {
    if (metricName?.endsWith('_bucket') !== true) continue
    const bound = labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le)
    buckets.set(bound, (buckets.get(bound) ?? 0) + value)
  }
  return buckets
}

/**
 * The value below which that part of what was observed since `before` is, as Prometheus estimates it: evenly spread
 * within a bucket, and the highest bound for what is above it. Null where nothing was observed.
 */
export function quantile(part: number, now: Buckets, before?: Buckets): number | null {
  const bounds = [...now.keys()].sort((a, b) => a - b)
  const below = (bound: number): number => (now.get(bound) ?? 0) - (before?.get(bound) ?? 0)
  const all = below(Number.POSITIVE_INFINITY)
  if (all <= 0) return null
  let [from, under] = [0, 0]
  for (const bound of bounds) {
    const n = below(bound)
    if (n < part * all) [from, under] = [bound, n]
    else if (!Number.isFinite(bound) || n === under) return from
    else return from + ((bound - from) * (part * all - under)) / (n - under)
  }
  return from
}
