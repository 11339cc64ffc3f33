/** Message Archive Management (XEP-0313): what the archives of accounts and of rooms have in common on the wire. */
import { StanzaError } from './errors.ts'
import { type FormValues, formValue, writeForm } from './forms.ts'
import { NS } from './namespaces.ts'
import { parseTime } from './time.ts'
import { writePage } from './rsm.ts'
import { children, type Element, xml } from './xml.ts'

const VALIDATE = 'http://jabber.org/protocol/xdata-validate'

export const SEARCH_FIELDS = [
  { name: 'with', type: 'jid-single' },
  { name: 'start', type: 'text-single' },
  { name: 'end', type: 'text-single' },
  { name: 'before-id', type: 'text-single' },
  { name: 'after-id', type: 'text-single' },
  { name: 'ids', type: 'list-multi' },
] as const

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
export function readTime(form: FormValues, name: string): number | undefined {
  const text = formValue(form, name)
  if (text === undefined) return undefined
  const ms = parseTime(text)
  if (ms === undefined)
    throw new StanzaError('bad-request', `${name}: not a time such as 2026-01-31T12:00:00Z.`)
  return ms
}
