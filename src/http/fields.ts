/** Fields of requests, with what they may hold. The API's description is made of the limits that are applied. */
import { z } from '@hono/zod-openapi'
import { timeOfDay } from '../config/values.ts'
import { isAddress } from '../net/address.ts'
import { zoneName } from '../push/rules/quiet.ts'
import { Jid, JidError, prepareDomain, prepareResource, jidOr } from '../xmpp/jid.ts'

// XML 1.0 §2.2: what it cannot carry would spoil the stream of whoever receives it.
const XML_TEXT = /^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]*$/

/** JSON Schema counts characters, zod UTF-16 units. */
const counted = (least: number, most: number) =>
  z
    .string()
    // Half a pair is no character at all.
    .refine((text) => text.isWellFormed(), { error: 'It holds a part of a character.' })
    .refine((text) => text.length <= 2 * most && within([...text].length, least, most), {
      error: `${least} to ${most} characters are needed.`,
    })

const within = (n: number, least: number, most: number): boolean => n >= least && n <= most

/** Text of so many characters. */
export const text = (most: number, least = 1) =>
  counted(least, most)
    .regex(XML_TEXT, { error: 'It holds a character that XML cannot carry.' })
    .openapi({ minLength: least, maxLength: most })

/** Id of the last row of the page before, for lists in the order of ids. */
export const idCursor = text(15).regex(/^\d{1,15}$/, { error: 'this cursor did not come from here' })

/** Apple's, in the digits of push/registration/register.ts and of old apps, which send NSData's "<0a1b 2c3d …>". */
export const deviceTokenSchema = counted(32, 500)
  .regex(/^<?(?: *[0-9a-fA-F] *[0-9a-fA-F]){16,200} *>?$/, {
    error: 'a device token is 32 to 400 hexadecimal digits.',
  })
  .openapi({ minLength: 32, maxLength: 500 })

/** An address of a network, or what stands for its neighbours too. */
export const networkSchema = counted(2, 100)
  .refine((text) => isAddress(text.replace(/\/64$/, '')), {
    error: 'An address such as 192.0.2.1 or 2001:db8::/64 is needed.',
  })
  .openapi({ format: 'ip-network', minLength: 2, maxLength: 100 })

/** A place in a list, as an answer before has told it. */
export const cursorSchema = text(4096).openapi({ format: 'cursor' })

/** A whole number in a path or a query: digits alone, since Number() takes "1e2", "0x10" and "" as well. */
export const whole = (least: number, most: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, { error: 'A whole number is needed.' })
    .transform(Number)
    .pipe(z.number().min(least).max(most))
    .openapi({ type: 'integer', minimum: least, maximum: most })

/** Name of a request that makes something, chosen by whoever asks (idempotency.ts). */
export const keyHeader = z.object({
  'idempotency-key': text(255)
    .optional()
    .openapi({
      example: '6f1ed002-ab5d-4f0e-9c2f-2d1c6f6ab2d3',
      description:
        'Asked again with the same key within `limits.idempotency_keep`, the same answer is given and nothing is made twice; ' +
        'with another request 422. Best a UUID.',
    }),
})

/** Condition of a change (etag.ts). */
export const matchHeader = z.object({
  'if-match': text(1000).optional().openapi({
    example: '"pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4"',
    description: 'ETags of a GET: where it is none of them any more, nothing is changed (412).',
  }),
})

/** The number of a row, in a path. */
export const idParam = z.strictObject({ id: whole(1, 999_999_999_999_999) })

/** RFC 7622 §3.1: three parts of 1023 bytes, "@" and "/". */
const LONGEST_JID = 3071
const LONGEST_PART = 1023

/** An address or a part of one, prepared: equal addresses are equal strings from here on. */
const prepared = (
  prepare: (text: string) => string,
  most: number,
  shown: { format: string; example: string; description: string },
) =>
  counted(1, most)
    .transform((text, ctx) => {
      const refuse = ({ message }: JidError) => {
        ctx.addIssue({ code: 'custom', message })
        return z.NEVER
      }
      return jidOr(() => prepare(text), refuse)
    })
    .openapi({ type: 'string', minLength: 1, maxLength: most, ...shown })

/** An account's address. */
export const jidSchema = prepared((text) => bare(text, true), LONGEST_JID, {
  format: 'jid',
  example: 'harttle@bix.org',
  description: 'user@host',
})

/** The address of an account, of a host or of a service. */
export const addressSchema = prepared((text) => bare(text, false), LONGEST_JID, {
  format: 'jid',
  example: 'bix.org',
  description: 'user@host, or a domain',
})

export const hostSchema = prepared(prepareDomain, LONGEST_PART, {
  format: 'idn-hostname',
  example: 'bix.org',
  description: 'The name of a host',
})

export const resourceSchema = prepared(prepareResource, LONGEST_PART, {
  format: 'jid-resource',
  example: 'phone',
  description: 'What follows "/" in the address of a session',
})

function bare(text: string, needsUser: boolean): string {
  const jid = Jid.parse(text)
  if (!jid.isBare || (needsUser && jid.local === ''))
    throw new JidError(`An address of the form user@host${needsUser ? '' : ', or a host,'} is needed.`)
  return jid.bare
}

export const jidParam = z.strictObject({ jid: jidSchema.openapi({ param: { name: 'jid', in: 'path' } }) })

export const LONGEST_PASSWORD = 1024
export const passwordSchema = counted(1, LONGEST_PASSWORD).openapi({
  format: 'password',
  minLength: 1,
  maxLength: LONGEST_PASSWORD,
})

export const allowLookalike = z.boolean().default(false).openapi({
  description: 'Even if people would take the name for that of another account or of an administrator.',
})

export const zoneSchema = text(64)
  .refine((zone) => zoneName(zone) !== undefined, { error: 'a time zone such as "Europe/Rome"' })
  .transform((zone) => zoneName(zone) ?? zone)
  .openapi({ type: 'string', format: 'time-zone' })

/** Hours of each day, which may pass midnight. */
export const quietSchema = z.strictObject({
  from: timeOfDay,
  to: timeOfDay,
  zone: zoneSchema,
})
