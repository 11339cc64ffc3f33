/**
 * Random stories: each message rings each sleeping phone once, nothing else rings, nothing is lost. PUSH_RUNS is the
 * number of stories.
 */
import { test } from 'bun:test'
import fc from 'fast-check'
import { Story } from '../support/push-story.ts'

const RUNS = Number(process.env.PUSH_RUNS ?? 25)

type Act = (story: Story, n: number) => void | Promise<void>
const ACTS: Record<string, Act> = {
  writes: (story, n) => story.writes(n),
  writesAgain: (story) => story.writesAgain(),
  noise: (story, n) => story.noise(n),
  comes: (story, n) => story.comes(n),
  appears: (story, n) => story.appears(n),
  resumes: (story, n) => story.resumes(n),
  leaves: (story, n) => story.leaves(n),
  turns: (story, n) => story.turns(n),
  toggles: (story, n) => story.toggles(n),
  acksSome: (story, n) => story.acksSome(n),
  reads: (story, n) => story.reads(n),
  passes: (story, n) => story.passes(n),
  apple: (story) => story.apple(),
  fails: (story, n) => story.fails(n),
  stops: (story) => story.restarts(true),
  crashes: (story) => story.restarts(false),
}
/** How often, each beside the others. */
const OFTEN: Record<string, number> = {
  writes: 8,
  comes: 5,
  resumes: 3,
  leaves: 4,
  toggles: 3,
  passes: 4,
  reads: 2,
  apple: 2,
}
const acts = Object.keys(ACTS).flatMap((act) => Array<string>(OFTEN[act] ?? 1).fill(act))
const step = fc.tuple(fc.constantFrom(...acts), fc.nat({ max: 59 }))

const beginning = fc.record({
  phones: fc.constantFrom(1 as const, 2 as const),
  marks: fc.constantFrom(true, true, false),
  onDisk: fc.boolean(),
})

test('random stories: a sleeping phone rings once for each message, and for nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(
      beginning,
      fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }),
      async (begins, steps) => {
        using story = new Story(begins)
        await story.begin()
        for (const [act, n] of steps) {
          await ACTS[act]?.(story, n)
          await story.goesOn()
        }
        await story.ends()
      },
    ),
    { numRuns: RUNS },
  )
}, 3_600_000)
