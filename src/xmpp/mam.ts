/** Message Archive Management (XEP-0313): what the archives of accounts and of rooms have in common on the wire. */
import { StanzaError } from './errors.ts'
import { type FormValues, formValue, readForm, writeForm } from './forms.ts'
import { forwardedText } from './forward.ts'
import { NS } from './namespaces.ts'
import { parseTime } from './time.ts'
import { type PageRequest, writePage } from './rsm.ts'
import { child, children, type Element, xml } from './xml.ts'

const VALIDATE = 'http://jabber.org/protocol/xdata-validate'

const SEARCH_FIELDS = [
  { name: 'with', type: 'jid-single' },
  { name: 'start', type: 'text-single' },
  { name: 'end', type: 'text-single' },
  { name: 'before-id', type: 'text-single' },
  { name: 'after-id', type: 'text-single' },
  { name: 'ids', type: 'list-multi' },
] as const
const KNOWN = new Set<string>(['FORM_TYPE', ...SEARCH_FIELDS.map(({ name }) => name)])

/** Messages of a page when the client does not say. */
export const PAGE = 50

/** A request's filter, but for whose messages; times are ms, ids those of the archive. */
export interface Search {
  readonly with: string | undefined
  readonly start: number | undefined
  readonly end: number | undefined
  readonly beforeId: number | undefined
  readonly afterId: number | undefined
  readonly ids: readonly number[] | undefined
}

/** §4.1.5: the ids are any, and not those of a list. */
export function searchForm(): Element {
  const form = writeForm('form', NS.mam, SEARCH_FIELDS)
  const ids = children(form, 'field').find(({ attrs }) => attrs.var === 'ids')
  ids?.append(xml('validate', { xmlns: VALIDATE, datatype: 'xs:string' }, xml('open')))
  return form
}

/** The end of a page (§4.2). */
export function finOf(ids: string[], complete: boolean, total?: number): Element {
  return xml('fin', { xmlns: NS.mam, complete: complete ? 'true' : undefined }, writePage(ids, total))
}

/** ms since the epoch. @throws StanzaError bad-request */
function readTime(form: FormValues, name: string): number | undefined {
  const text = formValue(form, name)
  if (text === undefined) return undefined
  const ms = parseTime(text)
  if (ms === undefined)
    throw new StanzaError('bad-request', `${name}: not a time such as 2026-01-31T12:00:00Z.`)
  return ms
}

/**
 * Reads the filter of a query. §4.1: a field that is not known is an error, so that no client believes in a filter that
 * is not applied. `idOf` throws for an id that is not in the archive. @throws StanzaError
 */
export function readSearch(
  el: Element,
  page: PageRequest,
  mostIds: number,
  idOf: (text: string) => number,
): Search {
  const x = child(el, 'x', NS.forms)
  const form: FormValues | undefined = x ? readForm(x, NS.mam) : new Map()
  if (!form) throw new StanzaError('bad-request', 'The form has another type.')
  const unknown = [...form.keys()].find((name) => !KNOWN.has(name))
  if (unknown !== undefined)
    throw new StanzaError('feature-not-implemented', `${unknown}: not a known field.`)
  const ids = form.get('ids')
  if (ids && ids.length > mostIds) throw new StanzaError('bad-request', 'ids: too many.')
  const idsAt = (...texts: readonly (string | undefined)[]) =>
    texts.flatMap((text) => (text === undefined ? [] : [idOf(text)]))
  const after = idsAt(formValue(form, 'after-id'), page.after)
  const before = idsAt(formValue(form, 'before-id'), page.before || undefined)
  return {
    with: formValue(form, 'with'),
    start: readTime(form, 'start'),
    end: readTime(form, 'end'),
    // The place in the result set joins the filter: the narrower of both holds.
    afterId: after.length > 0 ? Math.max(...after) : undefined,
    beforeId: before.length > 0 ? Math.min(...before) : undefined,
    ids: ids?.map((id) => idOf(id)),
  }
}

/** An id as clients write it. @throws StanzaError item-not-found for what is none, or not in the archive (§4.1.4). */
export function readArchiveId(text: string, has: (id: number) => boolean): number {
  const id = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(id) || !has(id)) throw new StanzaError('item-not-found')
  return id
}

/** The rows that are a page: at least one, where there is one. The rest comes with the next one. */
export function pageOf<T extends { readonly xml: string }>(
  rows: readonly T[],
  fromEnd: boolean,
  limit: number,
  mostBytes: number,
): readonly T[] {
  let bytes = 0
  const order = fromEnd ? rows.toReversed() : rows
  const end = order.findIndex(({ xml: text }) => (bytes += Buffer.byteLength(text)) > mostBytes)
  const n = Math.min(end < 0 ? rows.length : Math.max(end, 1), limit)
  return fromEnd ? rows.slice(rows.length - n) : rows.slice(0, n)
}

/** One message of an answer to the query `el`; `at` is when it came (ms). */
export const resultOf = (el: Element, id: number, text: string, at: number): Element =>
  xml('result', { xmlns: NS.mam, queryid: el.attrs.queryid, id: String(id) }, forwardedText(text, at))

/** First and last message of an archive (§5); `timeOf` tells when one came (ms). */
export function metadataOf(
  bounds: { readonly first: number; readonly last: number } | undefined,
  timeOf: (id: number) => number,
): Element {
  const mark = (name: string, id: number) =>
    xml(name, { id: String(id), timestamp: new Date(timeOf(id)).toISOString() })
  return xml(
    'metadata',
    { xmlns: NS.mam },
    bounds && mark('start', bounds.first),
    bounds && mark('end', bounds.last),
  )
}
