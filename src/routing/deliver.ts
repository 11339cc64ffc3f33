/** Delivery to a local account (RFC 6121 §8.5): which sessions get a stanza, and what if none does. */
import { StanzaError } from '../xmpp/errors.ts'
import type { Outcome } from './feature.ts'
import type { Session } from './session.ts'
import type { Incoming } from './transit.ts'

/** Writes a message to the sessions that should have it; 'none' when nobody could take it. */
export function deliverMessage(t: Incoming): Outcome {
  const { to } = t
  const { type } = t.stanza
  if (to.isFull) {
    const session = t.sessions.find(to)
    // §8.5.3.1: an exact match gets it, whatever the type.
    if (session) return give(t, session)
    // §8.5.3.2.1: a chat falls back to the bare JID, nothing else does.
    if (type === 'headline' || type === 'error') return 'none'
    if (type !== 'chat') throw new StanzaError('service-unavailable')
  }
  if (type === 'groupchat') throw new StanzaError('service-unavailable')
  if (type === 'error') return 'none'
  let outcome: Outcome = 'none'
  for (const session of t.sessions.of(to.bare)) if (session.takesMessages) outcome = give(t, session)
  return outcome
}

function give(t: Incoming, session: Session): Outcome {
  t.deliver(session, t.stanza.el)
  return 'took'
}

/** Writes presence to every available session, or to the one that is named (§8.5.2.1.2, §8.5.3.1). */
export function deliverPresence(t: Incoming): Outcome {
  const { to } = t
  let outcome: Outcome = 'none'
  for (const session of to.isFull ? [t.sessions.find(to)] : t.sessions.of(to.bare)) {
    if (!session || (to.isBare && !session.available)) continue
    t.write(session, t.stanza.el)
    outcome = 'took'
  }
  return outcome
}
