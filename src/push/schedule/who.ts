/** Names in a push: the sender's, or the room's and who speaks there. What the app's policy hides is not written down. */
import type { RoomFacts } from '../../routing/outcome.ts'
import type { Trip } from '../../routing/transit.ts'
import type { Account } from '../../store/accounts.ts'
import type { Device } from '../../store/devices.ts'
import type { AboutFacts, NewPush } from '../../store/push.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { child, type Element } from '../../xmpp/xml.ts'
import type { Proposal } from '../rules/classify.ts'
import { cleanName } from '../rules/names.ts'
import { nameFor, pictureOf, roomNameOf } from './names.ts'
import { keptFor, ownFile } from './words.ts'

/** A message that rings. */
interface About {
  readonly account: Account
  readonly el: Element
  readonly from: Jid
  readonly proposal: Proposal
  /** Whether it names the account. */
  readonly mentioned?: boolean | undefined
  readonly room?: RoomFacts | undefined
}

/** Speakers in a room are its resources (XEP-0045 §7.4, §7.5). */
export function whoFor(
  t: Trip,
  message: About,
  device: Device | undefined,
): Pick<NewPush, 'title' | 'nick' | 'about'> {
  const { account, from, el, room, proposal } = message
  const { names, title } = keptFor(t, device)
  if (!names) return {}
  const roomName = room ? cleanName(room.name || from.local) : roomNameOf(t, from)
  const speaks = roomName !== undefined || el.attrs.type === 'groupchat'
  const nick = speaks && proposal.rule !== 'invitation' ? from.resource || undefined : undefined
  if (!device) return { nick }
  const about = aboutOf(t, message)
  return { nick, about, ...(title === 'jid' ? {} : { title: roomName ?? nameFor(t, account, from) }) }
}

/** Title of what is not said by a message at hand: the end of a call, somebody who has joined. `from`: a person or a room. */
export function titleFor(t: Trip, account: Account, from: Jid, device: Device): Pick<NewPush, 'title'> {
  const { names, title } = keptFor(t, device)
  return names && title !== 'jid' ? { title: roomNameOf(t, from) ?? nameFor(t, account, from) } : {}
}

function aboutOf(t: Trip, { account, from, el, room, mentioned }: About): AboutFacts | undefined {
  const answers = child(el, 'reply', NS.reply)?.attrs.to
  const picture = room ? undefined : pictureOf(t, from)
  // No address of anybody else: its server would see when and where each push is read.
  const isOurs = picture !== undefined && picture.link !== '' && ownFile(t)(picture.link) !== undefined
  const about: AboutFacts = {
    ...(mentioned && el.attrs.type === 'groupchat' ? { mention: true } : {}),
    ...(answers === account.jid || answers?.startsWith(`${account.jid}/`) ? { reply: true } : {}),
    ...(room ? { recipients: Math.max(1, room.members - 1) } : {}),
    ...(picture ? { avatar: picture.photo } : {}),
    ...(isOurs ? { avatarUrl: picture.link } : {}),
  }
  return Object.keys(about).length === 0 ? undefined : about
}
