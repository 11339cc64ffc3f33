/** Worth of a message for storage, read from its payload and hints (XEP-0334). */
import { NS } from './namespaces.ts'
import { child, childText, type Element, elements } from './xml.ts'

/** Payloads that only describe the message they stand in. */
const COMPANIONS: ReadonlySet<string> = new Set([NS.chatStates, NS.stanzaId, NS.hints, NS.delay])

export function hasBody(el: Element): boolean {
  return (childText(el, 'body') ?? '') !== ''
}

/** Whether nothing is in it but a chat state, a thread and their company (XEP-0085 §5.1). */
export function isOnlyState(el: Element): boolean {
  return elements(el).every((node) =>
    node.attrs.xmlns === undefined ? node.name === 'thread' : COMPANIONS.has(node.attrs.xmlns),
  )
}

/** XEP-0313 §5.1.1: bodies and what the hints ask for; never errors, rooms' broadcasts, headlines or mere states. */
export function isForArchive(el: Element): boolean {
  const type = el.attrs.type ?? ''
  if (type === 'error' || type === 'headline' || type === 'groupchat') return false
  if (child(el, 'no-store', NS.hints) || child(el, 'no-permanent-store', NS.hints)) return false
  if (child(el, 'store', NS.hints)) return true
  return hasBody(el) || !isOnlyState(el)
}

/** XEP-0160 §3: what waits for somebody who is away. */
export function isForOffline(el: Element): boolean {
  const type = el.attrs.type ?? ''
  if (type === 'error' || type === 'headline' || type === 'groupchat') return false
  if (child(el, 'no-store', NS.hints)) return false
  return child(el, 'store', NS.hints) !== undefined || !isOnlyState(el)
}

/**
 * The id of the message that this one takes back (XEP-0424 §3.1); undefined for any other message, '' where it names
 * none. COMPAT(converse.js, XEP-0424 0.3.0): it was fastened to the message (XEP-0422).
 */
export function retractedId(el: Element): string | undefined {
  const retract = child(el, 'retract', NS.retract)
  if (retract) return retract.attrs.id ?? ''
  const fastened = child(el, 'apply-to', NS.fasten)
  return fastened && child(fastened, 'retract', NS.oldRetract) && (fastened.attrs.id ?? '')
}

/** It stands where an archive had a message that was taken back (XEP-0424 §5). */
export const isTombstone = (el: Element): boolean => child(el, 'retracted', NS.retract) !== undefined

/** The id of the message that this one corrects (XEP-0308 §3); undefined for any other message. */
export function correctedId(el: Element): string | undefined {
  const replace = child(el, 'replace', 'urn:xmpp:message-correct:0')
  return replace && (replace.attrs.id ?? '')
}

/** Answers of an archive (XEP-0313 §4.2), of whatever version: clients know older ones. */
export function isArchiveResult({ name, attrs }: Element): boolean {
  return (name === 'result' || name === 'fin') && (attrs.xmlns?.startsWith('urn:xmpp:mam:') ?? false)
}
