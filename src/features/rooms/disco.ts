/** Discovery of the service and its rooms (XEP-0045 §6). */
import { standingOf } from '../../rooms/affiliations.ts'
import type { Room } from '../../rooms/room.ts'
import type { RoomRow } from '../../store/rooms.ts'
import type { Transit } from '../../routing/transit.ts'
import { discoContent } from '../../xmpp/disco.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { type Field, writeForm } from '../../xmpp/forms.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readPage, writePage } from '../../xmpp/rsm.ts'
import { child, type Element, xml } from '../../xmpp/xml.ts'
import { hashesOf } from '../../rooms/avatar.ts'
import { OFFLINE_FEATURE } from './register.ts'

const ROOM_INFO = 'http://jabber.org/protocol/muc#roominfo'
const REGISTERED_NICK = 'x-roomuser-item'

const SERVICE_FEATURES = [
  NS.discoInfo,
  NS.discoItems,
  NS.muc,
  NS.mucUnique,
  NS.mucSub,
  NS.vcard,
  NS.rsm,
  NS.ping,
]

/** Features of each room, whatever its settings. */
const ROOM_FEATURES = [
  NS.discoInfo,
  NS.discoItems,
  NS.muc,
  'http://jabber.org/protocol/muc#stable_id',
  'http://jabber.org/protocol/muc#self-ping-optimization',
  NS.mucRequest,
  NS.register,
  OFFLINE_FEATURE,
  NS.occupantId,
  NS.stanzaId,
  NS.vcard,
  NS.affiliationVersions,
  NS.moderate,
  NS.oldModerate,
  NS.retract,
  `${NS.retract}#tombstone`,
  NS.ping,
]

export function serviceInfo(query: Element): Element {
  if (query.attrs.node !== undefined) throw new StanzaError('item-not-found')
  const content = discoContent({
    identities: [{ category: 'conference', type: 'text', name: 'Rooms' }],
    features: SERVICE_FEATURES,
    forms: [],
  })
  return xml('query', { xmlns: NS.discoInfo }, ...content)
}

/** §6.3: public rooms, page by page; without a page in the request the first. */
export function serviceItems(t: Transit, query: Element): Element {
  if (query.attrs.node !== undefined) return xml('query', { xmlns: NS.discoItems, node: query.attrs.node })
  const domain = t.stanza.to?.domain ?? ''
  const { room_page } = t.config.limits
  const page = readPage(query)
  const limit = Math.min(page.max ?? room_page, room_page)
  const own = hiddenOf(t, domain)
  if (page.max === 0)
    return xml('query', { xmlns: NS.discoItems }, writePage([], t.store.rooms.count(domain) + own.length))
  const after = page.after === undefined ? '' : `${page.after}@${domain}`
  const listed = t.store.rooms.listed(domain, after, limit + 1)
  // Rows of the database are in order.
  const rows = own.length === 0 ? listed : merged(listed, own, after).slice(0, limit + 1)
  const shown = rows.slice(0, limit).filter(({ locked }) => !locked)
  const items = shown.map(({ jid, settings }) => xml('item', { jid, name: settings.name || nameOf(jid) }))
  const whole = rows.length <= limit && page.after === undefined
  const ids = rows.slice(0, limit).map(({ jid }) => nameOf(jid))
  // §6.3: a set says that there is more.
  const asked = child(query, 'set', NS.rsm) !== undefined
  return xml('query', { xmlns: NS.discoItems }, ...items, whole && !asked ? undefined : writePage(ids))
}

/** The order of the database, which is that of bytes. */
const inOrder = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

function merged(listed: readonly RoomRow[], own: readonly RoomRow[], after: string): RoomRow[] {
  const behind = own.filter(({ jid }) => inOrder(jid, after) > 0)
  return [...listed, ...behind].sort((a, b) => inOrder(a.jid, b.jid))
}

/** A hidden room is found by those who belong to it, where the operator wants that. */
function hiddenOf(t: Transit, domain: string): readonly RoomRow[] {
  if (!t.config.muc.list_hidden_to_members) return []
  return t.store.roomAffiliations.hidden(t.stanza.from.bare, domain, HIDDEN)
}

/** More nobody scrolls through: owners alone are bounded (limits.rooms_per_user). */
const HIDDEN = 1_000

