/** Places on a phone that pushes take from each other: rings of one chat, a number, what wakes the app. Pure. */
import { createHash } from 'node:crypto'
import { chatId } from '../../store/chat-id.ts'
import type { Job } from '../../store/push.ts'
import { isUpdate } from '../rules/classify.ts'
import { showsNothing } from '../rules/notice.ts'

/**
 * Name of the notice on a phone: an alert of a call is replaced by what became of the call. 64 bytes is Apple's limit; the
 * caller chose the id of the call.
 */
export const noticeId = ({ call, collapseId }: Pick<Job, 'call' | 'collapseId'>): string =>
  call ? `call-${createHash('sha256').update(call.sid).digest('base64url')}` : collapseId

/** Alike in this, the newer of two says all that is to be said. Undefined: nothing else takes its place. */
export function alike({ device, kind, sender, call, direct }: Job): string | undefined {
  // Each call, and its end, is shown by itself; so is what a back end has composed.
  if (!device || call !== null || direct) return undefined
  const what = kind === 'badge' || kind === 'remove' ? kind : isUpdate(kind) ? 'update' : 'chat'
  return `${device.id} ${what} ${sender}`
}

/** The id of the newer one, which stands for both. */
export const mergedId = (newer: Job): string =>
  showsNothing(newer.kind) ? newer.collapseId : chatId('chat', newer.sender)
