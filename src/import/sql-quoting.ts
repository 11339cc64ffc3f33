/**
 * Strings of ejabberd's `export2sql`: quoted as the database wants it that its configuration names. For SQLite and PostgreSQL
 * a backslash is a character like any other, for MySQL, and where none is named, it escapes; the file does not say which.
 */
import { closeSync, openSync, readSync } from 'node:fs'

const [DOUBLE, BACKSLASH] = [0x22, 0x5c]
/** Bytes behind a backslash that escapes. */
const ESCAPED = new Set(Buffer.from('0ntbr"\\\''))
const CHUNK = 1024 * 1024

/**
 * Whether backslashes escape, by the first sign of either: a double quote without one before it, or one before a letter that
 * needs none, is of a file where they do not. Without a sign both read the same, but for words such as `\new`.
 */
export function escapesByBackslash(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.allocUnsafe(CHUNK)
    let isEscaped = false
    for (;;) {
      const length = readSync(file, bytes, 0, CHUNK, null)
      if (length === 0) return true
      const chunk = bytes.subarray(0, length)
      // The byte that the last chunk's backslash belongs to.
      let at = 0
      if (isEscaped && !ESCAPED.has(chunk[at++] ?? 0)) return false
      if (isEscaped && chunk[0] === DOUBLE) return true
      isEscaped = false
      for (;;) {
        const slash = indexOf(chunk, BACKSLASH, at)
        const double = indexOf(chunk, DOUBLE, at)
        if (double < slash) return false
        if (slash === length) break
        if (slash + 1 === length) {
          isEscaped = true
          break
        }
        const next = chunk[slash + 1] ?? 0
        if (next === DOUBLE) return true
        if (!ESCAPED.has(next)) return false
        at = slash + 2
      }
    }
  } finally {
    closeSync(file)
  }
}

/** The length where there is none. */
function indexOf(chunk: Buffer, byte: number, from: number): number {
  const at = chunk.indexOf(byte, from)
  return at < 0 ? chunk.length : at
}
