/** The outbox: pushes and events that wait to be sent, those that are held back, and those that were given up. */
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Device } from './devices.ts'

/** Facts of a call in a push (XEP-0353): kinds `call`, `call-ended` and `call-missed`. */
/** End of a call that had rung; CallKit's reasons remoteEnded, unanswered, answeredElsewhere and declinedElsewhere. */
export type CallEnding = 'ended' | 'cancelled' | 'unanswered' | 'answered-elsewhere' | 'declined-elsewhere'

export interface CallFacts {
  /** The session's id. */
  readonly sid: string
  /** Full JID of who calls. */
  readonly from: string
  /** 'audio', 'video'; empty once it has ended. */
  readonly media: readonly string[]
  /** Once it has ended: how. */
  readonly ended?: CallEnding
}

/** Facts of a file in a push, or of what else stands for a text: only where the app's policy lets Apple see it. */
export interface FileFacts {
  /** 'encrypted': nothing else is told of it. */
  readonly kind: 'photo' | 'video' | 'voice' | 'file' | 'encrypted' | 'sticker' | 'location' | 'spoiler'
  /** Of a spoiler the hint. */
  readonly name?: string
  /** Length of a recording. */
  readonly seconds?: number
  /** Media type. */
  readonly type?: string
  readonly url?: string
}

/** Facts of a message that an app's extension needs for a communication notification. */
export interface AboutFacts {
  readonly mention?: true
  /** An answer to the account's own message (XEP-0461). */
  readonly reply?: true
  /** Others who get it, in a room. */
  readonly recipients?: number
  /** SHA-1 of the sender's picture, lower hex (XEP-0153). */
  readonly avatar?: string
  /** Address of it, where that is a file of this server. */
  readonly avatarUrl?: string
}

/** Apple's push types, but those that only its own servers and device managers send. */
export type PushType =
  | 'alert'
  | 'background'
  | 'voip'
  | 'liveactivity'
  | 'widgets'
  | 'controls'
  | 'location'
  | 'pushtotalk'
  | 'complication'
  | 'fileprovider'

/** Facts of a push that the operator's own back end has composed (POST /v1/push/send). */
export interface DirectFacts {
  readonly type: PushType
  readonly priority: 10 | 5 | 1
  /** Its service shall not keep it for a phone that is off. */
  readonly now?: true
  /** The body as it goes out; of a call what stands beside its own words. */
  readonly payload: { readonly aps: Readonly<Record<string, unknown>>; readonly [key: string]: unknown }
  /** Row of device_tokens, and its token; undefined: the device's own, or PushKit's. */
  readonly token?: { readonly id: number; readonly token: string }
}

export const outbox = sqliteTable('outbox', {
  id: integer('id').primaryKey(),
  accountId: integer('account_id'),
  deviceId: integer('device_id'),
  state: text('state').$type<'queued' | 'held' | 'dead'>().notNull().default('queued'),
  messageId: text('message_id').notNull(),
  /** The same at each try: Apple's apns-id, the webhook's id. */
  pushId: text('push_id').notNull(),
  collapseId: text('collapse_id').notNull(),
  kind: text('kind').notNull(),
  sender: text('sender').notNull(),
  title: text('title'),
  body: text('body'),
  badge: integer('badge'),
  nick: text('nick'),
  call: text('call', { mode: 'json' }).$type<CallFacts>(),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at').notNull(),
  attempts: integer('attempts').notNull().default(0),
  nextAt: integer('next_at').notNull(),
  hold: text('hold'),
  file: text('file', { mode: 'json' }).$type<FileFacts>(),
  about: text('about', { mode: 'json' }).$type<AboutFacts>(),
  direct: text('direct', { mode: 'json' }).$type<DirectFacts>(),
})

export type OutboxRow = typeof outbox.$inferSelect

/** A row of the outbox with what its sender needs to know; `device` is undefined for the webhook. */
export type Job = Omit<OutboxRow, 'state' | 'deviceId' | 'hold' | 'file' | 'about' | 'direct'> & {
  readonly file?: FileFacts | null
  readonly about?: AboutFacts | null
  direct?: DirectFacts | null
  readonly account: string
  device: Device | undefined
  /** Undefined where the app takes no notices off. */
  removal?: Removal | undefined
}

/** Notices of a phone whose app takes them off, as it is when a push leaves. */
export interface Removal {
  /** Names of those that have gone, the oldest first. */
  readonly ids: readonly string[]
  /** The message of this push is unread: its notice goes once that is read. */
  readonly counts: boolean
  /** Notices of one phone that are kept in mind. */
  readonly most: number
}

/** Words of a push. */
export type Words = Pick<Job, 'kind' | 'body'>

export interface NewPush {
  /** The account that it is about; its id is null where an event outlives it. */
  readonly account: { readonly id: number | null; readonly jid: string }
  /** undefined: the webhook. */
  readonly device: Device | undefined
  readonly messageId: string
  readonly collapseId: string
  readonly kind: string
  readonly sender: string
  /** Only where the app's policy lets Apple see them. */
  readonly title?: string | undefined
  readonly body?: string | undefined
  readonly badge?: number | undefined
  /** Nick of the speaker in a room; `sender` is the room. */
  readonly nick?: string | undefined
  readonly call?: CallFacts | undefined
  readonly file?: FileFacts | undefined
  readonly about?: AboutFacts | undefined
  readonly direct?: DirectFacts | undefined
  readonly now: number
  readonly expiresAt: number
}
