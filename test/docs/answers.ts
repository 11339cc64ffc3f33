/**
 * What is said to the demands of XEPs that no play shows: by section, "6.3.*" for one with all that is below it.
 * A section that a reason names (§) has a play; `npm run docs:musts` and a test hold this against the plays.
 */
import { PUBSUB_ANSWERS } from './answers-0060.ts'

export type Kind =
  /** A duty of clients. */
  | 'client'
  /** A duty of whoever writes specifications, or a wish that the protocol itself fulfils. */
  | 'author'
  /** A duty of another entity: a room, a server elsewhere, a push service. */
  | 'other'
  /** Of something that is not offered; the reason says what is answered instead. */
  | 'absent'
  /** Said again in sections that have their plays. */
  | 'again'
  /** Decided otherwise, for the reason that is given. */
  | 'otherwise'

export type Answer = readonly [sections: string, kind: Kind, why: string]
export type Answers = Readonly<Record<number, readonly Answer[]>>

export const ANSWERS: Answers = {
  60: PUBSUB_ANSWERS,
}
