/** Parts of a file (RFC 9110 §14): players of Apple ask for single ranges and refuse what does not answer them. Pure. */

import type { Part } from '../../uploads/storage.ts'

/**
 * The one part that is asked for; undefined for the whole, which is also the answer to several at once and to what is
 * no range (§14.2). 'none' where the file has nothing of it.
 */
export function readRange(header: string | undefined, size: number): Part | 'none' | undefined {
  const match = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header?.trim() ?? '')
  if (!match) return undefined
  const [, first = '', last = ''] = match
  if (first === '' && last === '') return undefined
  if (first === '') return suffix(Number(last), size)
  const start = Number(first)
  if (last !== '' && Number(last) < start) return undefined
  if (start >= size) return 'none'
  return { start, end: last === '' ? size : Math.min(Number(last) + 1, size) }
}

const suffix = (length: number, size: number): Part | 'none' =>
  length === 0 || size === 0 ? 'none' : { start: Math.max(size - length, 0), end: size }

/** RFC 9110 §13.1.2: weakly compared. */
export function matchesTag(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  return header.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')))
}
