/**
 * A late ack: a client was taken for gone, phones were rung, and now it shows that it has the message. What has not
 * left yet stays here, and what it has shown does not count any more.
 */
import type { Given } from '../../routing/outcome.ts'
import { WITHDRAWN, withdrawFrom } from './schedule.ts'
import { lower } from './read-state.ts'
import type { Session } from '../../routing/session.ts'
import type { Trip } from '../../routing/transit.ts'
import { isOwn } from '../registration/whose.ts'

/** In several trips where there is much: a phone may have been in its tunnel for long. */
export function undoRinging(t: Trip, session: Session, messages: readonly Given[]): void {
  const { account } = session
  const { unread, push } = t.store
  const devices = push.devices.of(account.id)
  if (devices.length === 0) return
  const shown = isOpen(session) && !unread.settings(account.id).marks
  const own = new Set(devices.filter((device) => isOwn(t, account, session, device)).map(({ id }) => id))
  const most = Math.max(1, Math.floor(WITHDRAWN / devices.length))
  let fewer = false
  for (const { id } of messages.slice(0, most)) {
    if (shown && unread.forget(account.id, id)) fewer = true
    withdrawFrom(t, account, String(id), 'late-ack', ({ device_id }) => shown || own.has(device_id))
  }
  if (messages.length > most) t.insist((next) => undoRinging(next, session, messages.slice(most)))
  if (fewer) lower(t, account)
}

/** Coming back (XEP-0198 §5) is opening the app; whoever says that it is behind (XEP-0352) shows nothing. */
function isOpen({ available, hibernating, inactive }: Session): boolean {
  return available && (hibernating || !inactive)
}
