/** Names of people and rooms as a lock screen shows them. They are their owners' words, and so hostile. Pure. */
import { cut } from './text.ts'

/** Bytes of a name that a push carries: they are as long as their owners like. */
const NAME_BYTES = 200
/** Controls, line ends, and marks that turn the direction of what stands behind them (Unicode bidi, tags, invisible). */
const UNSEEN =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e0fff}]/gu
/** Characters of a name that are looked at: one is up to a megabyte long. */
const LOOKED_AT = 1_000

/** A name without what is not seen, on one line; undefined where nothing is left of it. */
export function cleanName(name: string | null | undefined): string | undefined {
  if (!name) return undefined
  const seen = name.slice(0, LOOKED_AT).replace(UNSEEN, ' ').replace(/\s+/gu, ' ').trim()
  return seen === '' ? undefined : cut(seen, NAME_BYTES)
}
