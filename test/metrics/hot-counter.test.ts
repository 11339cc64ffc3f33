/** A counter that adds up and hands over: nobody who reads it sees a difference. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Counter, Registry } from 'prom-client'
import { HotCounter } from '../../src/metrics/hot-counter.ts'

const config = { name: 'n_total', help: 'N.', labelNames: ['a', 'b'] as const }
type Inc = { a: string; b: string } | 'read' | 'get'

test('it is exposed as prom-client’s own, whoever asks and however often', async () => {
  // Values that would be one text if they were only put together.
  const value = fc.constantFrom('', 'x', 'y', 'xy', ' ', '"', '\\', 'é')
  const inc: fc.Arbitrary<Inc> = fc.oneof(
    { weight: 5, arbitrary: fc.record({ a: value, b: value }) },
    fc.constantFrom('read' as const, 'get' as const),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(inc, { maxLength: 40 }), async (incs) => {
      const [ours, theirs] = [new Registry(), new Registry()]
      const hot = new HotCounter({ ...config, registers: [ours] })
      const plain = new Counter({ ...config, registers: [theirs] })
      for (const each of [...incs, 'read' as const, 'read' as const]) {
        if (each === 'read') expect(await ours.metrics()).toBe(await theirs.metrics())
        else if (each === 'get') expect((await hot.get()).values).toEqual((await plain.get()).values)
        else {
          hot.inc(each)
          plain.inc(each)
        }
      }
    }),
    {
      numRuns: 50,
      examples: [
        [
          [
            { a: 'x', b: 'y' },
            { a: 'xy', b: '' },
          ],
        ],
      ],
    },
  )
})

test('labels are taken at the call: who changes the object later changes nothing', async () => {
  const registry = new Registry()
  const hot = new HotCounter({ ...config, registers: [registry] })
  const labels = { a: '1', b: '2' }
  hot.inc(labels)
  labels.a = '3'
  hot.inc(labels)
  expect((await hot.get()).values.map(({ labels: { a }, value }) => [a, value])).toEqual([
    ['1', 1],
    ['3', 1],
  ])
})
