/** Ids under which programs send: again within a day, what they name is the same message (`limits.origin_id_keep`). */
import { createHash } from 'node:crypto'
import type { Trip } from '../routing/transit.ts'
import { HttpError } from './problem.ts'

/**
 * False where the same was sent under that id before. The id must not stand before another message: that one would be
 * lost without a word. @throws HttpError 409
 */
export function claim(
  t: Trip,
  { from, to, id }: { readonly from: string; readonly to: string; readonly id: string },
  content: readonly string[],
): boolean {
  const mark = `http ${from} ${to} ${id}`
  const hash = createHash('sha256').update(JSON.stringify(content)).digest('base64')
  const { messages } = t.store
  if (messages.wasStored(`${mark} ${hash}`)) return false
  if (messages.wasStored(mark))
    throw new HttpError(409, 'id-reused', 'Another message was sent under that id.')
  for (const origin of [mark, `${mark} ${hash}`]) messages.rememberOrigin(messages.nextId(), origin)
  return true
}
