/**
 * Meaning of a Jingle Message (XEP-0353) to a phone that sleeps. Pure: the element goes in, and what is to be told of
 * which call comes out.
 */
import type { CallFacts } from '../../store/push.ts'
import { type Element, elements } from '../../xmpp/xml.ts'
import { NS } from '../../xmpp/namespaces.ts'

const MEDIA = new Set(['audio', 'video'])
/** §3: what the caller says when nobody is to be rung any longer, and what one's own devices say. */
const OVER = new Set(['retract', 'reject', 'accept', 'proceed', 'finish'])
/** Characters of a session id that a push carries. */
const LONGEST_SID = 200

export type CallNews =
  | { readonly is: 'proposed'; readonly call: CallFacts }
  /** `missed`: nobody had answered (§3.3: the caller took it back). */
  | { readonly is: 'ended'; readonly missed: boolean; readonly call: CallFacts }

/** Undefined where the message says nothing of a call, or only that it rings elsewhere. */
export function callNews(el: Element, from: string): CallNews | undefined {
  const part = elements(el).find(({ attrs }) => attrs.xmlns === NS.jingleMessage)
  const sid = part?.attrs.id
  if (!part || !sid || sid.length > LONGEST_SID) return undefined
  if (part.name === 'propose') return { is: 'proposed', call: { sid, from, media: mediaOf(part) } }
  if (!OVER.has(part.name)) return undefined
  return { is: 'ended', missed: part.name === 'retract', call: { sid, from, media: [] } }
}

function mediaOf(propose: Element): string[] {
  const named = elements(propose).flatMap(({ name, attrs }) =>
    name === 'description' && attrs.media !== undefined ? [attrs.media] : [],
  )
  return [...new Set(named.filter((media) => MEDIA.has(media)))]
}
