/** Connections of apps, and whether somebody sits at one: as long as its person has done something there lately. */
import type { Config } from '../../config/config.ts'
import type { Session } from '../../routing/session.ts'
import { sessionState } from '../../routing/session-state.ts'
import type { Trip } from '../../routing/transit.ts'
import type { Device } from '../../store/devices.ts'
import { child, childText } from '../../xmpp/xml.ts'

/** Words of a session whose person is not there (RFC 6121 §4.7.2.1). `dnd` is said by who is there, and busy. */
const AWAY = new Set(['away', 'xa'])
const IDLE = 'urn:xmpp:idle:1'
/** A sign that comes this soon after another tells nothing new (ms). */
const SAME_MS = 1_000

/** Time of the last sign of a session's person (ms). */
const signs = sessionState<number>('push in-use', { saved: true })

/** The words are those of push/rules/decide.ts. */
export function connectionOf(
  session: Session | undefined,
): 'none' | 'hibernating' | 'suspect' | 'inactive' | 'away' | 'active' {
  if (!session || !session.available) return 'none'
  if (session.hibernating) return 'hibernating'
  if (session.delivery.unresponsive) return 'suspect'
  if (session.inactive) return 'inactive'
  return isAway(session) ? 'away' : 'active'
}

/** The person is not there, or has not touched the machine for some time (XEP-0319). */
const isAway = ({ presence }: Session): boolean =>
  presence !== undefined &&
  (AWAY.has(childText(presence, 'show') ?? '') || child(presence, 'idle', IDLE) !== undefined)

/** The person has done something in this app. */
export function touch(t: Trip, session: Session): void {
  if ((signs.get(session) ?? -Infinity) + SAME_MS <= t.now) signs.set(t, session, t.now)
}

/** Nobody is known to sit there until the next sign. */
export const forget = (t: Trip, session: Session): void => signs.set(t, session, undefined)

/** End of the time for which one of these is in use, where no further sign comes (ms since the epoch); 0: none is. */
export function usedUntil(sessions: Iterable<Session>, within: number): number {
  let until = 0
  for (const session of sessions) {
    const sign = signs.get(session)
    if (sign !== undefined && connectionOf(session) === 'active') until = Math.max(until, sign + within)
  }
  return until
}

/** Time after its last sign for which a session counts as in use for a device, and the longest wait of its pushes for that (ms). */
export function patienceOf(
  { push }: Config,
  { options }: Pick<Device, 'options'>,
): { within: number; hold: number } {
  // urn:xmpp:push2:0: the app says both by one figure.
  return { within: options.grace ?? push.active_within, hold: options.grace ?? push.hold }
}
