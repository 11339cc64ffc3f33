/**
 * Random stories of a group with restarts, MucSub and members who are away: nothing is delivered, stored or rung twice, and
 * nothing is lost. ROOM_LIFE_RUNS is their number.
 */
import { test } from 'bun:test'
import fc from 'fast-check'
import { RoomLifeStory } from '../../support/room-life-story.ts'
import { type Act, stepsOf } from '../../support/story-acts.ts'

const RUNS = Number(process.env.ROOM_LIFE_RUNS ?? 12)

const ACTS: Record<string, Act<RoomLifeStory>> = {
  comes: (story, n) => story.comes(n),
  joins: (story, n) => story.joins(n),
  parts: (story, n) => story.parts(n),
  leaves: (story, n) => story.leaves(n),
  resumes: (story, n) => story.resumes(n),
  toggles: (story, n) => story.toggles(n),
  subscribes: (story, n) => story.subscribes(n),
  speaks: (story, n) => story.speaks(n),
  passes: (story, n) => story.passes(n),
  restarts: (story, n) => story.restarts(n),
}
const OFTEN = { speaks: 8, comes: 5, resumes: 3, leaves: 3, passes: 3, subscribes: 2, restarts: 2 }

test('random stories of a group over restarts: each message reaches each member once, by a client or by a ring', async () => {
  await fc.assert(
    fc.asyncProperty(stepsOf(Object.keys(ACTS), OFTEN), async (steps) => {
      using story = new RoomLifeStory()
      await story.begin()
      for (const [act, n] of steps) {
        await ACTS[act]?.(story, n)
        await story.goesOn()
      }
      await story.ends()
    }),
    { numRuns: RUNS },
  )
}, 3_600_000)
