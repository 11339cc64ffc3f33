/** Names in a push: the sender's, or the room's and who speaks there. What the app's policy hides is not written down. */
import type { RoomFacts } from '../../routing/outcome.ts'
import type { Trip } from '../../routing/transit.ts'
import type { Account } from '../../store/accounts.ts'
import type { Device } from '../../store/devices.ts'
import type { NewPush } from '../../store/push.ts'
import type { Jid } from '../../xmpp/jid.ts'
import type { Element } from '../../xmpp/xml.ts'
import type { Proposal } from '../rules/classify.ts'
import { cleanName } from '../rules/names.ts'
import { nameFor, roomNameOf } from './names.ts'
import { keptFor } from './words.ts'

/** A message that rings. */
interface About {
  readonly account: Account
  readonly el: Element
  readonly from: Jid
  readonly proposal: Proposal
  readonly room?: RoomFacts | undefined
}

/** Speakers in a room are its resources (XEP-0045 §7.4, §7.5). */
export function whoFor(
  t: Trip,
  { account, from, el, room, proposal }: About,
  device: Device | undefined,
): Pick<NewPush, 'title' | 'nick'> {
  const { names, title } = keptFor(t, device)
  if (!names) return {}
  const roomName = room ? cleanName(room.name || from.local) : roomNameOf(t, from)
  const speaks = roomName !== undefined || el.attrs.type === 'groupchat'
  const nick = speaks && proposal.rule !== 'invitation' ? from.resource || undefined : undefined
  return device && title !== 'jid' ? { nick, title: roomName ?? nameFor(t, account, from) } : { nick }
}
