/**
 * Read state of accounts, for the badges of their phones: by markers (XEP-0333), by displayed marks (XEP-0490), by an
 * own answer. What was read on one device is not rung for on another, and lowers the number on all of them.
 */
import type { Feature, HookResult } from '../routing/feature.ts'
import { connectionOf } from '../push/schedule/in-use.ts'
import { notifyRule } from '../push/rules/notify-rule.ts'
import { mute, read, readAll, readUpToId, resumeReading, takeBack } from '../push/schedule/read-state.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { Jid } from '../xmpp/jid.ts'
import { hasBody, retractedId } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { child } from '../xmpp/xml.ts'

export const readState: Feature = {
  name: 'read-state',
  xeps: [],
  started: resumeReading,

  sent(t): HookResult {
    const { origin, stanza } = t
    if (!origin) return
    const { el, to, kind, type } = stanza
    if (kind === 'presence' && !to && type === '') return arrived(t, origin)
    if (kind !== 'message' || !to || type === 'error') return
    const marker = child(el, 'displayed', NS.chatMarkers)
    if (marker?.attrs.id !== undefined) {
      t.store.unread.hasMarked(origin.account.id)
      marked(t, origin.account, to, marker.attrs.id)
    }
    // An answer shows that the chat was read.
    if (hasBody(el)) read(t, origin.account, to.bare, Number.MAX_SAFE_INTEGER)
  },

  /** XEP-0424: what was taken back before it was read is not worth a look. */
  received(t): HookResult {
    const { el, from, kind } = t.stanza
    if (kind === 'message' && retractedId(el)) takeBack(t, t.owner, el, from)
  },

  /** Of XEP-0402 and XEP-0490 the item's id is the chat; of the latter its payload is how far it was read. */
  published(t, owner, { node, item }) {
    if (!item) return
    if (node === NS.bookmarks) return muted(t, owner, item.id)
    if (node !== NS.displayed) return
    const mark = child(item.payload, 'stanza-id', NS.stanzaId)
    const upTo = Number(mark?.attrs.id)
    const peer = Jid.tryParse(item.id)?.bare
    if (!peer || !Number.isSafeInteger(upTo) || upTo <= 0) return
    t.store.unread.hasMarked(owner.id)
    readUpToId(t, owner, peer, upTo)
  },
}

/** XEP-0333 §5: in a room a marker names the room's id. */
function marked(t: Trip, account: Account, to: Jid, id: string): void {
  if (t.world.domains.serviceAt(to.domain)) {
    if (/^\d{1,16}$/.test(id)) readUpToId(t, account, to.bare, Number(id))
    return
  }
  const upTo = t.store.unread.idOf(account.id, to.bare, id)
  if (upTo !== undefined) read(t, account, to.bare, upTo)
}

/** An app that never tells what was read has shown everything once it was open; not to a person who is away. */
function arrived(t: Trip, session: Session): void {
  const { account } = session
  if (connectionOf(session) !== 'active' || t.store.unread.settings(account.id).marks) return
  readAll(t, account)
}

/** XEP-0492: once a chat is muted, what came before does not count either. */
function muted(t: Trip, owner: Account, id: string): void {
  const peer = Jid.tryParse(id)?.bare
  if (peer && notifyRule(t.store, owner, peer) === 'never') mute(t, owner, peer)
}
