/**
 * vcard-temp (XEP-0054) and vCard4 (RFC 6351) as forms of one card (XEP-0292 §11). What has no counterpart stays as it
 * was in the card that is written anew.
 */
import { photoElement, readPhoto } from './avatar.ts'
import { NS } from './namespaces.ts'
import { isDataUri, type Photo, readPicture } from './picture.ts'
import { child, children, childText, clone, type Element, elements, xml } from './xml.ts'

export const VCARD4 = 'urn:ietf:params:xml:ns:vcard-4.0'

/** A property under its two names; what is undefined has no counterpart. */
interface Property {
  readonly temp: string
  readonly name: string
  readonly toVcard4: (el: Element) => Element | undefined
  readonly toTemp: (el: Element) => Element | undefined
}

/** Name in vcard-temp, name in vCard4. */
type Part = readonly [temp: string, name: string]

const NAME: readonly Part[] = [
  ['FAMILY', 'surname'],
  ['GIVEN', 'given'],
  ['MIDDLE', 'additional'],
  ['PREFIX', 'prefix'],
  ['SUFFIX', 'suffix'],
]
const ADDRESS: readonly Part[] = [
  ['POBOX', 'pobox'],
  ['EXTADD', 'ext'],
  ['STREET', 'street'],
  ['LOCALITY', 'locality'],
  ['REGION', 'region'],
  ['PCODE', 'code'],
  ['CTRY', 'country'],
]
/** Kinds of addresses and numbers that both forms know (§11.3). */
const KINDS = ['home', 'work', 'voice', 'fax', 'pager', 'cell', 'video']

const PROPERTIES: readonly Property[] = [
  plain('FN', 'fn'),
  structured('N', 'n', NAME),
  plain('NICKNAME', 'nickname'),
  plain('BDAY', 'bday', (text) => (/^\d{4}-\d\d-\d\d$/.test(text) ? 'date' : 'text')),
  structured('ADR', 'adr', ADDRESS),
  // §11.3.5: a number is a URI where it can be one.
  valued('TEL', 'NUMBER', 'tel', (text) => /^[+\d.()-]+$/.test(text)),
  valued('EMAIL', 'USERID', 'email', () => false),
  {
    temp: 'JABBERID',
    name: 'impp',
    toVcard4: (el) => property('impp', [], [leaf('uri', prefixed('xmpp:', el.getText()))]),
    toTemp: (el) => (valueOf(el).startsWith('xmpp:') ? leaf('JABBERID', valueOf(el).slice(5)) : undefined),
  },
  plain('TITLE', 'title'),
  plain('ROLE', 'role'),
  {
    temp: 'ORG',
    name: 'org',
    toVcard4: (el) =>
      property(
        'org',
        [],
        [...children(el, 'ORGNAME'), ...children(el, 'ORGUNIT')].map((part) => leaf('text', part.getText())),
      ),
    toTemp: (el) => {
      const parts = children(el, 'text').map((text) => text.getText())
      return property(
        'ORG',
        [],
        parts.map((part, i) => leaf(i === 0 ? 'ORGNAME' : 'ORGUNIT', part)),
      )
    },
  },
  plain('URL', 'url', () => 'uri'),
  // §11.1.1: both are notes. What comes back is a DESC, since that is what clients of vcard-temp show.
  plain('DESC', 'note'),
  plain('NOTE', 'note'),
]

/** The card as vCard4; what only `old`, the vCard4 before, can say is taken over from it. */
export function toVcard4(card: Element, old?: Element): Element {
  const mapped = elements(card).map((el) => byTemp(el)?.toVcard4(el))
  const photo = readPhoto(card)
  const uri = photo && `data:${photo.type};base64,${photo.base64}`
  const kept = old ? elements(old).filter((el) => dataUri(el) === undefined && !byName(el)?.toTemp(el)) : []
  return xml(
    'vcard',
    { xmlns: VCARD4 },
    ...mapped,
    uri === undefined ? undefined : xml('photo', {}, xml('uri', {}, uri)),
    ...kept.map(clone),
  )
}

