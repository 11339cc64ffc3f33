/**
 * Name of who writes, for the title of a push: the recipient's own for a contact, else what the sender publishes (XEP-0172),
 * its vCard's, and at last the local part of its address. What accounts say of themselves is remembered: a vCard with a
 * picture is much to read for each push.
 */
import { BoundedMap } from '../../bounded-map.ts'
import { perObject } from '../../per-object.ts'
import type { Trip, World } from '../../routing/transit.ts'
import type { Account } from '../../store/accounts.ts'
import { AVATAR_METADATA } from '../../xmpp/avatar.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { option } from '../../xmpp/pubsub.ts'
import { parseStored } from '../../xmpp/stored.ts'
import { childText, children } from '../../xmpp/xml.ts'
import { cleanName } from '../rules/names.ts'

/** Accounts whose names are remembered. */
const REMEMBERED = 10_000

interface Names {
  readonly nick: string | undefined
  /** Everybody may read the nick; else contacts alone. */
  readonly isOpen: boolean
  readonly card: string | undefined
  /** SHA-1 of its picture; empty where it has none. */
  readonly photo: string
  /** Address of it that everybody may read of (XEP-0084 §4.2.1); empty where there is none. */
  readonly link: string
}

const namesOf = perObject((_: World) => new BoundedMap<number, Names>(REMEMBERED))

/** The account has published another name, or none: it is read anew. */
export function forgetNames(t: Trip, { id }: Account): void {
  const known = namesOf(t.world)
  // A trip that is undone has forgotten for nothing.
  t.after(() => known.delete(id))
  known.delete(id)
}

/** Of a person, for `account`. `subscribed`: it sees the presence of the sender. */
export function nameFor(t: Trip, account: Account, from: Jid): string {
  const contact = t.store.contacts.find(account, from.bare)
  const local = from.local === '' ? from.domain : from.local
  const given = cleanName(contact?.name)
  if (given !== undefined) return given
  const own = ownNames(t, from)
  const isSubscribed = contact?.subscription === 'to' || contact?.subscription === 'both'
  return (
    (own && ((own.isOpen || isSubscribed ? own.nick : undefined) ?? own.card)) ??
    cleanName(local) ??
    from.bare
  )
}

/** Picture of an account here: its SHA-1, and an address that its owner has published; undefined where it has none. */
export function pictureOf(t: Trip, from: Jid): Pick<Names, 'photo' | 'link'> | undefined {
  const own = ownNames(t, from)
  return own?.photo ? own : undefined
}

function ownNames(t: Trip, from: Jid): Names | undefined {
  const sender = t.store.accounts.find(from.bare)
  return sender && namesOf(t.world).getOr(sender.id, () => readNames(t, sender))
}

/** Of a room here; undefined where it is none, or has none. */
export function roomNameOf(t: Trip, room: Jid): string | undefined {
  const row = t.store.rooms.find(room.bare)
  return row && (cleanName(row.settings.name) ?? cleanName(room.local))
}

function readNames(t: Trip, sender: Account): Names {
  const node = t.store.pep.node(sender, NS.nick)
  const item = node && t.store.pep.last(sender, NS.nick)
  const nick = item && parseStored(item.xml)
  const text = t.store.accounts.vcard(sender)
  const card = text === undefined ? undefined : parseStored(text)
  return {
    nick: nick?.name === 'nick' ? cleanName(nick.getText()) : undefined,
    isOpen: node !== undefined && option(node.config, 'access_model') === 'open',
    photo: t.store.accounts.photo(sender) ?? '',
    link: linkOf(t, sender),
    card: card && (cleanName(childText(card, 'FN')) ?? cleanName(childText(card, 'NICKNAME'))),
  }
}

function linkOf({ store }: Trip, sender: Account): string {
  const node = store.pep.node(sender, AVATAR_METADATA)
  if (!node || option(node.config, 'access_model') !== 'open') return ''
  const item = store.pep.last(sender, AVATAR_METADATA)
  const metadata = item && parseStored(item.xml)
  return (metadata && children(metadata, 'info').find(({ attrs }) => attrs.url)?.attrs.url) ?? ''
}
