/** Media types of files (RFC 9110 §8.3): which are told apart, and what a browser may show. */

export const UNKNOWN_TYPE = 'application/octet-stream'

/** RFC 9110 §5.6.2, with parameters as plain tokens or quoted strings; all in ASCII, as a header is. */
const TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+(?:[ \t]*;[ \t]*[\w!#$%&'*+.^`|~-]+=(?:[\w!#$%&'*+.^`|~-]+|"[\t !#-[\]-~]*"))*$/ // prettier-ignore
const LONGEST = 200

/** A type that can be said again in a header; undefined for anything else. */
export function readType(text: string | undefined): string | undefined {
  const type = text?.trim() ?? ''
  return type.length <= LONGEST && TYPE.test(type) ? type : undefined
}

export const essenceOf = (type: string): string => (type.split(';')[0] ?? '').trim().toLowerCase()

/** Types of programs and libraries that know nothing of the file. */
const GENERIC = new Set([
  UNKNOWN_TYPE,
  'binary/octet-stream',
  'application/x-www-form-urlencoded',
  'multipart/form-data',
  '*/*',
])

export const isGeneric = (type: string): boolean => GENERIC.has(essenceOf(type))

/** Shown where it is asked for; everything else is saved. Nothing in this list can hold a script. */
const INLINE = new Set([
  'image/png',
  'image/jpeg',
  'image/gif',
  'image/webp',
  'audio/aac',
  'audio/flac',
  'audio/mp4',
  'audio/m4a',
  'audio/x-m4a',
  'audio/mpeg',
  'audio/ogg',
  'audio/opus',
  'audio/wav',
  'audio/webm',
  'audio/x-caf',
  'video/mp4',
  'video/mpeg',
  'video/ogg',
  'video/quicktime',
  'video/webm',
  'video/3gpp',
  'text/plain',
])

export const isInline = (type: string): boolean => INLINE.has(essenceOf(type))
