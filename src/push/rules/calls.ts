/**
 * Meaning of a Jingle Message (XEP-0353) to a phone that sleeps. Pure: the element goes in, and what is to be told of
 * which call comes out.
 */
import type { CallEnding, CallFacts } from '../../store/push.ts'
import { type Element, elements } from '../../xmpp/xml.ts'
import { NS } from '../../xmpp/namespaces.ts'

const MEDIA = new Set(['audio', 'video'])
/** §3: what the caller says when nobody is to be rung any longer, and what one's own devices say. */
const OVER: ReadonlyMap<string, CallEnding> = new Map([
  ['retract', 'cancelled'],
  ['reject', 'declined-elsewhere'],
  ['accept', 'answered-elsewhere'],
  ['proceed', 'answered-elsewhere'],
  ['finish', 'ended'],
])
const RTP = 'urn:xmpp:jingle:apps:rtp:'
/** Characters of a session id that a push carries. */
const LONGEST_SID = 200

export type CallNews =
  | { readonly is: 'proposed'; readonly call: CallFacts }
  | { readonly is: 'ended'; readonly how: CallEnding; readonly call: CallFacts }

/** A call that nobody had answered (§3.3: the caller took it back). */
export const isMissed = (how: CallEnding): boolean => how === 'cancelled' || how === 'unanswered'

/** Undefined where the message says nothing of a call, or only that it rings elsewhere. */
export function callNews(el: Element, from: string): CallNews | undefined {
  const part = elements(el).find(({ attrs }) => attrs.xmlns === NS.jingleMessage)
  const sid = part?.attrs.id
  if (!part || !sid || sid.length > LONGEST_SID) return undefined
  if (part.name === 'propose')
    return isCall(part) ? { is: 'proposed', call: { sid, from, media: mediaOf(part) } } : undefined
  const how = OVER.get(part.name)
  return how && { is: 'ended', how, call: { sid, from, media: [] } }
}

/** Files are proposed likewise (XEP-0234), and nobody is to be called for one. Who describes nothing means a call. */
export function isCall(propose: Element): boolean {
  const described = elements(propose).filter(({ name }) => name === 'description')
  return described.length === 0 || described.some(({ attrs }) => attrs.xmlns?.startsWith(RTP))
}

function mediaOf(propose: Element): string[] {
  const named = elements(propose).flatMap(({ name, attrs }) =>
    name === 'description' && attrs.media !== undefined ? [attrs.media] : [],
  )
  return [...new Set(named.filter((media) => MEDIA.has(media)))]
}
