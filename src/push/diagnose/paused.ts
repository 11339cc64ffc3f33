/** Lanes that rest, for people. The webhook has a lane for each account, and what ails it ails them all. Pure. */
import type { LaneState } from '../outbox/queue.ts'

export interface Rest {
  /** The same for as long as it lasts. */
  readonly name: string
  /** Where. */
  readonly lane: string
  readonly reason: string
  /** Obstacle to a connection. */
  readonly detail?: string | undefined
}

const WEBHOOK = 'webhook '

/** All that rests, in as few lines as tell it. */
export function rests(lanes: readonly LaneState[]): Rest[] {
  const found = new Map<string, Rest & { readonly n: number }>()
  for (const { lane, paused: reason, detail } of lanes) {
    if (reason === null) continue
    const name = lane.startsWith(WEBHOOK) ? 'webhook' : lane
    const n = (found.get(`${name} ${reason}`)?.n ?? 0) + 1
    const where = n === 1 ? lane : `webhook for ${n} accounts`
    found.set(`${name} ${reason}`, { name, lane: where, reason, detail, n })
  }
  return [...found.values()].map(({ name, lane, reason, detail }) => ({
    name,
    lane,
    reason,
    ...(detail === undefined ? {} : { detail }),
  }))
}

/** Lanes that rest and may concern one account. */
export const restsFor = (account: string, lanes: readonly LaneState[]): Rest[] =>
  rests(lanes.filter(({ lane }) => !lane.startsWith(WEBHOOK) || lane === WEBHOOK + account))
