/** The picture of a person as vcard-temp (XEP-0153 §4.5) and personal eventing (XEP-0084 §4) write it. */
import { StanzaError } from './errors.ts'
import { NS } from './namespaces.ts'
import { isDataUri, noPicture, type Photo, readPicture } from './picture.ts'
import { childText, children, type Element, elements, withAttrs, xml } from './xml.ts'

export const AVATAR_DATA = 'urn:xmpp:avatar:data'
export const AVATAR_METADATA = 'urn:xmpp:avatar:metadata'

/** A card that may be kept, as the text in which it is. @throws StanzaError policy-violation, not-acceptable */
export function checkedCard(card: Element, mostBytes: number): string {
  const text = card.toString()
  if (Buffer.byteLength(text) > mostBytes)
    throw new StanzaError('policy-violation', `A vCard may have at most ${mostBytes} bytes.`)
  if (hasPhoto(card) && !readPhoto(card)) throw noPicture()
  return text
}

/** The picture in a vCard: the first one that is one. What is only linked to is none (XEP-0153 §4.5). */
export function readPhoto(card: Element): Photo | undefined {
  for (const photo of children(card, 'PHOTO')) {
    const found = textsOf(photo).map((text) => readPicture(text, childText(photo, 'TYPE')))
    const picture = found.find((it) => it !== undefined)
    if (picture) return picture
  }
  return undefined
}

/** Whether a vCard has something for a picture, readable or not. */
export function hasPhoto(card: Element): boolean {
  return children(card, 'PHOTO').some((photo) => textsOf(photo).length > 0)
}

/** Texts that may be the picture itself. COMPAT: some clients write it into PHOTO itself, or as a data: URI in EXTVAL. */
function textsOf(photo: Element): string[] {
  const inner = children(photo, 'BINVAL').map((el) => el.getText())
  const links = children(photo, 'EXTVAL').map((el) => el.getText())
  return [...inner, ...links.filter(isDataUri), photo.getText()].filter((text) => text.trim() !== '')
}

export function photoElement({ type, base64 }: Photo): Element {
  return xml('PHOTO', {}, xml('TYPE', {}, type), xml('BINVAL', {}, base64))
}

/** The vCard with this picture in place of those it has, or with none. */
export function withPhoto(card: Element, photo: Photo | undefined): Element {
  const copy = withAttrs(card, {})
  const [first] = children(card, 'PHOTO')
  const picture = photo ? [photoElement(photo)] : []
  copy.children = card.children.flatMap((node) => {
    if (typeof node === 'string' || node.name !== 'PHOTO') return [node]
    return node === first ? picture : []
  })
  if (!first) copy.children.push(...picture)
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

/** The pictures that lie in the data node, by their ids there: others are only linked to (XEP-0398 §3.1). */
export function ownPictures(
  metadata: Element,
): { readonly id: string; readonly type?: string | undefined }[] {
  return children(metadata, 'info').flatMap(({ attrs: { id, url, type } }) =>
    url === undefined && id !== undefined ? [{ id, type }] : [],
  )
}
