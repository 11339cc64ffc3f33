/** Random turns: whichever trips and parts of them fail, the rows that stay are those of the rest. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { StanzaError } from '../../src/xmpp/errors.ts'
import { elsewhere, NAMES, open, put, settled, tempDir } from './support.ts'

const step = fc.constantFrom('write', 'part', 'part that fails', 'empty part that fails')
const trip = fc.record({ steps: fc.array(step, { maxLength: 4 }), fails: fc.boolean(), ends: fc.boolean() })

test('the rows of failed trips and parts are gone, and no others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(trip, { minLength: 1, maxLength: 6 }), async (trips) => {
      using dir = tempDir()
      using w = open(dir.file)
      const { turn } = w.store
      const refused = new StanzaError('service-unavailable')
      const kept: string[] = []
      let next = 0
      const write = (into: string[]) => {
        const name = `n${String(next++).padStart(3, '0')}`
        put(w.store, name)
        into.push(name)
      }
      for (const { steps, fails, ends } of trips) {
        const mine: string[] = []
        const run = () =>
          turn.trip(() => {
            for (const step of steps) {
              if (step === 'write') write(mine)
              else if (step === 'part') turn.part(() => write(mine))
              else
                expect(() =>
                  turn.part(() => {
                    if (step === 'part that fails') write([])
                    throw refused
                  }),
                ).toThrow(refused)
            }
            if (fails) throw refused
          })
        if (fails) expect(run).toThrow(refused)
        else run()
        if (!fails) kept.push(...mine)
        if (ends) turn.end()
      }
      await settled(w.store)
      expect(elsewhere<{ name: string }>(dir.file, NAMES).map(({ name }) => name)).toEqual(kept)
    }),
    { numRuns: 60 },
  )
})
