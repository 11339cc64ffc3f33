/** Places on a phone that pushes take from each other: rings of one chat, a number, what wakes the app. Pure. */
import { chatId } from '../../store/chat-id.ts'
import type { Job } from '../../store/push.ts'
import { isUpdate } from '../rules/classify.ts'

/** Alike in this, the newer of two says all that is to be said. Undefined: nothing else takes its place. */
export function alike({ device, kind, sender, call, direct }: Job): string | undefined {
  // Each call, and its end, is shown by itself; so is what a back end has composed.
  if (!device || call !== null || direct) return undefined
  const what = kind === 'badge' ? 'badge' : isUpdate(kind) ? 'update' : 'chat'
  return `${device.id} ${what} ${sender}`
}

/** The id of the newer one, which stands for both. */
export const mergedId = (newer: Job): string =>
  newer.kind === 'badge' || isUpdate(newer.kind) ? newer.collapseId : chatId('chat', newer.sender)
