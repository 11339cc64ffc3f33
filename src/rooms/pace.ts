/** Limits of what may happen in one room a second ([limits] room_…_per_second): whoever is too fast is told to wait. */
import { perObject } from '../per-object.ts'
import { Rate } from '../limits/rate.ts'
import { limitsHit } from '../metrics/metrics.ts'
import type { Trip } from '../routing/transit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Room } from './room.ts'

const KINDS = {
  messages: 'room_messages_per_second',
  presences: 'room_presences_per_second',
  joins: 'room_joins_per_second',
} as const

type Kind = keyof typeof KINDS

/** Multiple of the rate that may come at once. */
const BURST = 10

const ratesOf = perObject((_: Room) => new Map<Kind, Rate>())

/** @throws StanzaError resource-constraint, of the kind that passes; the stream goes on. */
export function keepPace(t: Trip, room: Room, kind: Kind): void {
  const limit = KINDS[kind]
  const most = t.config.limits[limit]
  if (most === Number.POSITIVE_INFINITY) return
  if (rateOf(t, room, kind, most).take(1) === 0) return
  // A refusal is no debt, or a room would stay shut for as long as somebody tries.
  rateOf(t, room, kind, most).take(-1)
  limitsHit.inc({ limit })
  throw new StanzaError('resource-constraint', 'Too much happens in this room at once: try again later.')
}

function rateOf(t: Trip, room: Room, kind: Kind, most: number): Rate {
  const mine = ratesOf(room)
  let rate = mine.get(kind)
  if (!rate) mine.set(kind, (rate = new Rate(t.world.clock, most, most * BURST)))
  return rate
}
