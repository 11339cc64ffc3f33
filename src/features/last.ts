/** Last Activity (XEP-0012): of the server its uptime, of a contact the time since it left. */
import type { Feature } from '../routing/feature.ts'
import { maySee } from '../accounts/roster.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Trip } from '../routing/transit.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { child, childText, type Element, xml } from '../xmpp/xml.ts'

const XMLNS = 'jabber:iq:last'

export const last: Feature = {
  name: 'last',
  xeps: [{ number: 12, version: '2.0' }],
  disco: { server: [XMLNS], account: [XMLNS] },
  iq: {
    [`server get {${XMLNS}}query`]: (t) => seconds(t.world.uptime()),
    // §5: only who may see the presence may learn this; to all others the account might as well not exist.
    [`user get {${XMLNS}}query`]: (t) => {
      const account = t.store.accounts.find(t.stanza.to?.bare ?? t.stanza.from.bare)
      if (!account || !maySee(t, account, t.stanza.from.bare)) throw new StanzaError('service-unavailable')
      if (isOnline(t, account.jid)) return seconds(0)
      return seconds(t.now - (account.lastSeen ?? account.createdAt), account.lastStatus ?? undefined)
    },
  },
  /** §4, §8: nor does a client answer strangers that have guessed its address: the answer tells that it is there. */
  received(t) {
    const { stanza, owner } = t
    if (stanza.kind !== 'iq' || !stanza.to?.isFull || !stanza.isRequest || !child(stanza.el, 'query', XMLNS))
      return
    if (!maySee(t, owner, stanza.from.bare)) throw new StanzaError('service-unavailable')
  },

  /** §4: the status of the last unavailable presence is what others are told. */
  sent(t) {
    const { stanza, origin } = t
    if (!origin || stanza.kind !== 'presence' || stanza.to) return
    const said = stanza.type === 'unavailable' ? childText(stanza.el, 'status') : undefined
    goodbyes.set(t, origin, said || undefined)
  },

  closed(t, session) {
    const { jid } = session.account
    const { now } = t
    const status = goodbyes.get(session)?.slice(0, STATUS_LENGTH) || null
    // A trip of its own: that others hear of the end must not hang on this row.
    t.soon((next) => {
      const account = next.store.accounts.find(jid)
      if (account && !isOnline(next, jid)) next.store.accounts.setLastSeen(account, now, status)
    })
  },
}

/** Status of the last unavailable presence of a session. */
const goodbyes = sessionState<string>('last')
/** Characters of it that are kept. */
const STATUS_LENGTH = 1024

function isOnline(t: Trip, bare: string): boolean {
  return t.sessions.countOf(Jid.parse(bare).bare) > 0
}

function seconds(ms: number, status?: string): Element {
  return xml('query', { xmlns: XMLNS, seconds: String(Math.max(0, Math.floor(ms / 1000))) }, status)
}
