/** The shapes of rooms that more than one route uses. */
import { jidSchema } from '../fields.ts'
import { z } from '../schemas.ts'
import { settingsSchema } from './settings.ts'

const time = z.string().nullable().openapi({ format: 'date-time' })
const number = z.number().int()

export const roomAddress = jidSchema.openapi({
  example: 'verona@conference.bix.org',
  description: 'The address of a room',
})

export const roomParam = z.strictObject({ jid: roomAddress.openapi({ param: { name: 'jid', in: 'path' } }) })

export const briefSchema = z
  .object({
    jid: z.string(),
    name: z.string(),
    created: time,
    public: z.boolean(),
    members_only: z.boolean(),
    occupants: number.openapi({ description: 'Those who are in it now.' }),
    members: number.openapi({ description: 'Those who belong to it, owners and admins too.' }),
    owners: number,
  })
  .openapi('RoomBrief')

export const roomSchema = briefSchema
  .extend({
    description: z.string(),
    subject: z.string(),
    avatar: z.string().nullable().openapi({ description: 'SHA-1 of the picture.' }),
    configured: z.boolean().openapi({ description: 'false: its maker has not opened it yet.' }),
    outcasts: number,
    settings: settingsSchema,
    archive: z.object({
      messages: number.openapi({ description: 'At most `limits.archive_count` are counted.' }),
      bytes: number.openapi({ description: 'Of more than 500 messages an estimate by the newest.' }),
      first: time,
      last: time,
    }),
  })
  .openapi('Room')
