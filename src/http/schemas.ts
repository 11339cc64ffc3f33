/** The shapes that more than one route uses. */
import { z } from '@hono/zod-openapi'

export { z }

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.string().openapi({ description: 'Stable; programs may rely on it.' }),
    detail: z.string(),
    errors: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
    request_id: z.string(),
  })
  .openapi('Problem')

const time = z.string().nullable().openapi({ format: 'date-time' })

export const userSchema = z
  .object({
    jid: z.string(),
    host: z.string(),
    created: time,
    disabled: z.boolean(),
    last_seen: time,
    sessions: z.number().int(),
    archive_bytes: z
      .number()
      .int()
      .nullable()
      .openapi({ description: 'What its archive holds, some seconds late; null where there is no quota.' }),
  })
  .openapi('User')

export const writtenSchema = z.object({ jid: z.string(), warnings: z.array(z.string()) }).openapi('Written')

export const sessionSchema = z
  .object({
    jid: z.string(),
    resource: z.string(),
    transport: z.string(),
    address: z.string(),
    since: time,
    priority: z.number().int(),
    state: z.string(),
  })
  .openapi('Session')

export const deviceTokenShape = z.object({
  id: z.string(),
  kind: z.string(),
  name: z.string().nullable(),
  token: z.string().openapi({ description: 'The last characters only.' }),
  created: time,
  updated: time,
})

export const deviceSchema = z
  .object({
    id: z.string(),
    kind: z.string(),
    topic: z.string().nullable(),
    environment: z.string().nullable(),
    token: z.string().openapi({ description: 'The last characters only.' }),
    session: z.string().nullable().openapi({
      description: 'The resource or user-agent id of the session that it is; null while that is not known.',
    }),
    connected: z.string().nullable().openapi({ description: 'That session, while it is there, and how.' }),
    muted: z.boolean(),
    muted_until: time,
    locale: z.string().nullable(),
    quiet: z.object({ from: z.string(), to: z.string(), zone: z.string() }).nullable(),
    digest: z
      .string()
      .nullable()
      .openapi({ description: 'When it is told what muted rooms have had: time of day and zone.' }),
    quiet_lets_through: z.array(z.string()).openapi({ description: '`calls`, `mentions`.' }),
    tokens: z.array(deviceTokenShape).openapi({ description: 'For pushes of a back end.' }),
    state: z.string(),
    created: time,
    updated: time,
  })
  .openapi('Device')

export const tokenSchema = z
  .object({
    id: z.number().int(),
    name: z.string(),
    prefix: z.string(),
    scopes: z.array(z.string()),
    created: time,
    expires: time,
    last_used: time,
  })
  .openapi('Token')

export const inviteSchema = z
  .object({
    id: z.number().int(),
    host: z.string(),
    jid: z.string().nullable(),
    inviter: z.string().nullable(),
    register: z.boolean(),
    uses: z.number().int(),
    used: z.number().int(),
    created: time,
    expires: time,
  })
  .openapi('Invite')

export const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString())

export const json = <T extends z.ZodType>(description: string, schema: T) => ({
  description,
  content: { 'application/json': { schema } },
})

/** `required` matters: without it a body of another type would skip its schema. */
export const body = <T extends z.ZodType>(schema: T) => ({
  required: true as const,
  content: { 'application/json': { schema } },
})
