/** Text cut to a number of bytes between graphemes, so that no emoji falls apart. */

export const encodedSize = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** The longest beginning of whole graphemes that fits `bytes` of UTF-8, with an ellipsis where something is left out. */
export function cut(text: string, bytes: number): string {
  return Buffer.byteLength(text) <= bytes ? text : shorten(text, bytes, (part) => Buffer.byteLength(part))
}

/** The same, counted as it stands in JSON. */
export function cutEncoded(text: string, bytes: number): string {
  return encodedSize(text) - 2 <= bytes ? text : shorten(text, bytes, (part) => encodedSize(part) - 2)
}

/**
 * Result of `build` for as much of `text` as keeps it within `limit` bytes of JSON; undefined where there is no room
 * for any. Escapes and multi-byte text count as they are encoded, so the room is found from the encoded size.
 */
export function fitted<T>(text: string, limit: number, build: (text: string) => T): T | undefined {
  const whole = build(text)
  const over = encodedSize(whole) - limit
  if (over <= 0) return whole
  const room = encodedSize(text) - 2 - over
  return room > 3 ? build(cutEncoded(text, room)) : undefined
}

function shorten(text: string, bytes: number, size: (part: string) => number): string {
  const ellipsis = '…'
  let left = bytes - Buffer.byteLength(ellipsis)
  let kept = ''
  // A grapheme may be endless (combining marks): no more of the text is segmented than could fit at all.
  for (const { segment } of segmenter.segment(text.slice(0, bytes + 1))) {
    left -= size(segment)
    if (left < 0) break
    kept += segment
  }
  return kept.trimEnd() + ellipsis
}
