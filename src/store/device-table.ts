/** The table of registered phones, and what an app may ask for when it registers. */
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Quiet } from './unread.ts'

/** Services of devices: 'apns', and whichever kinds are added to push/registration/kinds.ts. */
export type DeviceKind = string

/** Which messages of one room ring (tigase:push:filter:groupchat:0). */
export interface RoomFilter {
  /** Bare JID. */
  readonly jid: string
  readonly allow: 'always' | 'mentioned'
  /** With 'mentioned': the name that counts. */
  readonly nick?: string
}

/** Wishes of the person for this device: they outlive what the app says at its next registration. */
export interface DeviceWishes {
  /** Until when (ms); null: until it is taken back. */
  readonly muted?: { readonly until: number | null }
  /** Beside the account's. */
  readonly quiet?: Quiet
  /** Pushes that ring through quiet hours, the device's and the account's. */
  readonly through?: readonly ('calls' | 'mentions')[]
}

/** Wishes of an app at its registration. Whatever is absent was not asked for, and the server's own rules hold. */
export interface DeviceOptions {
  /** Ring at once also while sessions are there but all of them say `away` or `xa` (tigase:push:away:0). */
  readonly away?: true
  /** The app wants a push's importance to follow its content (tigase:push:priority:0). */
  readonly byContent?: true
  /** The app takes calls (tigase:push:jingle:0). */
  readonly calls?: true
  /** Woken unseen instead of alerted: the app says itself what there is. */
  readonly silent?: true
  /** 'normal' lets the phone save power (apns-priority 5). */
  readonly importance?: 'high' | 'normal'
  /** Language of the phone (BCP 47), for phrases that are no message's words. */
  readonly locale?: string
  /** Instead of the app's. */
  readonly sound?: string
  readonly category?: string
  readonly mutableContent?: true
  /** Nothing of those who are no contacts. */
  readonly ignoreUnknown?: true
  /** Bare JIDs that do not ring. */
  readonly muted?: readonly string[]
  /** Rooms that ring; absent: the server's rules hold for every room. */
  readonly rooms?: readonly RoomFilter[]
  /** Less than the app's policy lets Apple see. */
  readonly hides?: 'body' | 'sender'
  /** Content is readable with this key only, base64 of 16 bytes. Never shown to anybody. */
  readonly encryption?: { readonly scheme: 'aes-128-gcm'; readonly key: string; readonly maxSize?: number }
  /** The app reads the keys that Tigase's push service writes. */
  readonly dialect?: 'tigase'
  /** Of a Web Push subscription. Never shown to anybody. */
  readonly web?: WebSubscription
  /** The app's own name for the account, which it looks for in what it gets (Conversations). */
  readonly accountName?: string
  /** Time (ms) that a push waits while another session is in use, instead of [push] hold (urn:xmpp:push2:0). */
  readonly grace?: number
  /** Bare JIDs that ring for mentions alone. */
  readonly mentions?: readonly string[]
  readonly wishes?: DeviceWishes
}

/** Subscription of a browser or app: its pushes are sealed with these keys (RFC 8291), and the service in between reads nothing. */
export interface WebSubscription {
  /** base64url, both. */
  readonly p256dh: string
  readonly auth: string
  /** Public key with which it was made (RFC 8292): no other is believed there. */
  readonly vapid: string
  /** Private half of it where that is the app's own, PKCS #8 in base64, and what the app wants to be claimed. */
  readonly own?: { readonly privateKey: string; readonly claims: Readonly<Record<string, string>> }
  /** The app reads stanzas in an envelope (XEP-0420), not our JSON. */
  readonly format?: 'sce'
}

/** Tie of a registration to a session: push/registration/whose.ts. */
export type Tie =
  /** The app has said which. */
  | 'named'
  /** The same, and the next session of that name is it. */
  | 'soon'
  /** The session was the only one that could be. */
  | 'only'
  /** The next one is it, if that is nobody else's. */
  | 'next'

export const devices = sqliteTable('devices', {
  id: integer('id').primaryKey(),
  accountId: integer('account_id').notNull(),
  kind: text('kind').$type<DeviceKind>().notNull(),
  topic: text('topic').notNull(),
  /** Place where its address is known, in the words of its kind; empty where there is but one. */
  environment: text('environment').notNull(),
  environmentPinned: integer('environment_pinned', { mode: 'boolean' }).notNull(),
  address: text('address').notNull(),
  sessionKey: text('session_key'),
  tie: text('tie').$type<Tie>().notNull(),
  shared: integer('shared', { mode: 'boolean' }).notNull(),
  node: text('node'),
  service: text('service'),
  createdAt: integer('created_at').notNull(),
  refreshedAt: integer('refreshed_at').notNull(),
  lastSuccess: integer('last_success'),
  lastReason: text('last_reason'),
  /** Calls go there. */
  callAddress: text('call_address'),
  options: text('options', { mode: 'json' }).$type<DeviceOptions>().notNull(),
})

export type Device = typeof devices.$inferSelect
