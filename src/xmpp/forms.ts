/** Data forms (XEP-0004), as far as a server reads and writes them. */
import { NS } from './namespaces.ts'
import { type Element, children, xml } from './xml.ts'

/** Values by field name; a field without a value is an empty list. */
export type FormValues = ReadonlyMap<string, readonly string[]>

/** The values of a submitted form; undefined where the element is no form or not of that FORM_TYPE. */
export function readForm(el: Element, formType?: string): FormValues | undefined {
  if (el.name !== 'x' || el.attrs.xmlns !== NS.forms) return undefined
  const values = new Map<string, string[]>()
  for (const field of children(el, 'field')) {
    const name = field.attrs.var
    if (name !== undefined) values.set(name, children(field, 'value').map((value) => value.getText())) // prettier-ignore
  }
  if (formType !== undefined && values.get('FORM_TYPE')?.[0] !== formType) return undefined
  return values
}

export interface Field {
  readonly name: string
  readonly type?: string
  readonly label?: string
  readonly values?: readonly string[]
  /** Options of a list field. */
  readonly options?: readonly string[]
  readonly required?: boolean
}

/** A form of `type` form, result or submit; FORM_TYPE comes first as a hidden field (XEP-0068). */
export function writeForm(type: string, formType: string, fields: readonly Field[], title?: string): Element {
  const hidden: Field = { name: 'FORM_TYPE', type: 'hidden', values: [formType] }
  return xml(
    'x',
    { xmlns: NS.forms, type },
    title === undefined ? undefined : xml('title', {}, title),
    ...[hidden, ...fields].map((field) =>
      xml(
        'field',
        { var: field.name, type: field.type ?? severalOf(field), label: field.label },
        ...(field.values ?? []).map((value) => xml('value', {}, value)),
        ...(field.options ?? []).map((value) => xml('option', { label: value }, xml('value', {}, value))),
        field.required ? xml('required') : undefined,
      ),
    ),
  )
}

/** XEP-0004 §3.3: without a type a field has one value at most. */
const severalOf = ({ values = [] }: Field): string | undefined =>
  values.length > 1 ? 'text-multi' : undefined

/** The first value of a field. */
export function formValue(values: FormValues, name: string): string | undefined {
  return values.get(name)?.[0]
}