const nameOf = (jid: string): string => jid.slice(0, jid.lastIndexOf('@'))

export function roomInfo(t: Transit, room: Room, query: Element): Element {
  const { node } = query.attrs
  if (node === REGISTERED_NICK) return registeredNick(t, room)
  // §18.1.1: nothing is filtered, so there is no list of what goes through.
  if (node === `${NS.muc}#traffic`) throw new StanzaError('feature-not-implemented')
  if (node !== undefined) throw new StanzaError('item-not-found')
  const { settings, row } = room
  const content = discoContent({
    identities: [{ category: 'conference', type: 'text', name: settings.name || room.jid.local }],
    features: [...ROOM_FEATURES, ...featuresOf(room)],
    forms: [writeForm('result', ROOM_INFO, infoFields(room, row.subject?.text ?? ''))],
  })
  return xml('query', { xmlns: NS.discoInfo }, ...content)
}

/** §15.3 */
function featuresOf({ settings }: Room): string[] {
  const { membersOnly, moderated, nonAnonymous, password, persistent } = settings
  return [
    membersOnly ? 'muc_membersonly' : 'muc_open',
    moderated ? 'muc_moderated' : 'muc_unmoderated',
    nonAnonymous ? 'muc_nonanonymous' : 'muc_semianonymous',
    password === '' ? 'muc_unsecured' : 'muc_passwordprotected',
    persistent ? 'muc_persistent' : 'muc_temporary',
    settings.public ? 'muc_public' : 'muc_hidden',
    ...(settings.subscriptions ? [NS.mucSub] : []),
    ...(settings.archived ? [NS.mam, `${NS.mam}#extended`] : []),
  ]
}

/** §15.5.4, and what of the configuration concerns who comes in (XEP-0128). */
function infoFields(room: Room, subject: string): Field[] {
  const { settings } = room
  const flag = (on: boolean) => [on ? '1' : '0']
  return [
    { name: 'muc#roominfo_description', type: 'text-single', values: [settings.description] },
    { name: 'muc#roominfo_lang', type: 'text-single', values: [settings.lang] },
    { name: 'muc#roominfo_subject', type: 'text-single', values: [subject] },
    { name: 'muc#roominfo_subjectmod', type: 'boolean', values: flag(settings.changeSubject) },
    { name: 'muc#roominfo_occupants', type: 'text-single', values: [String(room.size)] },
    { name: 'muc#maxhistoryfetch', type: 'text-single', values: [String(settings.history)] },
    { name: 'muc#roomconfig_roomname', type: 'text-single', values: [settings.name] },
    { name: 'muc#roomconfig_changesubject', type: 'boolean', values: flag(settings.changeSubject) },
    { name: 'muc#roomconfig_allowinvites', type: 'boolean', values: flag(settings.allowInvites) },
    { name: 'muc#roomconfig_allowpm', type: 'list-single', values: [settings.allowPm] },
    { name: 'muc#roominfo_changesubject', type: 'boolean', values: flag(settings.changeSubject) },
    ...hashesOf(room).map((hash) => ({
      name: 'muc#roominfo_avatarhash',
      type: 'text-multi',
      values: [hash],
    })),
    ...(settings.pubsub === ''
      ? []
      : [{ name: 'muc#roominfo_pubsub', type: 'text-single', values: [settings.pubsub] }]),
  ]
}

/** §7.12: an empty answer where there is none. */
function registeredNick(t: Transit, room: Room): Element {
  const nick = t.store.roomAffiliations.get(room.id, t.stanza.from.bare)?.nick ?? undefined
  const identity =
    nick === undefined ? undefined : xml('identity', { category: 'conference', type: 'text', name: nick })
  return xml('query', { xmlns: NS.discoInfo, node: REGISTERED_NICK }, identity)
}

/** §6.5: who is in it, for those who are or may be. */
export function roomItems(t: Transit, room: Room, query: Element): Element {
  const { node } = query.attrs
  const { from } = t.stanza
  const inside = room.occupantOf(from) !== undefined
  const open = room.settings.publicList && standingOf(t, room, from) !== 'outcast'
  const items =
    node === undefined && (inside || open)
      ? [...room.occupants].map(({ nick }) =>
          xml('item', { jid: room.addressOf(nick).toString(), name: nick }),
        )
      : []
  return xml('query', { xmlns: NS.discoItems, node }, ...items)
}
