/** What a benchmark is, and how its figures are judged and written down. */
export interface Figure {
  readonly figure: string
  readonly unit: string
  /** Raw samples; the median is the figure unless `of` says otherwise. */
  readonly samples: readonly number[]
  /** The figure must not be above this. */
  readonly limit?: number
  /** The figure must not be below this. */
  readonly least?: number
  /** A point of a curve: its name, and the size at which it was measured. */
  readonly series?: string
  readonly at?: number
}

export interface Bench {
  readonly name: string
  readonly what: string
  run(): Promise<Figure[]>
}

export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? upper)) / 2
}

/** The value below which a share `p` of the samples lies. */
export function percentile(samples: readonly number[], p: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * p) - 1)] ?? Number.NaN
}
