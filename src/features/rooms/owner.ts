/** Owners' verbs: configure and destroy a room (XEP-0045 §10.1, §10.2, §10.9). */
import { setAffiliation, standingOf } from '../../rooms/affiliations.ts'
import {
  checkMayCreate,
  configure,
  createRoom,
  destroy,
  endedBy,
  forgetDestroyed,
  noteEnd,
  unlock,
  waitForForm,
} from '../../rooms/lifecycle.ts'
import { roomsOf } from '../../rooms/registry.ts'
import type { Room } from '../../rooms/room.ts'
import { closeIfEmpty } from '../../rooms/leave.ts'
import { newSettings, readSettings, ROOM_CONFIG, settingsForm } from '../../rooms/settings.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { type Field, type FormValues, readForm } from '../../xmpp/forms.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readJid } from '../../xmpp/stanza.ts'
import { child, childText, type Element, firstElement, xml } from '../../xmpp/xml.ts'

const LISTS = {
  'muc#roomconfig_roomadmins': { affiliation: 'admin', label: 'Admins' },
  'muc#roomconfig_roomowners': { affiliation: 'owner', label: 'Owners' },
} as const
/** Addresses of one such list. */
const LISTED = 1000

/** §10.1.3: of a room that is not there its form is that of a new one. */
export function get(t: Transit, to: Jid): Element {
  const room = endedBy(t, to, t.stanza.from) ? undefined : roomsOf(t.world).find(t, to)
  if (!room) {
    checkMayCreate(t, t.stanza.from)
    return query(settingsForm(newSettings(t.config), [], title(to)))
  }
  checkOwner(t, room)
  if (room.row.locked) waitForForm(room)
  return query(settingsForm(room.settings, listsOf(t, room), title(to)))
}

const query = (form: Element): Element => xml('query', { xmlns: NS.mucOwner }, form)
const title = ({ local }: Jid): string => `Configuration of ${local}`

export function set(t: Transit, to: Jid, el: Element): undefined {
  const what = firstElement(el)
  if (what?.name === 'x' && what.attrs.type !== 'cancel') forgetDestroyed(t, to, t.stanza.from, 'form')
  const known = roomsOf(t.world).find(t, to)
  const wantsEnd = child(el, 'destroy')
  if (!known) {
    if (wantsEnd || what?.attrs.type === 'cancel') throw new StanzaError('item-not-found')
    checkMayCreate(t, t.stanza.from)
  } else checkOwner(t, known)
  if (known && wantsEnd) return end(t, known, wantsEnd)
  if (!what || what.name !== 'x' || what.attrs.xmlns !== NS.forms)
    throw new StanzaError('bad-request', 'A form is missing.')
  if (what.attrs.type === 'cancel') {
    // §10.1.3: who gives up a new room ends it; later nothing changes.
    if (known?.row.locked) destroy(t, known, {})
    return undefined
  }
  // COMPAT(XMPPFramework, XMPPRoom): it sends our own form back with its type as it was.
  if (what.attrs.type !== 'submit' && what.attrs.type !== 'form')
    throw new StanzaError('bad-request', 'The form is not submitted.')
  const room = known ?? createRoom(t, { jid: to.toBare(), owner: t.stanza.from.bare })
  submit(t, room, readForm(what) ?? new Map())
  if (!known) closeIfEmpty(t, room)
}

/** All of it or nothing. */
function submit(t: Transit, room: Room, values: FormValues): void {
  const type = values.get('FORM_TYPE')?.[0]
  if (type !== undefined && type !== ROOM_CONFIG) throw new StanzaError('bad-request', 'Another form.')
  const settings = readSettings(values, room.settings, t.config.limits.room_occupants)
  setLists(t, room, values)
  const { locked } = room.row
  unlock(t, room)
  // Settings that a room is made with are no change.
  if (locked) room.update(t, { settings })
  else configure(t, room, settings)
}

/** §10.5: in the form a list is the whole of it, not what changes. */
function setLists(t: Transit, room: Room, values: FormValues): void {
  const by = { user: t.stanza.from.bare }
  const { roomAffiliations } = t.store
  for (const [name, { affiliation }] of Object.entries(LISTS)) {
    const given = values.get(name)
    if (!given) continue
    if (given.length > LISTED) throw new StanzaError('not-acceptable', `${name}: too many addresses.`)
    const wanted = new Set(
      given.filter((text) => text.trim() !== '').map((text) => readJid(text.trim(), name).bare),
    )
    // §10.2: not without an owner.
    if (affiliation === 'owner' && wanted.size === 0)
      throw new StanzaError('conflict', 'A room needs an owner.')
    const before = roomAffiliations.list(room.id, affiliation, LISTED).map(({ user }) => user)
    for (const user of wanted)
      if (!before.includes(user)) setAffiliation(t, room, { user: readJid(user), affiliation }, by)
    for (const user of before) {
      const stillThere = roomAffiliations.get(room.id, user)?.affiliation === affiliation
      const next = affiliation === 'owner' ? 'admin' : 'member'
      if (!wanted.has(user) && stillThere)
        setAffiliation(t, room, { user: readJid(user), affiliation: next }, by)
    }
  }
}

function end(t: Transit, room: Room, el: Element): undefined {
  const { jid } = el.attrs
  destroy(t, room, {
    alternate: jid === undefined || jid === '' ? undefined : readJid(jid).toString(),
    reason: childText(el, 'reason'),
    password: childText(el, 'password'),
    by: roomsOf(t.world).occupantId(t, room.jid, t.stanza.from.bare),
  })
  noteEnd(t, room, t.stanza.from)
}

function checkOwner(t: Transit, room: Room): void {
  if (standingOf(t, room, t.stanza.from) !== 'owner') throw new StanzaError('forbidden')
}

function listsOf(t: Transit, room: Room): Field[] {
  return Object.entries(LISTS).map(([name, { affiliation, label }]) => ({
    name,
    type: 'jid-multi',
    label,
    values: t.store.roomAffiliations.list(room.id, affiliation, LISTED).map(({ user }) => user),
  }))
}
