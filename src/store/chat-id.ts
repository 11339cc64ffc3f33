/** Ids of chats on a phone, where a newer push replaces the older. */
import { createHash } from 'node:crypto'

/** All pushes of one kind and chat have it. 64 bytes is Apple's limit. */
export const chatId = (kind: 'chat' | 'update', peer: string): string =>
  `${kind}-${createHash('sha256').update(peer).digest('hex').slice(0, 32)}`
