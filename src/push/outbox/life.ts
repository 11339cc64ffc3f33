/** Time for which a push is worth something, whatever service carries it. Pure. */
import type { Job } from '../../store/push.ts'
import { isPassing } from '../rules/notice.ts'
import type { Result } from './provider.ts'

/** Time for which a call rings where nothing is said. */
export const RING_MS = 60_000

type Aging = Pick<Job, 'kind' | 'createdAt' | 'expiresAt'>

/** Of a call that rings or has just ended: a missed one is told for as long as a message. */
const isAboutRinging = ({ kind }: Pick<Job, 'kind'>): boolean =>
  kind === 'call' || kind === 'call-ended' || kind === 'direct-voip'

/** The call that this row is about has rung long enough. */
export const hasRungOut = (job: Pick<Aging, 'kind' | 'createdAt'>, now: number, ringMs: number): boolean =>
  isAboutRinging(job) && now >= job.createdAt + ringMs

/** The same as a result; undefined where it may still ring, or is about something else. */
export const rungOut = (job: Aging, now: number, ringMs: number): Result | undefined =>
  hasRungOut(job, now, ringMs) ? { is: 'drop', reason: 'CallOver', unsent: true } : undefined

/** The end of its worth (ms since the epoch). */
export const endOf = (job: Aging, ringMs: number): number =>
  isAboutRinging(job) ? Math.min(job.expiresAt, job.createdAt + ringMs) : job.expiresAt

/** Seconds for which a service may keep it, `most` of them; 0: now or never. */
export const ttlOf = (job: Aging, now: number, ringMs: number, most: number): number =>
  isPassing(job.kind) ? 0 : Math.max(0, Math.min(most, Math.floor((endOf(job, ringMs) - now) / 1000)))
