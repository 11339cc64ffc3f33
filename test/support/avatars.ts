/** Pictures for plays, and how both kinds of clients set them. */
import { createHash } from 'node:crypto'
import { child, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import { publishes } from './pubsub.ts'

export const DATA = 'urn:xmpp:avatar:data'
export const METADATA = 'urn:xmpp:avatar:metadata'
export const UPDATE = 'vcard-temp:x:update'

export interface Picture {
  readonly base64: string
  readonly hash: string
  readonly bytes: number
  readonly type: string
}

const MAGIC: Readonly<Record<string, number[]>> = {
  'image/png': [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  'image/jpeg': [0xff, 0xd8, 0xff, 0xe0],
  'image/svg+xml': [...Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>')],
}

/** Not a picture that can be shown, but one that begins as one does; `seed` makes it another. */
export function picture(seed: string, type = 'image/png'): Picture {
  const data = Buffer.from([...(MAGIC[type] ?? []), ...Buffer.from(seed)])
  const hash = createHash('sha1').update(data).digest('hex')
  return { base64: data.toString('base64'), hash, bytes: data.length, type }
}

export const photo = ({ type, base64 }: Picture) =>
  `<PHOTO><TYPE>${type}</TYPE><BINVAL>${base64}</BINVAL></PHOTO>`

export const card = (inner: string) => `<vCard xmlns='vcard-temp'>${inner}</vCard>`

export const info = ({ bytes, hash, type }: Picture, more = '') =>
  `<info bytes='${bytes}' id='${hash}' type='${type}'${more}/>`

export const metadata = (id: string, inner: string) =>
  `<item id='${id}'><metadata xmlns='${METADATA}'>${inner}</metadata></item>`

/** What a client of XEP-0084 does. */
export async function shows(actor: Actor, it: Picture, access = 'open'): Promise<void> {
  const data = `<item id='${it.hash}'><data xmlns='${DATA}'>${it.base64}</data></item>`
  await publishes(actor, DATA, data, { access_model: access })
  await publishes(actor, METADATA, metadata(it.hash, info(it)), { access_model: access })
}

/** The vCard of an account, as somebody else gets it. */
export async function cardOf(actor: Actor, jid?: string): Promise<Element | undefined> {
  return child(await actor.asks('get', card(''), jid), 'vCard', 'vcard-temp')
}

/** Base64 of the picture in it. */
export async function photoOf(actor: Actor, jid?: string): Promise<string | undefined> {
  const found = await cardOf(actor, jid)
  const el = found && child(found, 'PHOTO')
  return el && child(el, 'BINVAL')?.getText()
}
