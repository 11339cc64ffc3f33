/** Events that the webhook may be told of, by the names that stand in [webhook] events and in the header Belfry-Event. */
export const EVENTS = [
  'message.offline',
  'push.verdict',
  'account.created',
  'account.deleted',
  'account.disabled',
  'account.enabled',
  'account.password_changed',
  'device.registered',
  'device.moved',
  'device.removed',
  'room.created',
  'room.destroyed',
  'room.member_added',
  'room.member_removed',
  'room.message',
] as const

export type EventName = (typeof EVENTS)[number]

const NAMES: ReadonlySet<string> = new Set(EVENTS)

/** Events of rooms have the room where others have the account. */
export const isOfRoom = (name: string): boolean => name.startsWith('room.')

/** An outbox row of an event has its name where others have the rule that proposed them; only names have a dot. */
export function isEvent(kind: string): kind is EventName {
  return NAMES.has(kind)
}
