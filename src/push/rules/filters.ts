/**
 * Filters that a device has asked for. Pure: its options and what is known of the message go in, the name of
 * the rule comes out; it is the one that the verdict records. First match wins.
 */
import type { DeviceOptions } from '../../store/devices.ts'
import { NS } from '../../xmpp/namespaces.ts'
import type { Element } from '../../xmpp/xml.ts'

export interface StanzaFacts {
  /** Bare JID: of the sender, or of the room. */
  readonly from: string
  readonly groupchat: boolean
  /** The sender is in the account's roster, or the room among its memberships. */
  readonly known: boolean
  /** Text of the message where it is readable; a mention in an encrypted one cannot be found. */
  readonly text?: string | undefined
  /** The message names the account itself, in its text or by a reference (XEP-0372). */
  readonly mentioned?: boolean
}

export type FilterRule =
  'muted' | 'not-mentioned' | 'unknown-sender' | 'room-not-chosen' | 'room-not-mentioned'

export function filtered(options: DeviceOptions, facts: StanzaFacts): FilterRule | undefined {
  if (options.muted?.includes(facts.from)) return 'muted'
  if (options.mentions?.includes(facts.from) && !facts.mentioned) return 'not-mentioned'
  if (facts.groupchat) return filteredRoom(options, facts)
  return options.ignoreUnknown && !facts.known ? 'unknown-sender' : undefined
}

function filteredRoom({ rooms }: DeviceOptions, facts: StanzaFacts): FilterRule | undefined {
  if (!rooms) return undefined
  const room = rooms.find(({ jid }) => jid === facts.from)
  if (!room) return 'room-not-chosen'
  if (room.allow === 'always' || facts.mentioned) return undefined
  return mentions(facts.text ?? '', room.nick ?? '') ? undefined : 'room-not-mentioned'
}

/** The nick as a word of its own, whatever its case: no letter or digit goes on before or after it. */
export function mentions(text: string, nick: string): boolean {
  if (nick === '') return false
  const [body, name] = [text.toLowerCase(), nick.toLowerCase()]
  for (let at = body.indexOf(name); at >= 0; at = body.indexOf(name, at + 1)) {
    const before = /[\p{L}\p{N}]$/u.test(body.slice(Math.max(0, at - 2), at))
    const after = /^[\p{L}\p{N}]/u.test(body.slice(at + name.length, at + name.length + 2))
    if (!before && !after) return true
  }
  return false
}

/** XEP-0372 */
export function isReferred(el: Element, jid: string): boolean {
  return el.children.some(
    (node) =>
      typeof node !== 'string' &&
      node.attrs.xmlns === NS.references &&
      node.attrs.type === 'mention' &&
      node.attrs.uri?.startsWith(`xmpp:${jid}`),
  )
}
