/** What is said in a random story of deliveries, and what the standards say of each kind of message. */
import { child, type Element, elements } from '../../src/xmpp/xml.ts'

export interface Kind {
  readonly type: string
  readonly payload: string
  /** Stands in the archives (XEP-0313 §5.1.1, XEP-0334 §4). */
  readonly archived: boolean
  /** Waits for who is away (XEP-0160 §3, XEP-0334 §4). */
  readonly waits: boolean
  /** Is copied to other devices (XEP-0280 §6.1). */
  readonly copied: boolean
  /** A newer one of its sender may take its place while a client is in the background (XEP-0352). */
  readonly passing?: boolean
  /** Reaches a client in the background at once (XEP-0352). */
  readonly rings?: boolean
}

const HINTS = `xmlns='urn:xmpp:hints'`
const STATE = `<composing xmlns='http://jabber.org/protocol/chatstates'/>`
const BODY = '<body>words</body>'
const all = { archived: true, waits: true, copied: true }
const none = { archived: false, waits: false, copied: false }
const text: Kind = { ...all, type: 'chat', payload: BODY, rings: true }

export const KINDS: readonly Kind[] = [
  text,
  text,
  text,
  { ...text, type: '' },
  { ...text, payload: `${BODY}${STATE}` },
  { ...none, type: 'headline', payload: BODY },
  { ...none, type: 'groupchat', payload: BODY },
  { ...none, type: 'chat', payload: STATE, copied: true, passing: true },
  { ...none, type: 'chat', payload: STATE, copied: true, passing: true },
  { ...all, type: 'chat', payload: `${STATE}<store ${HINTS}/>` },
  { ...all, type: '', payload: `<received xmlns='urn:xmpp:receipts' id='x'/>` },
  { ...all, type: 'chat', payload: `<displayed xmlns='urn:xmpp:chat-markers:0' id='x'/><store ${HINTS}/>` },
  { ...text, ...none, copied: true, payload: `${BODY}<no-store ${HINTS}/>` },
  { ...text, archived: false, payload: `${BODY}<no-permanent-store ${HINTS}/>` },
  { ...text, copied: false, payload: `${BODY}<no-copy ${HINTS}/>` },
  { ...text, copied: false, payload: `${BODY}<private xmlns='urn:xmpp:carbons:2'/><no-copy ${HINTS}/>` },
]

export const kindOf = (n: number): Kind => KINDS[n % KINDS.length] ?? text

/** `key` is the id by which it is known again, whatever becomes of it. */
export const messageOf = (key: string, to: string, { type, payload }: Kind): string =>
  `<message to='${to}' id='${key}'${type === '' ? '' : ` type='${type}'`}>${payload}` +
  `<origin-id xmlns='urn:xmpp:sid:0' id='${key}'/></message>`

/** The ways in which other sessions hear of a message. */
export type Copied = 'sent' | 'received' | 'error copy'
export type How = Copied | 'itself' | 'error' | 'result' | 'error result'

/** A message as a client hears of it. */
export interface Item {
  readonly how: How
  readonly key: string
  /** The id that this account's archive has given it. */
  readonly id: string | undefined
  /** It has waited in the account's storage (XEP-0203). */
  readonly delayed: boolean
  readonly el: Element
}

/** What an element tells of a message of the story; undefined where it tells of none. */
export function itemOf(el: Element, bare: string): Item | undefined {
  if (el.name !== 'message') return undefined
  const wrap = elements(el).find(({ name }) => name === 'sent' || name === 'received' || name === 'result')
  const forwarded = wrap && child(wrap, 'forwarded', 'urn:xmpp:forward:0')
  if (!forwarded) return read(el.attrs.type === 'error' ? 'error' : 'itself', el, bare)
  const inner = elements(forwarded).find(({ name }) => name === 'message')
  if (!inner) return undefined
  const isError = inner.attrs.type === 'error'
  if (wrap.name === 'result') {
    const item = read(isError ? 'error result' : 'result', inner, bare)
    return item && { ...item, id: wrap.attrs.id }
  }
  return read(wrap.name === 'sent' ? 'sent' : isError ? 'error copy' : 'received', inner, bare)
}

function read(how: How, el: Element, bare: string): Item | undefined {
  const key = el.attrs.id
  if (key === undefined || !/^m\d+$/.test(key)) return undefined
  const ids = elements(el).filter(({ name, attrs }) => name === 'stanza-id' && attrs.by === bare)
  const delays = elements(el).filter(({ attrs }) => attrs.xmlns === 'urn:xmpp:delay')
  return { how, key, id: ids[0]?.attrs.id, delayed: delays.length > 0, el }
}

/** "m12" is the twelfth. */
export const numberOf = (key: string): number => Number(key.slice(1))

/** Of an error (RFC 6120 §8.3). */
export function conditionOf(el: Element): string | undefined {
  const error = child(el, 'error')
  return error && elements(error)[0]?.name
}
