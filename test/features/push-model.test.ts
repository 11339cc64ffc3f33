/**
 * Random stories: each message rings each sleeping phone once, nothing else rings, nothing is lost. PUSH_RUNS is the
 * number of stories.
 */
import { test } from 'bun:test'
import fc from 'fast-check'
import { Story } from '../support/push-story.ts'
import { type Act, COMINGS, plays, stepsOf } from '../support/story-acts.ts'

const RUNS = Number(process.env.PUSH_RUNS ?? 25)

const ACTS: Record<string, Act<Story>> = {
  ...COMINGS,
  writes: (story, n) => story.writes(n),
  writesAgain: (story) => story.writesAgain(),
  noise: (story, n) => story.noise(n),
  reads: (story, n) => story.reads(n),
  passes: (story, n) => story.passes(n),
  fails: (story, n) => story.fails(n),
}
const OFTEN = {
  writes: 8,
  comes: 5,
  resumes: 3,
  leaves: 4,
  toggles: 3,
  passes: 4,
  reads: 2,
  apple: 2,
}

const beginning = fc.record({
  phones: fc.constantFrom(1 as const, 2 as const),
  marks: fc.constantFrom(true, true, false),
  onDisk: fc.boolean(),
  burst: fc.constantFrom(0, 0, 2),
})

test('random stories: a sleeping phone rings once for each message, and for nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(beginning, stepsOf(Object.keys(ACTS), OFTEN), async (begins, steps) => {
      using story = new Story(begins)
      await plays(story, ACTS, steps)
    }),
    { numRuns: RUNS },
  )
}, 3_600_000)
