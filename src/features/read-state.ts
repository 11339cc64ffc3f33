/**
 * What an account has read, for the badges of its phones: by markers (XEP-0333), by displayed marks (XEP-0490), by an
 * own answer. What was read on one device is not rung for on another, and lowers the number on all of them.
 */
import type { Feature, Verdict } from '../routing/feature.ts'
import { holdPush, sessionOf, withdraw } from '../routing/holds.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { Jid, JidError } from '../xmpp/jid.ts'
import { hasBody } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { child } from '../xmpp/xml.ts'

const MARKERS = 'urn:xmpp:chat-markers:0'
/** Several chats read at once are one push. */
const BADGE_WAIT_MS = 2_000

export const readState: Feature = {
  name: 'read-state',
  xeps: [],

  sent(t): Verdict {
    const { origin, stanza } = t
    if (!origin) return
    const { el, to, kind, type } = stanza
    if (kind === 'presence' && !to && type === '') return arrived(t, origin)
    if (kind !== 'message' || !to || type === 'error') return
    const marker = child(el, 'displayed', MARKERS)
    if (marker?.attrs.id !== undefined) {
      t.store.unread.hasMarked(origin.account.id)
      const upTo = t.store.unread.idOf(origin.account.id, to.bare, marker.attrs.id)
      if (upTo !== undefined) read(t, origin.account, to.bare, upTo)
    }
    // Who answers has read.
    if (hasBody(el)) read(t, origin.account, to.bare, Number.MAX_SAFE_INTEGER)
  },

  /** XEP-0490: the item's id is the chat, its payload how far it was read. */
  published(t, owner, { node, item }) {
    if (node !== NS.displayed || !item) return
    const mark = child(item.payload, 'stanza-id', NS.stanzaId)
    const upTo = Number(mark?.attrs.id)
    const peer = chatOf(item.id)
    if (!peer || !Number.isSafeInteger(upTo) || upTo <= 0) return
    t.store.unread.hasMarked(owner.id)
    read(t, owner, peer, upTo)
  },
}

/** An app that never tells what was read has shown everything once it was open. */
function arrived(t: Trip, session: Session): void {
  const { account } = session
  if (session.inactive || t.store.unread.settings(account.id).marks) return
  if (t.store.unread.clear(account.id) > 0) lower(t, account)
}

function read(t: Trip, account: Account, peer: string, upTo: number): void {
  if (t.store.unread.read(account.id, peer, upTo) === 0) return
  withdraw(t, account, peer, upTo, 'read-elsewhere')
  lower(t, account)
}

/** A push that only changes the number, for every phone that shows a higher one and cannot change it by itself. */
function lower(t: Trip, account: Account): void {
  const { unread, push } = t.store
  const badge = unread.count(account.id)
  for (const device of push.devices.of(account.id)) {
    const session = sessionOf(t, account.jid, device.sessionKey)
    if (session && !session.hibernating && !session.suspect && !session.inactive) {
      // The app is open: it shows the number itself.
      unread.tell(device.id, badge)
      continue
    }
    if (unread.told(device.id) <= badge || waits(t, account, device.id)) continue
    const until = t.now + BADGE_WAIT_MS
    const expiresAt = t.now + t.config.push.expiration
    const what = { messageId: 'badge', collapseId: 'badge', kind: 'badge', sender: account.jid }
    holdPush(t, { account, device, ...what, badge, now: t.now, expiresAt }, 'badge', until)
  }
}

function waits(t: Trip, account: Account, device: number): boolean {
  return t.store.held.ofChat(account.id, account.jid).some((held) => held.device_id === device)
}

function chatOf(id: string): string | undefined {
  try {
    return Jid.parse(id).bare
  } catch (error) {
    if (error instanceof JidError) return undefined
    throw error
  }
}
