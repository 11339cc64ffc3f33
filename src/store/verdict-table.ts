/** The table of verdicts: why each push went or did not, and what Apple called it. */
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'

export const verdicts = sqliteTable('verdicts', {
  id: integer('id').primaryKey(),
  accountId: integer('account_id').notNull(),
  deviceId: integer('device_id'),
  messageId: text('message_id').notNull(),
  verdict: text('verdict').$type<VerdictName>().notNull(),
  rule: text('rule').notNull(),
  reason: text('reason'),
  at: integer('at').notNull(),
  apnsId: text('apns_id'),
  apnsUniqueId: text('apns_unique_id'),
})

/** Apple's names of a push that it has answered. */
export interface AppleIds {
  readonly apnsId: string
  /** For Apple's console: of the sandbox alone. */
  readonly uniqueId?: string | undefined
}

export type VerdictName = 'sent' | 'held' | 'suppressed' | 'withdrawn' | 'coalesced' | 'dropped' | 'forgotten'
export type PushVerdict = typeof verdicts.$inferSelect
