/**
 * Facts of a file in a message: by a link alone (XEP-0066), a reference (XEP-0385) or sources (XEP-0447). Of a file
 * that is encrypted nothing but that it is one: its address holds the key, and the key is for the phone alone. Pure.
 */
import type { FileFacts } from '../../store/outbox-table.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { child, childText, type Element, elements } from '../../xmpp/xml.ts'
import { isEncrypted } from './classify.ts'
import { cut } from './text.ts'

/** Facts of a file of our own, by its address. */
export type OwnFile = (url: string) => { readonly name: string; readonly type: string | null } | undefined

const ESFS = 'urn:xmpp:esfs:0'
const NAME_BYTES = 100
/** Longer ones would leave no room in a payload of 4096 bytes. */
const URL_BYTES = 1500

/** Types of those names that phones give to pictures and recordings. */
const ENDINGS: Readonly<Record<string, string>> = {
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  png: 'image/png',
  gif: 'image/gif',
  webp: 'image/webp',
  heic: 'image/heic',
  mp4: 'video/mp4',
  mov: 'video/quicktime',
  webm: 'video/webm',
  m4a: 'audio/mp4',
  mp3: 'audio/mpeg',
  ogg: 'audio/ogg',
  opus: 'audio/opus',
  aac: 'audio/aac',
  wav: 'audio/wav',
}

interface Found {
  readonly url?: string | undefined
  readonly type?: string | undefined
  readonly name?: string | undefined
  readonly seconds?: number | undefined
}

/** Undefined where the message is no file, or has words of its own. `text`: those that it shows (shown.ts). */
export function fileOf(el: Element, text: string | undefined, own: OwnFile): FileFacts | undefined {
  if (isEncrypted(el)) return undefined
  const body = (text ?? '').trim()
  if (/\baesgcm:\/\//i.test(body) || holds(el, ESFS)) return { kind: 'encrypted' }
  const found = shared(el) ?? referred(el) ?? linked(el, body, own)
  if (!found) return undefined
  const { url } = found
  if (body !== '' && (url === undefined || body !== url)) return undefined
  const known = url === undefined ? undefined : own(url)
  const name = found.name ?? known?.name ?? nameIn(url)
  const type = (found.type ?? known?.type ?? typeBy(name))?.toLowerCase()
  const { seconds } = found
  const isSafe = url !== undefined && (url.startsWith('https:') || known !== undefined)
  return {
    kind: kindOf(type),
    ...(name === undefined ? {} : { name: cut(name, NAME_BYTES) }),
    ...(type === undefined ? {} : { type: cut(type, NAME_BYTES) }),
    ...(seconds === undefined ? {} : { seconds }),
    ...(isSafe && Buffer.byteLength(url) <= URL_BYTES ? { url } : {}),
  }
}

/** XEP-0447 §4 */
function shared(el: Element): Found | undefined {
  const sharing = child(el, 'file-sharing', NS.sharing)
  if (!sharing) return undefined
  const file = inner(sharing, 'file')
  const sources = child(sharing, 'sources')
  const source = sources && elements(sources).find(({ name }) => name === 'url-data')
  return { ...facts(file), url: source?.attrs.target }
}

/** XEP-0385 §3 */
function referred(el: Element): Found | undefined {
  for (const reference of elements(el)) {
    const media = reference.attrs.xmlns === NS.references && child(reference, 'media-sharing', NS.sims)
    if (!media) continue
    const sources = child(media, 'sources')
    const uris = sources ? elements(sources).map(({ attrs }) => attrs.uri) : []
    return { ...facts(inner(media, 'file')), url: uris.find((uri) => uri?.startsWith('https:')) }
  }
  return undefined
}

/** XEP-0066 §4, as all phones write it: the link is the text, too. Or the text is one of our own addresses. */
function linked(el: Element, body: string, own: OwnFile): Found | undefined {
  const oob = child(el, 'x', NS.oob)
  const told = oob && childText(oob, 'url')?.trim()
  if (body === '' || (told !== body && !own(body))) return undefined
  return { url: body }
}

const facts = (file: Element | undefined): Found => ({
  type: (file && childText(file, 'media-type')) || undefined,
  name: (file && childText(file, 'name')) || undefined,
  seconds: secondsOf(file && childText(file, 'length')),
})

/** XEP-0446 §3: in milliseconds. */
function secondsOf(text: string | undefined): number | undefined {
  if (!text || !/^\d{1,8}$/.test(text)) return undefined
  return Math.round(Number(text) / 1000)
}

/** Of any namespace: metadata have their own. */
const inner = (el: Element, name: string): Element | undefined =>
  elements(el).find((node) => node.name === name)

const holds = (el: Element, xmlns: string): boolean =>
  elements(el).some((node) => node.attrs.xmlns === xmlns || holds(node, xmlns))

function nameIn(url: string | undefined): string | undefined {
  const last = url === undefined ? '' : (URL.parse(url)?.pathname.split('/').at(-1) ?? '')
  try {
    return decodeURIComponent(last) || undefined
  } catch {
    return last || undefined
  }
}

const typeBy = (name: string | undefined): string | undefined =>
  ENDINGS[name?.split('.').at(-1)?.toLowerCase() ?? '']

function kindOf(type: string | undefined): FileFacts['kind'] {
  if (type?.startsWith('image/')) return 'photo'
  if (type?.startsWith('video/')) return 'video'
  return type?.startsWith('audio/') ? 'voice' : 'file'
}
