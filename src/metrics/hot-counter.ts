/**
 * A counter for what happens several times per message. prom-client's own hashes its labels at each `inc`, which takes
 * as long as a small query; this one adds up and hands over when somebody asks.
 */
import { Counter, type CounterConfiguration, type LabelValues } from 'prom-client'

interface Sum<L extends string> {
  readonly labels: LabelValues<L>
  n: number
}

export class HotCounter<L extends string> {
  readonly #names: readonly L[]
  readonly #counter: Counter<L>
  readonly #sums = new Map<string, Sum<L>>()

  /** `labelNames`: each `inc` gives all of them. */
  constructor(config: CounterConfiguration<L> & { labelNames: readonly L[] }) {
    this.#names = config.labelNames
    this.#counter = new Counter({ ...config, collect: () => this.#handOver() })
  }

  inc(labels: Readonly<Record<L, string>>): void {
    let key = ''
    // No label of ours has a line break.
    for (const name of this.#names) key += `${labels[name]}\n`
    const sum = this.#sums.get(key)
    if (sum) sum.n++
    else this.#sums.set(key, { labels: { ...labels }, n: 1 })
  }

  get(): ReturnType<Counter<L>['get']> {
    return this.#counter.get()
  }

  #handOver(): void {
    for (const sum of this.#sums.values()) {
      if (sum.n > 0) this.#counter.inc(sum.labels, sum.n)
      sum.n = 0
    }
  }
}
