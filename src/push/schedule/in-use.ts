/** Connections of apps, and whether somebody sits at one, as far as sessions tell. */
import { childText } from '../../xmpp/xml.ts'
import type { Session } from '../../routing/session.ts'

/** Words of a session whose person is not there (RFC 6121 §4.7.2.1). */
const AWAY = new Set(['away', 'xa'])

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

const isAway = ({ presence }: Session): boolean => AWAY.has((presence && childText(presence, 'show')) ?? '')

/** Of all of these together. */
export function useOf(sessions: readonly Session[]): 'none' | 'away' | 'in-use' {
  const connections = new Set(sessions.map(connectionOf))
  if (connections.has('active')) return 'in-use'
  return connections.has('away') ? 'away' : 'none'
}
