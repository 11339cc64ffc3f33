/**
 * A counter for what happens several times per message. prom-client's own hashes its labels at each `inc`, which takes
 * as long as a small query; this one adds up and hands over when somebody asks.
 */
import { Counter, type CounterConfiguration, type LabelValues } from 'prom-client'

/** The counter of these values of the first labels; with a value of each it has a number. */
class Sum<L extends string> {
  readonly next = new Map<string, Sum<L>>()
  labels: LabelValues<L> | undefined
  n = 0
}

export class HotCounter<L extends string> {
  readonly #names: readonly L[]
  readonly #counter: Counter<L>
  readonly #root = new Sum<L>()
  readonly #sums: Sum<L>[] = []

  /** `labelNames`: each `inc` gives all of them. */
  constructor(config: CounterConfiguration<L> & { labelNames: readonly L[] }) {
    this.#names = config.labelNames
    this.#counter = new Counter({ ...config, collect: () => this.#handOver() })
  }

  inc(labels: Readonly<Record<L, string>>): void {
    // Step by step: a key of all of them would be a new text each time.
    let sum = this.#root
    for (const name of this.#names) {
      let next = sum.next.get(labels[name])
      if (!next) sum.next.set(labels[name], (next = new Sum()))
      sum = next
    }
    sum.n++
    if (sum.labels) return
    sum.labels = { ...labels }
    this.#sums.push(sum)
  }

  get(): ReturnType<Counter<L>['get']> {
    return this.#counter.get()
  }

  #handOver(): void {
    for (const sum of this.#sums) {
      if (sum.labels && sum.n > 0) this.#counter.inc(sum.labels, sum.n)
      sum.n = 0
    }
  }
}
