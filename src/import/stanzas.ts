/** Stored stanzas of another server as this one stores them: read strictly, cleaned of its notes, with addresses of here. */
import { NS } from '../xmpp/namespaces.ts'
import { isIdOf } from '../xmpp/stanza-id.ts'
import { isDelay } from '../xmpp/delay.ts'
import { parseTime } from '../xmpp/time.ts'
import type { Jid } from '../xmpp/jid.ts'
import { type Element, elements, without, withAttrs } from '../xmpp/xml.ts'
import { Reader } from '../xml/reader.ts'
import type { HostMap } from './hosts.ts'
import { LIMITS } from './model.ts'

const OLD_ARCHIVED = 'urn:xmpp:mam:tmp'

let reader: Reader | undefined

/** One element of text; undefined for what is not well-formed. */
export function readXml(text: string): Element | undefined {
  reader ??= new Reader(
    { bytes: LIMITS.record, depth: LIMITS.depth, elements: LIMITS.parts, attributes: 200, namespaces: 200 },
    'documents',
  )
  try {
    reader.feed(Buffer.from(text.trim()))
    const event = reader.next()
    if (event?.kind === 'element' && reader.idle) return event.element
  } catch {
    // The reason would name a byte of a row that nobody can look up.
  }
  reader = undefined
  return undefined
}

/** µs since the epoch that a stanza's own note tells. */
export function delayOf(el: Element): number | undefined {
  const stamp = elements(el).find(isDelay)?.attrs.stamp
  const ms = stamp === undefined ? undefined : (parseTime(stamp) ?? parseOldTime(stamp))
  return ms === undefined
    ? undefined
    : ms * 1000 + Number(/\.\d{3}(\d{1,3})/.exec(stamp ?? '')?.[1]?.padEnd(3, '0') ?? 0)
}

/** XEP-0091: "20020910T23:08:25", in UTC. */
function parseOldTime(text: string): number | undefined {
  const [, year, month, day, time] = /^(\d{4})(\d\d)(\d\d)T(\d\d:\d\d:\d\d)$/.exec(text) ?? []
  return year === undefined ? undefined : parseTime(`${year}-${month}-${day}T${time}Z`)
}

/** The stanza without what its server noted for the owner, and from and to as they are called here. */
export function cleaned(el: Element, owner: Jid, hosts: HostMap): Element {
  const isNote = (node: Element): boolean =>
    node.name === 'archived'
      ? node.attrs.xmlns === OLD_ARCHIVED
      : isIdOf(node, owner) ||
        (node.name === 'stanza-id' && hosts.address(node.attrs.by ?? '')?.bare === owner.bare)
  const { from, to } = el.attrs
  const attrs = { xmlns: undefined, stamp: undefined, from: mapped(from, hosts), to: mapped(to, hosts) }
  const copy = withAttrs(el, attrs)
  return elements(copy).some(isNote) ? without(copy, isNote) : copy
}

const mapped = (text: string | undefined, hosts: HostMap): string | undefined =>
  text === undefined || text === '' ? undefined : (hosts.address(text)?.full ?? text)

/** Bare address of the sender or the recipient, whoever is not the owner. */
export function peerOf(el: Element, owner: Jid, hosts: HostMap): string | undefined {
  const [from, to] = [el.attrs.from, el.attrs.to].map((text) =>
    text ? hosts.address(text)?.bare : undefined,
  )
  return from !== undefined && from !== owner.bare ? from : to
}

export const stanzaId = (id: number, by: string) => ({ xmlns: NS.stanzaId, id: String(id), by })