/** The vCard4 as a card; what only `old`, the card before, can say is taken over, such as a picture. */
export function toVcardTemp(vcard4: Element, old?: Element): Element {
  const mapped = elements(vcard4).map((el) => byName(el)?.toTemp(el))
  const picture = pictureIn(vcard4)
  const kept = old
    ? elements(old).filter((el) => !(el.name === 'PHOTO' && picture) && !byTemp(el)?.toVcard4(el))
    : []
  return xml('vCard', { xmlns: NS.vcard }, ...mapped, picture && photoElement(picture), ...kept.map(clone))
}

/** Whether a vCard4 has something for a picture itself, readable or not. */
export function hasPicture(vcard4: Element): boolean {
  return elements(vcard4).some((el) => dataUri(el) !== undefined)
}

/** The first picture that stands in a vCard4. */
export function pictureIn(vcard4: Element): Photo | undefined {
  const found = elements(vcard4).map((el) => readPicture(dataUri(el) ?? ''))
  return found.find((picture) => picture !== undefined)
}

/** The picture's text, where it is not a link. */
function dataUri(el: Element): string | undefined {
  const uri = el.name === 'photo' ? valueOf(el) : ''
  return isDataUri(uri) ? uri : undefined
}

const byTemp = (el: Element) => PROPERTIES.find(({ temp }) => temp === el.name)
const byName = (el: Element) => PROPERTIES.find(({ name }) => name === el.name)

/** One text. */
function plain(temp: string, name: string, kind: (text: string) => string = () => 'text'): Property {
  return {
    temp,
    name,
    toVcard4: (el) => property(name, [], [leaf(kind(el.getText()), el.getText())]),
    toTemp: (el) => leaf(temp, valueOf(el)),
  }
}

/** Several named texts. */
function structured(temp: string, name: string, parts: readonly Part[]): Property {
  return {
    temp,
    name,
    toVcard4: (el) =>
      property(
        name,
        parameters(el),
        parts.map(([from, to]) => leaf(to, childText(el, from))),
      ),
    toTemp: (el) =>
      property(
        temp,
        flags(el),
        parts.map(([to, from]) => leaf(to, childText(el, from))),
      ),
  }
}

/** One value beside what kind it is of. */
function valued(temp: string, part: string, name: string, isUri: (text: string) => boolean): Property {
  return {
    temp,
    name,
    toVcard4: (el) => {
      const text = childText(el, part)?.trim() ?? ''
      const value = isUri(text) ? leaf('uri', prefixed(`${name}:`, text)) : leaf('text', text)
      return property(name, parameters(el), [value])
    },
    toTemp: (el) => {
      const text = valueOf(el)
      return property(temp, flags(el), [leaf(part, text.startsWith('tel:') ? text.slice(4) : text)])
    },
  }
}

/** Undefined where no value is left. */
function property(
  name: string,
  more: readonly Element[],
  values: readonly (Element | undefined)[],
): Element | undefined {
  return values.every((value) => value === undefined) ? undefined : xml(name, {}, ...more, ...values)
}

function leaf(name: string, text: string | undefined): Element | undefined {
  return text === undefined || text.trim() === '' ? undefined : xml(name, {}, text)
}

const prefixed = (prefix: string, text: string): string => (text.trim() === '' ? '' : prefix + text.trim())

/** The first value of a vCard4 property, of whatever type. */
function valueOf(el: Element): string {
  return (
    elements(el)
      .find(({ name }) => name !== 'parameters')
      ?.getText() ?? ''
  )
}

/** Flags of vcard-temp as parameters of vCard4. */
function parameters(el: Element): Element[] {
  const kinds = KINDS.filter((kind) => child(el, kind.toUpperCase())).map((kind) => xml('text', {}, kind))
  const type = kinds.length > 0 ? xml('type', {}, ...kinds) : undefined
  const pref = child(el, 'PREF') ? xml('pref', {}, xml('integer', {}, '1')) : undefined
  return type || pref ? [xml('parameters', {}, type, pref)] : []
}

function flags(el: Element): Element[] {
  const said = child(el, 'parameters')
  const type = said && child(said, 'type')
  const kinds = type ? children(type, 'text').map((text) => text.getText().toLowerCase()) : []
  const found = KINDS.filter((kind) => kinds.includes(kind)).map((kind) => xml(kind.toUpperCase()))
  return said && child(said, 'pref') ? [...found, xml('PREF')] : found
}
