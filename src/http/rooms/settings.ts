/** The settings of a room by the names of [muc.defaults] and of the forms of XEP-0045 §10.2. */
import type { RoomSettings } from '../../store/rooms.ts'
import { text } from '../fields.ts'
import { z } from '../schemas.ts'

/** The same in `RoomSettings`. */
const NAMES = {
  public: 'public',
  members_only: 'membersOnly',
  moderated: 'moderated',
  non_anonymous: 'nonAnonymous',
  password: 'password',
  max_users: 'maxUsers',
  archive: 'archived',
  logging: 'logging',
  change_subject: 'changeSubject',
  allow_invites: 'allowInvites',
  allow_private_messages: 'allowPm',
  allow_subscription: 'subscriptions',
  history: 'history',
} as const satisfies Readonly<Record<string, keyof RoomSettings>>

const fields = {
  public: z.boolean().openapi({ description: 'Listed by its service.' }),
  members_only: z.boolean().openapi({ description: 'Open to its members alone.' }),
  moderated: z.boolean().openapi({ description: 'Who is no member has to be given voice.' }),
  non_anonymous: z
    .boolean()
    .openapi({ description: 'Everybody in it sees the addresses of the others, not moderators alone.' }),
  password: text(255, 0).openapi({ description: 'Empty: none is needed.' }),
  max_users: z
    .number()
    .int()
    .min(0)
    .max(1_000_000)
    .openapi({ description: '0: as many as the server lets in.' }),
  archive: z.boolean().openapi({ description: 'Keeps what is said.' }),
  logging: z.boolean().openapi({ description: 'The archive may be read without joining.' }),
  change_subject: z.boolean().openapi({ description: 'Occupants may change the subject.' }),
  allow_invites: z.boolean().openapi({ description: 'Members may invite.' }),
  allow_private_messages: z.enum(['anyone', 'participants', 'moderators', 'none']),
  allow_subscription: z.boolean().openapi({ description: 'Its messages can be had without joining.' }),
  history: z.number().int().min(0).max(250).openapi({ description: 'Messages that are shown at a join.' }),
}

export const settingsSchema = z.object(fields).openapi('RoomSettings')
export const settingsChange = z.strictObject(fields).partial()

export function settingsView(settings: RoomSettings): z.infer<typeof settingsSchema> {
  const { password, maxUsers, allowPm, history, ...flags } = settings
  return {
    public: flags.public,
    members_only: flags.membersOnly,
    moderated: flags.moderated,
    non_anonymous: flags.nonAnonymous,
    password,
    max_users: maxUsers,
    archive: flags.archived,
    logging: flags.logging,
    change_subject: flags.changeSubject,
    allow_invites: flags.allowInvites,
    allow_private_messages: allowPm,
    allow_subscription: flags.subscriptions,
    history,
  }
}

/** Changes of a request; what it does not name stays. */
export function readChange(change: z.infer<typeof settingsChange> = {}): Partial<RoomSettings> {
  const given = Object.entries(NAMES).filter(([name]) => name in change)
  return Object.fromEntries(given.map(([name, key]) => [key, change[name as keyof typeof NAMES]]))
}
