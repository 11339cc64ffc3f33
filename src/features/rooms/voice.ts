/** Requests for voice, and their approval (XEP-0045 §7.13, §8.6). */
import { NS } from '../../xmpp/namespaces.ts'
import { setStanding } from '../../rooms/affiliations.ts'
import type { Occupant, Room } from '../../rooms/room.ts'
import { broadcast } from '../../rooms/tell.ts'
import { BoundedMap } from '../../bounded-map.ts'
import type { Transit } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { type FormValues, formValue, readForm, writeForm } from '../../xmpp/forms.ts'
import { children, type Element, StoredElement, xml } from '../../xmpp/xml.ts'

/** Times at which occupants asked last (ms), by their ids, which are of one room each. */
const asked = new BoundedMap<string, number>(10_000)

/** The form of a request or of an answer to one; undefined for any other message. */
export function requestIn(el: Element): FormValues | undefined {
  for (const x of children(el, 'x', NS.forms)) {
    const form = readForm(x, NS.mucRequest)
    if (form) return form
  }
  return undefined
}

export function voice(t: Transit, room: Room, form: FormValues): void {
  const occupant = room.occupantOf(t.stanza.from)
  if (!occupant) throw new StanzaError('not-acceptable', 'You are not in this room.')
  if (form.has('muc#request_allow')) return answer(t, room, occupant, form)
  ask(t, room, occupant, formValue(form, 'muc#role'))
}

function ask(t: Transit, room: Room, occupant: Occupant, role: string | undefined): void {
  const { voiceRequests, voiceRequestInterval } = room.settings
  if (!voiceRequests) throw new StanzaError('forbidden', 'Nobody is asked for voice here.')
  if (role !== undefined && role !== 'participant')
    throw new StanzaError('bad-request', 'Only voice can be asked for.')
  if (occupant.role !== 'visitor') return
  const key = occupant.occupantId
  const before = asked.get(key)
  if (before !== undefined && t.now - before < voiceRequestInterval * 1000)
    throw new StanzaError('resource-constraint', 'You have asked just now.')
  asked.setIn(t, key, t.now)
  const form = writeForm(
    'form',
    NS.mucRequest,
    [
      {
        name: 'muc#role',
        type: 'list-single',
        label: 'Role',
        values: ['participant'],
        options: ['participant'],
      },
      { name: 'muc#jid', type: 'jid-single', label: 'Address', values: [occupant.user] },
      { name: 'muc#roomnick', type: 'text-single', label: 'Nick', values: [occupant.nick] },
      { name: 'muc#request_allow', type: 'boolean', label: 'Give voice?', values: ['0'] },
    ],
    'Somebody asks for voice',
  )
  const moderators = [...room.occupants].filter((one) => one.role === 'moderator')
  const el = xml('message', { from: room.jid.toString(), id: t.freshId() }, form)
  broadcast(t, room, StoredElement.of(el), room.jid, moderators)
}

/** A moderator's answer; of several the first counts. */
function answer(t: Transit, room: Room, moderator: Occupant, form: FormValues): void {
  if (moderator.role !== 'moderator') throw new StanzaError('forbidden')
  const nick = formValue(form, 'muc#roomnick')
  const occupant = nick === undefined || nick === '' ? undefined : room.byNick(nick)
  if (!occupant) throw new StanzaError('item-not-found', 'Nobody here has this nick.')
  if (!['1', 'true'].includes(formValue(form, 'muc#request_allow') ?? '')) return
  if (occupant.role === 'visitor')
    setStanding(t, room, occupant, { role: 'participant' }, { nick: moderator.nick })
}
