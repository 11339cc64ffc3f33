/** Shapes of POST /v1/push/send. */
import { NAMED_KINDS, type TokenKind, TYPE_NAMES } from '../push/direct/types.ts'
import { jidSchema, text } from './fields.ts'
import { z } from './schemas.ts'

/** Items of one request. */
export const MOST_ITEMS = 500
const MOST_TARGETS = 100

const KINDS = ['device', 'voip', ...NAMED_KINDS] as const satisfies readonly TokenKind[]
const topic = text(255).optional().openapi({ description: 'Of this app alone.' })

const target = z.union([
  z.strictObject({ jid: jidSchema, topic }),
  z.strictObject({
    devices: z.array(text(15)).min(1).max(MOST_TARGETS).openapi({ description: 'By their ids.' }),
  }),
  z.strictObject({
    kind: z.enum(KINDS),
    tokens: z
      .array(text(500))
      .min(1)
      .max(MOST_TARGETS)
      .openapi({ description: 'As apps have registered them, in hexadecimal digits.' }),
    topic,
  }),
])

/** Names of Apple's and of apps: whatever JSON holds. */
const words = z.record(z.string(), z.unknown())

const item = z.strictObject({
  ref: text(200).optional().openapi({ description: 'Your own name of the item; the answer has it.' }),
  to: target.openapi({ description: 'All fitting devices of an account, devices, or tokens of one kind.' }),
  type: z.enum(TYPE_NAMES),
  aps: words.optional().openapi({
    description:
      'Apple’s own keys of that type. For background, widgets and controls there is but one content, and it may be left out.',
    example: { alert: { title: 'Verona', body: 'Dinner is ready' }, sound: 'default' },
  }),
  data: words.optional().openapi({
    description: 'Keys of the app beside `aps`; none that the server writes itself (payload.schema.json).',
    example: { order: 7 },
  }),
  call: z
    .strictObject({
      sid: text(200).openapi({ description: 'Session id of the call.' }),
      from: text(3071).openapi({ description: 'Address of the caller.', example: 'romeo@bix.org/orchard' }),
      media: z
        .array(z.enum(['audio', 'video']))
        .min(1)
        .max(2),
      expires: z.int().min(0).openapi({
        description: 'End of its ringing, seconds since 1970; at most `push.ring_time` from now.',
        example: 1_900_000_000,
      }),
    })
    .optional()
    .openapi({ description: 'Of voip, and needed there: PushKit ends an app that is woken for no call.' }),
  name: text(200).optional().openapi({
    description: 'Activity (needed for update and end, unless tokens are named) or control.',
    example: 'order-7',
  }),
  priority: z.union([z.literal(10), z.literal(5), z.literal(1)]).optional(),
  ttl: z
    .int()
    .min(0)
    .max(30 * 86_400)
    .optional()
    .openapi({ description: 'Seconds for which it is tried and kept; 0: now or never.' }),
  collapse_id: z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/, { error: '1 to 64 visible characters of ASCII are needed.' })
    .optional()
    .openapi({ description: 'A later push of the same takes its place on the screen.', example: 'order-7' }),
})

export type Asked = z.infer<typeof item>

export const sendBody = z.strictObject({
  items: z
    .array(item)
    .min(1)
    .max(MOST_ITEMS)
    .openapi({
      example: [
        {
          ref: 'order 7',
          to: { jid: 'harttle@bix.org' },
          type: 'alert',
          aps: { alert: { title: 'Verona', body: 'Dinner is ready' }, sound: 'default' },
          data: { order: 7 },
          collapse_id: 'order-7',
        },
      ],
    }),
})

const result = z.enum(['queued', 'suppressed', 'refused'])
const code = z.string().nullable().openapi({ description: 'Of a refusal; as of problems.', example: null })
const detail = z
  .string()
  .nullable()
  .openapi({ description: 'Why it was refused, or the rule of its suppression.', example: null })

export const sentSchema = z
  .object({
    queued: z.int().openapi({ description: 'Pushes.' }),
    suppressed: z.int().openapi({ description: 'Pushes to devices that are muted, or in quiet hours.' }),
    refused: z.int().openapi({ description: 'Items of which nothing was queued.' }),
    items: z.array(
      z.object({
        ref: z.string().nullable(),
        id: z
          .string()
          .openapi({ description: 'For `push explain`.', example: 'send-Jv0aT3k9GmQ2cX5uVb1yLw' }),
        result,
        code,
        detail,
        bytes: z.int().nullable().openapi({ description: 'Of its payload, as far as it was composed.' }),
        pushes: z.array(
          z.object({
            jid: z.string().nullable(),
            device: z.string().nullable(),
            token: z.string().nullable().openapi({ description: 'Its end.', example: 'ddeeff' }),
            result,
            code,
            detail,
          }),
        ),
      }),
    ),
  })
  .openapi('Sent')

export type Sent = z.infer<typeof sentSchema>['items'][number]
