/** The picture of a person as vcard-temp (XEP-0153 §4.5) and personal eventing (XEP-0084 §4) write it. */
import { createHash } from 'node:crypto'
import { NS } from './namespaces.ts'
import { child, childText, children, type Element, elements, withAttrs, xml } from './xml.ts'

export const AVATAR_DATA = 'urn:xmpp:avatar:data'
export const AVATAR_METADATA = 'urn:xmpp:avatar:metadata'

export interface Photo {
  /** SHA-1 of the bytes, in lower-case hex: the id of an avatar everywhere. */
  readonly hash: string
  /** The bytes as Base64 without line feeds. */
  readonly base64: string
  readonly bytes: number
  /** What the bytes are, whatever was said of them (XEP-0153 §5); undefined for no picture that is known here. */
  readonly type: string | undefined
}

/** First bytes of what is shown as a picture. SVG is not among them: it is a program. */
const TYPES: readonly (readonly [type: string, magic: RegExp])[] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[^]{4}WEBP/],
  ['image/avif', /^[^]{4}ftypavi[fs]/],
  ['image/heic', /^[^]{4}ftyp(hei[cx]|mif1)/],
]

/** Undefined for what is empty or no Base64. Line feeds must be accepted (XEP-0084 §4.1, XEP-0153 §4.6). */
export function readImage(text: string): Photo | undefined {
  const base64 = text.replace(/[ \t\r\n]+/g, '')
  if (base64 === '' || base64.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined
  const data = Buffer.from(base64, 'base64')
  const head = data.toString('latin1', 0, 16)
  return {
    hash: createHash('sha1').update(data).digest('hex'),
    base64,
    bytes: data.length,
    type: TYPES.find(([, magic]) => magic.test(head))?.[0],
  }
}

/** The picture in a vCard; one that is only linked to is none (XEP-0153 §4.5). */
export function readPhoto(card: Element): Photo | undefined {
  const photo = child(card, 'PHOTO')
  return photo && readImage(childText(photo, 'BINVAL') ?? '')
}

export function photoElement({ type, base64 }: Photo): Element {
  return xml('PHOTO', {}, xml('TYPE', {}, type ?? 'image/png'), xml('BINVAL', {}, base64))
}

/** The vCard with another picture, or with none. */
export function withPhoto(card: Element, photo: Photo | undefined): Element {
  const copy = withAttrs(card, {})
  copy.children = card.children.filter((node) => typeof node === 'string' || node.name !== 'PHOTO')
  if (photo) copy.children.push(photoElement(photo))
  return copy
}

export function emptyCard(): Element {
  return xml('vCard', { xmlns: NS.vcard })
}

/** XEP-0084 §4.1 */
export function dataElement({ base64 }: Photo): Element {
  return xml('data', { xmlns: AVATAR_DATA }, base64)
}

/** XEP-0084 §4.2; without a picture it says that there is none (§3.5). */
export function metadataElement(photo?: Photo): Element {
  const info = photo && xml('info', { bytes: String(photo.bytes), id: photo.hash, type: photo.type })
  return xml('metadata', { xmlns: AVATAR_METADATA }, info)
}

/** Whether nothing is shown any more (XEP-0084 §3.5); once that was said by `stop`. */
export function isDisabled(metadata: Element): boolean {
  return elements(metadata).every(({ name }) => name === 'stop')
}

/** Id of the picture that lies in the data node: others are only linked to (XEP-0398 §3.1). */
export function ownPicture(metadata: Element): string | undefined {
  return children(metadata, 'info').find(({ attrs }) => attrs.url === undefined)?.attrs.id
}
