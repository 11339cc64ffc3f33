/** Counts answers for the metrics. */
import { pushes, pushLatency } from '../../metrics/metrics.ts'
import type { Result } from './provider.ts'

const LABELS = 100

/** A metric's label is memory for ever, and reasons are another side's words: their number is bounded. */
const labels = new Set<string>()

/** `ms`: since the push was due. */
export function tally(provider: string, result: Result, ms: number): void {
  if (result.is === 'merged') return pushes.inc({ provider, result: 'merged', reason: 'TooManyRequests' })
  const word =
    result.is === 'sent' ? 'sent' : result.is === 'retry' || result.is === 'pause' ? 'retried' : 'dropped'
  const reason =
    result.is === 'sent' ? 'Accepted' : result.is === 'withdrawn' ? 'Withdrawn' : label(result.reason)
  pushes.inc({ provider, result: word, reason })
  if (result.is === 'sent') pushLatency.observe({ provider }, Math.max(0, ms) / 1000)
}

function label(reason: string): string {
  if (labels.size >= LABELS && !labels.has(reason)) return 'other'
  labels.add(reason)
  return reason
}
