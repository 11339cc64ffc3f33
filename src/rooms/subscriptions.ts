/**
 * MucSub of ejabberd: who is subscribed to a room is sent what happens there without joining it, each stanza wrapped as an
 * event of a node. A wrapper is a form of delivery: it goes to clients that are there and have not joined, and nobody keeps
 * it, since the room does.
 */
import { RoomCopy, type RoomMessage } from '../routing/outcome.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import { Jid } from '../xmpp/jid.ts'
import { NS } from '../xmpp/namespaces.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { child, type Element, StoredElement, withAttrs, xml } from '../xmpp/xml.ts'
import { change, type Room, type Subscriber } from './room.ts'
import { sends } from './way.ts'

const NODES = 'urn:xmpp:mucsub:nodes:'
const KINDS = [
  'presence',
  'messages',
  'participants',
  'affiliations',
  'subject',
  'config',
  'subscribers',
] as const
export type EventKind = (typeof KINDS)[number]

export const nodeOf = (kind: EventKind): string => `${NODES}${kind}`
export const isNode = (node: string): boolean => KINDS.some((kind) => nodeOf(kind) === node)

export const split = (nodes: string | null): string[] => nodes?.split(' ').filter((node) => node !== '') ?? []

/** Read once, and kept with the room: a message costs no query. */
export function subscribersOf(t: Trip, room: Room): ReadonlyMap<string, Subscriber> {
  return (room.subscribers ??= new Map(
    t.store.roomAffiliations
      .subscribers(room.id)
      .map(({ user, nick, nodes }) => [user, { user, nick: nick ?? '', nodes: new Set(split(nodes)) }]),
  ))
}

export function forgetSubscribers(t: Trip, room: Room): void {
  change(t, room, { subscribers: undefined })
  // A list that is read meanwhile holds rows that a failed trip takes back.
  t.undo(() => (room.subscribers = undefined))
}

/** Sends one stanza of the room to who is subscribed to such. Returns the clients that were given it. */
export function sendEvent(
  t: Trip,
  room: Room,
  kind: EventKind,
  inner: Element,
  message?: RoomMessage,
): readonly Session[] {
  const takers: Session[] = []
  const node = nodeOf(kind)
  for (const { user, nodes } of subscribersOf(t, room).values()) {
    if (!nodes.has(node)) continue
    const jid = Jid.parse(user)
    const el = wrapped(t, room, node, inner, user)
    if (t.world.homes.of(jid) !== 'here')
      sends(t, room.jid, jid, () => new Stanza('message', el, room.jid, jid))
    else
      for (const session of t.sessions.of(user)) {
        if (!session.takesMessages || room.occupantOf(session.jid)) continue
        takers.push(session)
        sends(t, room.jid, session.jid, () =>
          message
            ? new RoomCopy(el, room.jid, session.jid, message, inner)
            : new Stanza('message', el, room.jid, session.jid),
        )
      }
  }
  return takers
}

function wrapped(t: Trip, room: Room, node: string, inner: Element, user: string): StoredElement {
  const id = child(inner, 'stanza-id', NS.stanzaId)?.attrs.id ?? t.freshId()
  const payload = inner.attrs.xmlns === undefined ? withAttrs(inner, { xmlns: NS.client, to: user }) : inner
  const items = xml('items', { node }, xml('item', { id }, payload))
  const event = xml('event', { xmlns: NS.pubsubEvent }, items)
  const hint = xml('no-store', { xmlns: NS.hints })
  return StoredElement.of(xml('message', { from: room.jid.toString(), to: user, id }, event, hint))
}
