/** Archived messages of accounts and rooms: the hot part of an import, one look-up and one row each. */
import { authorOf, payloadOf } from '../rooms/payload.ts'
import { isEncrypted } from '../push/rules/classify.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { RoomRow } from '../store/rooms.ts'
import { roomsOf } from '../rooms/registry.ts'
import { Jid } from '../xmpp/jid.ts'
import { hasBody, isTombstone } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { parseStored } from '../xmpp/stored.ts'
import { StoredElement, xml } from '../xmpp/xml.ts'
import type { HostMap } from './hosts.ts'
import { type Fact, Refused } from './model.ts'
import { cleaned, peerOf, stanzaId } from './stanzas.ts'
import type { Places } from './times.ts'

/** µs; nothing was said before the first server of this kind. */
const EARLIEST = Date.UTC(1999, 0) * 1000

export interface Past {
  readonly t: Trip
  readonly hosts: HostMap
  readonly places: Places
  readonly isDry: boolean
}

/** Stores it; false where an earlier run has done so. */
export function archive(
  past: Past,
  { account, jid: owner }: { readonly account: Account; readonly jid: Jid },
  fact: Extract<Fact, { kind: 'archived' }>,
): boolean {
  const { t, hosts } = past
  checkTime(t, fact.at)
  const peer = hosts.address(fact.peer)?.bare ?? peerOf(fact.el, owner, hosts)
  if (peer === undefined) throw new Refused('an archived message of nobody')
  const clean = StoredElement.of(cleaned(fact.el, owner, hosts))
  const isOwn = hosts.address(fact.el.attrs.from ?? '')?.bare === account.jid
  for (let id = past.places.first(account.jid, fact); ; id++) {
    const text = isOwn
      ? clean.toString()
      : StoredElement.extended(clean, xml('stanza-id', stanzaId(id, account.jid))).toString()
    const row = t.store.history.at(id)
    if (row?.accountId === account.id && row.xml === text) return false
    if (row || isTaken(past, id)) continue
    if (past.isDry) return true
    t.store.messages.archive(account, id, peer, text)
    t.store.archiveSizes.joined(account.id, id, Buffer.byteLength(text))
    return true
  }
}

/** Ids are those of the whole server. */
const isTaken = ({ t }: Past, id: number): boolean => t.store.roomArchive.isStored(id)

export function archiveOfRoom(
  past: Past,
  room: RoomRow,
  fact: Extract<Fact, { kind: 'room-message' }>,
): boolean {
  const { t, hosts } = past
  checkTime(t, fact.at)
  const jid = Jid.parse(room.jid)
  const user = fact.from === undefined ? '' : (hosts.address(fact.from)?.bare ?? '')
  const author = user === '' ? authorOf(fact.el) : roomsOf(t.world).occupantId(t, jid, user)
  const payload = payloadOf(cleaned(fact.el, jid, hosts), jid)
  const from = fact.nick === '' ? jid : jid.withResource(fact.nick)
  for (let id = past.places.first(room.jid, fact); ; id++) {
    const el = xml(
      'message',
      {
        from: from.toString(),
        type: 'groupchat',
        id: fact.el.attrs.id,
        'xml:lang': fact.el.attrs['xml:lang'],
      },
      ...payload,
      author === '' ? undefined : xml('occupant-id', { xmlns: NS.occupantId, id: author }),
      xml('stanza-id', stanzaId(id, room.jid)),
    )
    const text = el.toString()
    const row = t.store.roomArchive.isStored(id) ? t.store.roomArchive.byId(id) : undefined
    if (row?.roomId === room.id && (row.xml === text || isTombstone(parseStored(row.xml)))) return false
    if (row || t.store.history.at(id)) continue
    if (past.isDry) return true
    t.store.roomArchive.add({
      ...{ id, roomId: room.id, user, nick: fact.nick, xml: text },
      counts: hasBody(el) || isEncrypted(el),
    })
    return true
  }
}

function checkTime(t: Trip, at: number): void {
  if (!Number.isSafeInteger(at) || at < EARLIEST) throw new Refused('a message without a time')
  // Ids of what comes from now on are higher than any here, be it by the rest of a second that is cut into stretches.
  if (at > t.now * 1000) throw new Refused('a message from the future')
}
