/**
 * Mentions of one member in a message of the room. First what says so in so many words: mentions (XEP-0513), then
 * references (XEP-0372), answers (XEP-0461), then the nick as a word of the text. Pure.
 */
import { NS } from '../xmpp/namespaces.ts'
import { mentions as saysNick } from '../push/rules/filters.ts'
import { Jid } from '../xmpp/jid.ts'
import { child, childText, type Element, elements } from '../xmpp/xml.ts'

const MENTIONS = 'urn:xmpp:mentions:0'

export interface Member {
  readonly user: string
  /** Asked for only where somebody is mentioned by it: it costs a hash. */
  readonly occupantId: () => string
  /** Registered, or under which the member is in the room. */
  readonly nicks: readonly string[]
}

/** `byModerator`: may call everybody at once. */
export function mentioned(el: Element, room: Jid, member: Member, byModerator: boolean): boolean {
  const explicit = elements(el).filter(({ name, attrs }) => name === 'mention' && attrs.xmlns === MENTIONS)
  const mine = explicit.filter((mention) => isMeant(mention, member, byModerator))
  // A mention that is not to ring silences the name in the text, too.
  if (mine.length > 0) return mine.some((mention) => !child(mention, 'noping'))
  if (isReferred(el, room, member)) return true
  const reply = child(el, 'reply', NS.reply)?.attrs.to
  if (reply !== undefined && member.nicks.some((nick) => reply === `${room.bare}/${nick}`)) return true
  const text = childText(el, 'body')?.normalize('NFKC') ?? ''
  return member.nicks.some((nick) => saysNick(text, nick.normalize('NFKC')))
}

function isMeant({ attrs }: Element, { user, occupantId }: Member, byModerator: boolean): boolean {
  if (attrs.mentions !== undefined) return byModerator && attrs.mentions === `${MENTIONS}#channel`
  if (attrs.occupantid !== undefined) return attrs.occupantid === occupantId()
  return attrs.jid !== undefined && Jid.tryParse(attrs.jid)?.bare === user
}

/** The address itself, or the one that it has in the room; what else the URI says does not matter. */
function isReferred(el: Element, room: Jid, { user, nicks }: Member): boolean {
  return elements(el).some(({ attrs }) => {
    if (attrs.xmlns !== NS.references || attrs.type !== 'mention') return false
    const address = /^xmpp:([^?#]+)/.exec(attrs.uri ?? '')?.[1]
    const jid = address === undefined ? undefined : Jid.tryParse(decoded(address))
    if (!jid) return false
    return jid.bare === user || (jid.bare === room.bare && nicks.includes(jid.resource))
  })
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
