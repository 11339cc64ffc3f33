/** Ids under which programs send: again within a day, what they name is the same message (`limits.origin_id_keep`). */
import { createHash } from 'node:crypto'
import type { Trip } from '../routing/transit.ts'
import { hashOf } from '../store/origins.ts'
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
  const { messages, origins } = t.store
  const [alone, whole] = [hashOf(mark), hashOf(`${mark} ${hash}`)]
  if (origins.has(whole)) return false
  if (origins.has(alone)) throw new HttpError(409, 'id-reused', 'Another message was sent under that id.')
  for (const each of [alone, whole]) origins.remember(messages.nextId(), each)
  return true
}
