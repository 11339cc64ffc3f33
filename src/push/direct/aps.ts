/** Apple's own keys in `aps`, by push type: others are ignored by phones, so that they are refused here. Pure. */
import { z } from 'zod'

const text = z.string()
const args = z.array(text)
const one = z.literal(1)
/** Seconds since 1970; what is far beyond is in milliseconds. */
const seconds = z
  .int()
  .min(0)
  .refine((value) => value < 100_000_000_000, { error: 'seconds since 1970 are needed, not milliseconds' })
const record = z.record(text, z.unknown())

const words = z.strictObject({
  title: text.optional(),
  subtitle: text.optional(),
  body: text.optional(),
  'launch-image': text.optional(),
  'title-loc-key': text.optional(),
  'title-loc-args': args.optional(),
  'subtitle-loc-key': text.optional(),
  'subtitle-loc-args': args.optional(),
  'loc-key': text.optional(),
  'loc-args': args.optional(),
})
const critical = z.strictObject({
  critical: one.optional(),
  name: text,
  volume: z.number().min(0).max(1).optional(),
})

export const alertAps = z
  .strictObject({
    alert: z.union([text, words]).optional(),
    badge: z.int().min(0).optional(),
    sound: z.union([text, critical]).optional(),
    'thread-id': text.optional(),
    category: text.optional(),
    'content-available': one.optional(),
    'mutable-content': one.optional(),
    'target-content-id': text.optional(),
    'interruption-level': z.enum(['passive', 'active', 'time-sensitive', 'critical']).optional(),
    'relevance-score': z.number().min(0).max(1).optional(),
    'filter-criteria': text.optional(),
  })
  .refine(({ alert, badge, sound }) => [alert, badge, sound].some((part) => part !== undefined), {
    error: 'an alert has alert, badge or sound; what shows nothing is of type background',
  })

const translated = z.union([text, z.strictObject({ 'loc-key': text, 'loc-args': args.optional() })])
/** The sound stands inside it. */
const activityAlert = z.strictObject({ title: translated, body: translated, sound: text.optional() })
const ofActivity = {
  timestamp: seconds.optional(),
  'stale-date': seconds.optional(),
  'relevance-score': z.number().optional(),
}

export const activityAps = z.discriminatedUnion('event', [
  z
    .strictObject({
      ...ofActivity,
      event: z.literal('start'),
      'attributes-type': text.min(1),
      attributes: record,
      'content-state': record,
      // Apple starts none without.
      alert: activityAlert,
      'input-push-token': one.optional(),
      'input-push-channel': text.min(1).optional(),
    })
    .refine((aps) => aps['input-push-token'] === undefined || aps['input-push-channel'] === undefined, {
      error: 'input-push-token and input-push-channel: an activity is updated by one of them',
    }),
  z.strictObject({
    ...ofActivity,
    event: z.literal('update'),
    'content-state': record,
    alert: activityAlert.optional(),
  }),
  z.strictObject({
    ...ofActivity,
    event: z.literal('end'),
    'content-state': record.optional(),
    alert: activityAlert.optional(),
    'dismissal-date': seconds.optional(),
  }),
])

export const backgroundAps = z.strictObject({ 'content-available': one })
export const changedAps = z.strictObject({ 'content-changed': z.literal(true) })
export const talkAps = z.strictObject({ 'ptt-push-type': z.literal('service-update').optional() })
export const emptyAps = z.strictObject({})
