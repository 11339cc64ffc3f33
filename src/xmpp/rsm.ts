/** Result Set Management (XEP-0059), as a server reads and writes it. */
import { NS } from './namespaces.ts'
import { StanzaError } from './errors.ts'
import { child, childText, type Element, xml } from './xml.ts'

export interface PageRequest {
  /** Items that are wanted; undefined leaves it to the server. */
  readonly max: number | undefined
  /** '' asks for the last page. */
  readonly before: string | undefined
  readonly after: string | undefined
}

/** Throws `bad-request` for what no client can have meant; a result by index is not offered. */
export function readPage(parent: Element): PageRequest {
  const set = child(parent, 'set', NS.rsm)
  if (!set) return { max: undefined, before: undefined, after: undefined }
  if (child(set, 'index')) throw new StanzaError('feature-not-implemented', 'Pages by index are not offered.')
  const max = childText(set, 'max')?.trim()
  if (max !== undefined && !/^\d{1,10}$/.test(max)) throw new StanzaError('bad-request', 'max: not a number.')
  const before = childText(set, 'before')
  const after = childText(set, 'after')
  return { max: max === undefined ? undefined : Number(max), before, after: after === '' ? undefined : after }
}

export function writePage(ids: readonly string[], total?: number): Element {
  const last = ids.at(-1)
  return xml(
    'set',
    { xmlns: NS.rsm },
    ids[0] === undefined ? undefined : xml('first', {}, ids[0]),
    last === undefined ? undefined : xml('last', {}, last),
    total === undefined ? undefined : xml('count', {}, String(total)),
  )
}
