/** The bytes of a picture as clients write them: Base64 in all its spellings, alone or in a data: URI (RFC 2397). */
import { createHash } from 'node:crypto'
import { StanzaError } from './errors.ts'

export interface Photo {
  /** SHA-1 of the bytes, in lower-case hex: the id of an avatar everywhere. */
  readonly hash: string
  /** The bytes as plain Base64 (RFC 4648 §4), padded and on one line. */
  readonly base64: string
  readonly bytes: number
  /** Media type of the bytes, whatever was said of them (XEP-0153 §5); what was said where they are of no known kind. */
  readonly type: string
}

/** First bytes of what is shown as a picture. */
const TYPES: readonly (readonly [type: string, magic: RegExp])[] = [
  ['image/png', /^\x89PNG\r\n\x1a\n/],
  ['image/jpeg', /^\xff\xd8\xff/],
  ['image/gif', /^GIF8[79]a/],
  ['image/webp', /^RIFF[^]{4}WEBP/],
  ['image/avif', /^[^]{4}ftypavi[fs]/],
  ['image/heic', /^[^]{4}ftyp(hei[cx]|mif1)/],
]
/** SVG and its kin, behind a byte order mark too: a program, whatever its type is said to be. */
const MARKUP = /^(?:\xef\xbb\xbf)?\s*</
const DATA_URI = /^\s*data:([^,]*),([^]*)$/i
/** Kinds that old clients name without "image/". */
const BARE = /^(?:png|jpe?g|gif|webp|bmp|tiff?|avif|heic)$/

/**
 * The picture in a text; undefined for what is empty, no Base64, or neither of a known kind nor declared as a picture.
 * White space must be accepted (XEP-0084 §4.1, XEP-0153 §4.6); padding and the alphabet of URLs are tolerated.
 */
export function readPicture(text: string, declared = ''): Photo | undefined {
  const [, said, inner] = DATA_URI.exec(text) ?? []
  if (said !== undefined && !/;\s*base64\s*$/i.test(said)) return undefined
  const data = bytesOf(said === undefined ? text : unescaped(inner ?? ''))
  if (!data) return undefined
  const head = data.toString('latin1', 0, 64)
  if (MARKUP.test(head)) return undefined
  const known = TYPES.find(([, magic]) => magic.test(head))?.[0]
  const type = known ?? imageType(said ?? '') ?? imageType(declared)
  if (type === undefined) return undefined
  const hash = createHash('sha1').update(data).digest('hex')
  return { hash, base64: data.toString('base64'), bytes: data.length, type }
}

/** Whether the picture itself stands in a text, and not a link to one. */
export const isDataUri = (text: string): boolean => DATA_URI.test(text)

/** For a picture that cannot be read: it would be in one form of the card and in no other. */
export const noPicture = (): StanzaError =>
  new StanzaError(
    'not-acceptable',
    'The picture must be Base64 of an image, such as PNG or JPEG; SVG is none.',
  )

function bytesOf(text: string): Buffer | undefined {
  const digits = text.replace(/\s+/g, '').replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
  if (digits.length % 4 === 1 || !/^[A-Za-z0-9+/]+$/.test(digits)) return undefined
  return Buffer.from(digits, 'base64')
}

/** Without its %-escapes; empty where they are none. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return ''
  }
}

/** A media type of a picture as it was declared, without parameters; undefined for another type and for a program. */
function imageType(declared: string): string | undefined {
  const [first = ''] = declared.toLowerCase().split(';')
  const type = first.trim().replace(/^image\//, '')
  const isNamed = type !== first.trim() && /^[a-z0-9][a-z0-9.+-]{0,62}$/.test(type)
  if ((!isNamed && !BARE.test(type)) || /^svg/.test(type)) return undefined
  return `image/${type === 'jpg' ? 'jpeg' : type}`
}
