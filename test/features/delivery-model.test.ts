/**
 * Random stories: each message reaches whom it is meant for, once and in order, and nothing that was accepted is lost.
 * DELIVERY_RUNS is the number of stories.
 */
import { test } from 'bun:test'
import fc from 'fast-check'
import { Deliveries } from '../support/delivery-story.ts'

const RUNS = Number(process.env.DELIVERY_RUNS ?? 25)

type Act = (story: Deliveries, a: number, b: number) => void | Promise<void>
const ACTS: Record<string, Act> = {
  writes: (story, a, b) => story.writes(a, b),
  floods: (story, a, b) => story.floods(a, b),
  writesAgain: (story, a) => story.writesAgain(a),
  comes: (story, a, b) => story.comes(a, b),
  appears: (story, a, b) => story.appears(a, b),
  disappears: (story, a) => story.disappears(a),
  resumes: (story, a, b) => story.resumes(a, b),
  leaves: (story, a, b) => story.leaves(a, b),
  turns: (story, a, b) => story.turns(a, b),
  toggles: (story, a) => story.toggles(a),
  acksSome: (story, a, b) => story.acksSome(a, b),
  copies: (story, a, b) => story.copies(a, b),
  blocks: (story, a, b) => story.blocks(a, b),
  prefers: (story, a, b) => story.prefers(a, b),
  fetches: (story, a) => story.fetches(a),
  passes: (story, a) => story.passes(a),
  fails: (story, a, b) => story.fails(a, b),
  stops: (story) => story.restarts(true),
  crashes: (story) => story.restarts(false),
}
/** How often, each beside the others. */
const OFTEN: Record<string, number> = {
  writes: 12,
  floods: 3,
  comes: 6,
  appears: 3,
  resumes: 4,
  leaves: 4,
  turns: 3,
  toggles: 3,
  passes: 3,
  copies: 2,
}
const acts = Object.keys(ACTS).flatMap((act) => Array<string>(OFTEN[act] ?? 1).fill(act))
const step = fc.tuple(fc.constantFrom(...acts), fc.nat({ max: 59 }), fc.nat({ max: 239 }))

test('random stories: what is accepted arrives, once, in order, and only where it should', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({ onDisk: fc.boolean(), away: fc.boolean() }),
      fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
      async (begins, steps) => {
        using story = new Deliveries(begins)
        await story.begin()
        for (const [act, a, b] of steps) {
          await ACTS[act]?.(story, a, b)
          await story.goesOn()
        }
        await story.ends()
      },
    ),
    { numRuns: RUNS },
  )
}, 3_600_000)
