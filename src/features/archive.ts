/**
 * The archive's writing side (XEP-0313 §5): each party's copy is stored in the message's own trip, and the recipient's
 * copy carries its id (XEP-0359 §3.1). Reading it is the MAM feature's business.
 */
import type { Feature, HookResult } from '../routing/feature.ts'
import type { Transit } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { isDelay } from '../xmpp/delay.ts'
import type { Jid } from '../xmpp/jid.ts'
import { isForArchive } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { isIdOf, speaksFor } from '../xmpp/stanza-id.ts'
import { type Element, elements, StoredElement, without, xml } from '../xmpp/xml.ts'

export const archive: Feature = {
  name: 'archive',
  xeps: [{ number: 424, version: '0.4.2', note: 'retractions are archived as they are' }],
  // XEP-0424 §2
  disco: { server: [NS.retract], account: [NS.retract] },

  sent(t): HookResult {
    const { stanza, sender } = t
    if (stanza.kind !== 'message' || !sender || !isForArchive(stanza.el)) return
    const peer = stanza.to ?? stanza.from
    if (!wants(t, sender, peer.bare)) return
    const id = t.store.messages.nextId()
    t.archivedId = id
    // The element changes no more: the recipient's copies and the wire share its text.
    const el = StoredElement.of(stanza.el)
    t.stanza = stanza.with(el)
    t.store.messages.archive(sender, id, peer.bare, el.toString())
  },

  received(t): HookResult {
    const { stanza, owner, to } = t
    if (stanza.kind !== 'message') return
    if (claimsOurs(stanza, to)) t.stanza = stanza.with(without(stanza.el, (el) => isOurs(el, to)))
    // An error that says that a message of this archive did not arrive is in it too.
    if (!isForArchive(stanza.answers ?? stanza.el)) return
    if (!wants(t, owner, stanza.from.bare)) return
    const stored = t.storedId !== undefined
    const id = t.storedId ?? t.store.messages.nextId()
    t.storedId = id
    const before = t.stanza.el instanceof StoredElement ? t.stanza.el : StoredElement.of(t.stanza.el)
    const el = StoredElement.extended(
      before,
      xml('stanza-id', { xmlns: NS.stanzaId, id: String(id), by: to.bare }),
    )
    t.stanza = t.stanza.with(el)
    if (!stored) t.store.messages.archive(owner, id, stanza.from.bare, el.toString())
  },
}

function wants(t: Transit, account: Account, peer: string): boolean {
  const prefs = t.store.history.prefs(account)
  if (prefs?.never.includes(peer)) return false
  if (prefs?.always.includes(peer)) return true
  const mode = prefs?.mode ?? t.config.archive.default
  if (mode === 'roster') return t.store.contacts.find(account, peer)?.listed === true
  return mode === 'always'
}

/** XEP-0359 §6, XEP-0203 §6: an id or a time that claims to be ours and is not must not reach the client. */
function claimsOurs(stanza: Stanza, to: Jid): boolean {
  return elements(stanza.el).some((el) => isOurs(el, to))
}

function isOurs(el: Element, to: Jid): boolean {
  const { from } = el.attrs
  if (isDelay(el)) return from !== undefined && speaksFor(from, to)
  return isIdOf(el, to)
}
