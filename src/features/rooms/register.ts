/** Registering with a room (XEP-0045 §7.10): a nick is kept, and in an open room one becomes a member. */
import { setAffiliation, standingOf } from '../../rooms/affiliations.ts'
import { checkNick } from '../../rooms/nicks.ts'
import type { Room } from '../../rooms/room.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { formValue, readForm, writeForm } from '../../xmpp/forms.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { child, childText, type Element, xml } from '../../xmpp/xml.ts'

const MUC_REGISTER = 'http://jabber.org/protocol/muc#register'
const NICK = 'muc#register_roomnick'
/** COMPAT(Siskin, Snikket): whether a member whose app is closed is rung; the feature says that the field is understood. */
const OFFLINE = '{http://tigase.org/protocol/muc}offline'
export const OFFLINE_FEATURE = 'http://tigase.org/protocol/muc#offline'

/** COMPAT(Siskin, 7): without the form in the answer to who is registered it gives up. */
export function get(t: Transit, room: Room): Element {
  checkMay(t, room)
  const row = t.store.roomAffiliations.get(room.id, t.stanza.from.bare)
  const nick = row?.nick ?? undefined
  const form = writeForm('form', MUC_REGISTER, [
    {
      name: NICK,
      type: 'text-single',
      label: 'Nick',
      required: true,
      values: nick === undefined ? [] : [nick],
    },
    {
      name: OFFLINE,
      type: 'boolean',
      label: 'Ring when the app is closed',
      values: [row?.silent ? '0' : '1'],
    },
  ])
  const registered = nick === undefined ? [] : [xml('registered'), xml('username', {}, nick)]
  return xml('query', { xmlns: NS.register }, ...registered, form)
}

export function set(t: Transit, room: Room, query: Element): undefined {
  const user = t.stanza.from.toBare()
  if (child(query, 'remove')) return unregister(t, room)
  const affiliation = checkMay(t, room)
  const nick = nickOf(query).trim()
  const rings = fieldOf(query, OFFLINE)
  checkNick(t, room, nick, user.bare)
  const joined = affiliation === 'none'
  setAffiliation(t, room, {
    user,
    affiliation: affiliation === 'none' ? 'member' : affiliation,
    nick,
    ...(joined && { joined }),
    ...(rings !== undefined && { silent: rings === '0' || rings === 'false' }),
  })
}

/** Takes the nick back. A membership that others have given stays: only one that came by registering goes with it. */
function unregister(t: Transit, room: Room): undefined {
  const user = t.stanza.from.toBare()
  if (standingOf(t, room, user) === 'outcast') throw banned()
  const row = t.store.roomAffiliations.get(room.id, user.bare)
  if (!row) return
  const keeps = !row.joined || room.settings.membersOnly || row.affiliation !== 'member'
  const affiliation = keeps ? row.affiliation : 'none'
  setAffiliation(t, room, { user, affiliation, nick: '', silent: false }, { user: user.bare })
}

/** A members-only room takes nobody in who asks; a ban is for good. */
function checkMay(t: Transit, room: Room): Exclude<ReturnType<typeof standingOf>, 'outcast'> {
  const affiliation = standingOf(t, room, t.stanza.from)
  if (affiliation === 'outcast') throw banned()
  if (affiliation === 'none' && (room.settings.membersOnly || room.row.locked))
    throw new StanzaError('not-allowed', 'Members are added by the admins of this room.')
  return affiliation
}

const banned = () => new StanzaError('forbidden', 'You are banned from this room.')

function fieldOf(query: Element, name: string): string | undefined {
  const x = child(query, 'x', NS.forms)
  const form = x && readForm(x)
  return form && formValue(form, name)
}

/** The form, or the bare elements of XEP-0077. */
function nickOf(query: Element): string {
  const x = child(query, 'x', NS.forms)
  const form = x && readForm(x)
  const type = form?.get('FORM_TYPE')?.[0]
  if (form && type !== undefined && type !== MUC_REGISTER)
    throw new StanzaError('bad-request', 'Another form.')
  const nick = form
    ? formValue(form, NICK)
    : (childText(query, 'nick') ?? childText(query, 'username') ?? childText(query, 'name'))
  if (nick === undefined || nick.trim() === '') throw new StanzaError('bad-request', 'A nick is missing.')
  return nick
}
