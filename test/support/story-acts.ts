/** What may happen in a random story, and how often. */
import fc from 'fast-check'
import type { PhoneStory } from './phone-story.ts'

export type Act<S> = (story: S, n: number) => void | Promise<void>

/** What happens to juliet's clients and to the server, whatever the story is about. */
export const COMINGS: Record<string, Act<PhoneStory>> = {
  comes: (story, n) => story.comes(n),
  appears: (story, n) => story.appears(n),
  resumes: (story, n) => story.resumes(n),
  leaves: (story, n) => story.leaves(n),
  turns: (story, n) => story.turns(n),
  toggles: (story, n) => story.toggles(n),
  acksSome: (story, n) => story.acksSome(n),
  apple: (story) => story.apple(),
  stops: (story) => story.restarts(true),
  crashes: (story) => story.restarts(false),
}

/** Names of acts, each with a number that chooses who and what; `often`: how often, each beside the others. */
export function stepsOf(acts: readonly string[], often: Readonly<Record<string, number>>) {
  const all = acts.flatMap((act) => Array<string>(often[act] ?? 1).fill(act))
  const step = fc.tuple(fc.constantFrom(...all), fc.nat({ max: 59 }))
  return fc.array(step, { minLength: 1, maxLength: 40, size: 'max' })
}

/** Plays them one by one. */
export async function plays<S extends PhoneStory>(
  story: S & { begin(): Promise<void>; ends(): Promise<void> },
  acts: Readonly<Record<string, Act<S>>>,
  steps: readonly (readonly [act: string, n: number])[],
): Promise<void> {
  await story.begin()
  for (const [act, n] of steps) {
    await acts[act]?.(story, n)
    await story.goesOn()
  }
  await story.ends()
}
