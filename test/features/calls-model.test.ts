/** Random stories: each call rings each sleeping phone once, and stops when it is over. CALL_RUNS is their number. */
import { test } from 'bun:test'
import fc from 'fast-check'
import { CallStory } from '../support/call-story.ts'
import { type Act, COMINGS, plays, stepsOf } from '../support/story-acts.ts'

const RUNS = Number(process.env.CALL_RUNS ?? 25)

const ACTS: Record<string, Act<CallStory>> = {
  ...COMINGS,
  proposes: (story) => story.proposes(),
  retracts: (story, n) => story.retracts(n),
  takes: (story, n) => story.takes(n),
  finishes: (story, n) => story.finishes(n),
  passes: (story, n) => story.passes(n),
  fails: (story, n) => story.fails(n),
}
const OFTEN = {
  proposes: 8,
  retracts: 4,
  takes: 3,
  comes: 5,
  resumes: 3,
  leaves: 4,
  toggles: 3,
  passes: 4,
  apple: 3,
}

test('random stories of XEP-0353: a call rings each sleeping phone once, and stops when it is over', async () => {
  await fc.assert(
    fc.asyncProperty(stepsOf(Object.keys(ACTS), OFTEN), async (steps) => {
      using story = new CallStory()
      await plays(story, ACTS, steps)
    }),
    { numRuns: RUNS },
  )
}, 3_600_000)
