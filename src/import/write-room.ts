/** Rooms and who stands how to them. */
import type { Trip } from '../routing/transit.ts'
import type { AffiliationRow } from '../store/room-affiliations.ts'
import type { RoomRow } from '../store/rooms.ts'
import { newSettings } from '../rooms/settings.ts'
import { isNode } from '../rooms/subscriptions.ts'
import { nicknameKey } from '../xmpp/precis.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { HostMap } from './hosts.ts'
import { type Fact, Refused } from './model.ts'

export function makeRoom(t: Trip, jid: Jid, { settings, subject }: Extract<Fact, { kind: 'room' }>): RoomRow {
  const wanted = { ...newSettings(t.config), ...settings, persistent: true }
  const row = t.store.rooms.create(jid.bare, jid.domain, wanted, false, t.now)
  if (!subject || subject.text === '') return row
  const { text, nick, at = t.now } = subject
  t.store.rooms.update(row.id, { subject: { text, nick, at } })
  return row
}

type Standing = Extract<Fact, { kind: 'affiliation' | 'room-nick' | 'subscriber' }>

export function setStanding(t: Trip, room: RoomRow, hosts: HostMap, fact: Standing): void {
  const { bare } = hosts.map(fact.user)
  const before = t.store.roomAffiliations.get(room.id, bare)
  const nick = ('nick' in fact ? fact.nick : undefined) || before?.nick || null
  const row: AffiliationRow = {
    ...{ roomId: room.id, user: bare, joined: before?.joined ?? false, silent: before?.silent ?? false },
    affiliation: fact.kind === 'affiliation' ? fact.affiliation : (before?.affiliation ?? 'member'),
    reason: (fact.kind === 'affiliation' ? fact.reason : before?.reason) || null,
    nodes: fact.kind === 'subscriber' ? fact.nodes.filter(isNode).join(' ') : (before?.nodes ?? null),
    readId: before?.readId ?? t.store.messages.nextId(),
    ...nickOf(t, room, bare, nick),
  }
  if (row.affiliation === 'outcast') {
    if (fact.kind !== 'affiliation') throw new Refused('somebody who is banned from the room')
    return t.store.roomAffiliations.set(room.jid, { ...row, nick: null, nickKey: null, nodes: null })
  }
  t.store.roomAffiliations.set(room.jid, row)
}

/** A nick that is somebody else's in the room is left out: it can be taken anew. */
function nickOf(t: Trip, room: RoomRow, user: string, nick: string | null) {
  if (nick === null) return { nick: null, nickKey: null }
  const nickKey = nicknameKey(nick)
  const keeper = t.store.roomAffiliations.byNick(room.id, nickKey)
  return keeper && keeper.user !== user ? { nick: null, nickKey: null } : { nick, nickKey }
}
