/** Random stories: everybody in a room hears and sees the same, in the same order. ROOM_RUNS is their number. */
import { test } from 'bun:test'
import fc from 'fast-check'
import { RoomStory } from '../../support/room-story.ts'

const RUNS = Number(process.env.ROOM_RUNS ?? 15)
const ACTS = [
  'comes',
  'comes',
  'comes',
  'speak',
  'speak',
  'leaves',
  'renames',
  'kicks',
  'appoints',
  'fails',
] as const

test('random stories of XEP-0045: everybody in a room hears and sees the same, and the archive keeps it', async () => {
  const steps = fc.array(fc.tuple(fc.constantFrom(...ACTS), fc.nat(127)), { maxLength: 40 })
  await fc.assert(
    fc.asyncProperty(steps, async (acts) => {
      using story = await RoomStory.begins()
      for (const [act, n] of acts) await story[act](n)
      story.ends()
    }),
    { numRuns: RUNS },
  )
}, 3_600_000)
