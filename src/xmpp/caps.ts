/** Entity Capabilities (XEP-0115): what an answer of disco#info comes to as one string, and its hash. */
import { createHash } from 'node:crypto'
import { NS } from './namespaces.ts'
import { children, type Element } from './xml.ts'

/** XEP-0300 names of what `createHash` knows. */
const HASHES: Readonly<Record<string, string>> = {
  'sha-1': 'sha1',
  'sha-224': 'sha224',
  'sha-256': 'sha256',
  'sha-384': 'sha384',
  'sha-512': 'sha512',
}
/**
 * §5.1: identities, features and forms in the order of their octets. A "<" in one of them is written "&lt;", so that it
 * ends nothing; every other character stands as it is.
 */
export function verificationString(query: Element): string {
  const identities = children(query, 'identity')
    .map(({ attrs }) => [attrs.category, attrs.type, attrs['xml:lang'], attrs.name].map((part) => part ?? ''))
    .sort((a, b) => octets(a[0], b[0]) || octets(a[1], b[1]) || octets(a[2], b[2]))
    .map((parts) => parts.join('/'))
  const features = varsOf(query).sort(octets)
  const forms = formsOf(query)
    .map(({ el, type }) => ({ el, type: type ?? '' }))
    .sort((a, b) => octets(a.type, b.type))
    .flatMap(({ el, type }) => [type, ...formParts(el)])
  return [...identities, ...features, ...forms].map((part) => `${part.replaceAll('<', '&lt;')}<`).join('')
}

function varsOf(query: Element): string[] {
  return children(query, 'feature').map(({ attrs }) => attrs.var ?? '')
}

/** §5.4 step 3.6: a form without a hidden FORM_TYPE does not count. */
function formsOf(query: Element): { el: Element; type: string | undefined; types: number }[] {
  return children(query, 'x', NS.forms).flatMap((el) => {
    const field = children(el, 'field').find(
      ({ attrs }) => attrs.var === 'FORM_TYPE' && attrs.type === 'hidden',
    )
    const types = field ? children(field, 'value').map((value) => value.getText()) : []
    return types.length === 0 ? [] : [{ el, type: types[0], types: new Set(types).size }]
  })
}

function formParts(form: Element): string[] {
  return children(form, 'field')
    .filter(({ attrs }) => attrs.var !== 'FORM_TYPE')
    .sort((a, b) => octets(a.attrs.var, b.attrs.var))
    .flatMap((field) => [
      field.attrs.var ?? '',
      ...children(field, 'value')
        .map((value) => value.getText())
        .sort(octets),
    ])
}

/** §5.4 steps 3.3 to 3.5: whether nothing is said twice, which would prove nothing. */
export function isSound(query: Element): boolean {
  const forms = formsOf(query)
  const identities = children(query, 'identity').map(({ attrs }) =>
    [attrs.category, attrs.type, attrs['xml:lang'], attrs.name].join('/'),
  )
  return (
    isUnique(identities) &&
    isUnique(varsOf(query)) &&
    isUnique(forms.map(({ type }) => type)) &&
    forms.every(({ types }) => types === 1)
  )
}

function isUnique(list: readonly (string | undefined)[]): boolean {
  return new Set(list).size === list.length
}

/** "i;octet" (RFC 4790 §9.3): UTF-16 would sort the planes above the first differently. */
function octets(a = '', b = ''): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b))
}

/** Undefined for a hash that we do not know. */
export function hashOf(hash: string, text: string): string | undefined {
  const name = HASHES[hash]
  return name === undefined ? undefined : createHash(name).update(text).digest('base64')
}
