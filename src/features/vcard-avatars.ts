/**
 * vCard-Based Avatars (XEP-0153): the hash of an account's picture stands in its clients' presence, put there by the
 * server (XEP-0398 §4), so that no client has to fetch its own vCard to learn it.
 */
import type { Feature, HookResult } from '../routing/feature.ts'
import { announce } from '../accounts/presence.ts'
import type { Session } from '../routing/session.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Trip } from '../routing/transit.ts'
import { readStored } from '../xmpp/stored.ts'
import { child, type Element, without, xml } from '../xmpp/xml.ts'

const UPDATE = 'vcard-temp:x:update'

/** Broadcast presence as the client said it: what the server added must not be taken for the client's wish. */
const said = sessionState<Element>('vcard-avatars', {
  saved: { write: String, read: (text) => readStored('presence', String(text)) },
})

/** Sessions whose presence is about to be sent again: once, however often the picture changes meanwhile. */
const waiting = sessionState<boolean>('vcard-avatars waiting')

export const vcardAvatars: Feature = {
  name: 'vcard-avatars',
  xeps: [{ number: 153, version: '1.1.1' }],

  sent(t): HookResult {
    const { stanza, origin } = t
    if (stanza.kind !== 'presence' || stanza.type !== '' || !origin) return
    // Directed presence as well, such as the one that enters a room (XEP-0398 §4).
    t.stanza = stanza.with(withHash(stanza.el, t.store.accounts.photo(origin.account)))
    if (stanza.to) return
    said.set(t, origin, stanza.el)
  },

  vcardChanged(t, owner, { photo, before }) {
    if ((photo?.hash ?? '') === before) return
    // One turn for each: twenty sessions with a thousand contacts would be too much for one.
    for (const session of t.sessions.of(owner.jid)) {
      if (!session.available || waiting.get(session)) continue
      waiting.set(t, session, true)
      t.soon((later) => {
        waiting.put(session, undefined)
        sayAgain(later, session)
      })
    }
  },
}

function sayAgain(t: Trip, session: Session): void {
  const { presence } = session
  const original = said.get(session)
  if (!presence || !original) return
  const el = withHash(original, t.store.accounts.photo(session.account))
  if (hashIn(el) === hashIn(presence)) return
  t.undo(() => (session.presence = presence))
  session.presence = el
  announce(t, session, el)
}

/**
 * Presence with the account's hash, or with an empty one for a vCard without a picture (XEP-0153 §4.1). An account
 * without a vCard says what its client says, and so does a client that wants to show nothing (XEP-0398 §4).
 */
function withHash(el: Element, hash: string | undefined): Element {
  if (hash === undefined || hashIn(el) === '' || hashIn(el) === hash) return el
  const copy = without(el, ({ attrs }) => attrs.xmlns === UPDATE)
  copy.children.push(xml('x', { xmlns: UPDATE }, xml('photo', {}, hash === '' ? undefined : hash)))
  return copy
}

/** The picture as presence names it; undefined where it says nothing. */
function hashIn(presence: Element): string | undefined {
  const x = child(presence, 'x', UPDATE)
  return x && child(x, 'photo')?.getText().trim()
}
