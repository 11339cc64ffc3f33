/** Names of notices that an app takes off the screen, as a push has them. Pure. */
import type { Removal } from '../../store/outbox-table.ts'

/** Bytes of them that ride along in an alert, whose words come first. */
const RIDING_BYTES = 1_000

/** All of them: a push that says nothing else. */
export const removedBy = (removal: Removal | undefined): readonly string[] => removal?.ids ?? []

/** The newest that fit in beside the words of an alert; never the one that takes the alert's own place. */
export function ridingAlong(
  removal: Removal | undefined,
  own: string | undefined,
): { readonly remove?: readonly string[] } {
  const ids: string[] = []
  let bytes = 0
  for (const id of removedBy(removal).toReversed()) {
    bytes += Buffer.byteLength(id) + 3
    if (bytes > RIDING_BYTES) break
    if (id !== own) ids.unshift(id)
  }
  return ids.length === 0 ? {} : { remove: ids }
}
