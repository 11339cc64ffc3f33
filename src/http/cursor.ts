/** Cursors: only a place in the order of a list; a changed one shows another page, never anything else. */
import { HttpError } from './problem.ts'

export const cursorAt = (place: string): string => Buffer.from(place).toString('base64url')

/** @throws HttpError 400 */
export function readCursor(cursor: string): string {
  const bytes = Buffer.from(cursor, 'base64url')
  try {
    if (bytes.toString('base64url') !== cursor) throw new TypeError('not canonical')
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw badCursor()
  }
}

export const badCursor = (): HttpError =>
  new HttpError(400, 'bad-cursor', 'This cursor did not come from here.')
