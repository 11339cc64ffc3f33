/** Kinds of notices that an app may tell apart by sound, level and place: `kinds` of [[push.apps]] and [[push.fcm]]. */
import { z } from 'zod'

export const NOTICE_KINDS = [
  'message',
  'mention',
  'reply',
  'reaction',
  'call',
  'group_call',
  'missed_call',
  'contact_request',
  'invitation',
  'attention',
  'joined',
  'digest',
] as const

export type NoticeKind = (typeof NOTICE_KINDS)[number]

const kind = z.enum(NOTICE_KINDS)

const look = z.strictObject({
  sound: z.string().max(100).optional(),
  interruption_level: z.enum(['passive', 'active', 'time-sensitive', 'critical']).optional(),
  category: z.string().max(100).optional(),
  relevance: z.number().min(0).max(1).optional(),
  volume: z.number().min(0).max(1).optional(),
})

export type AppleLook = z.output<typeof look>

export const appleKinds = z
  .partialRecord(kind, look)
  .default({})
  .describe(
    `Look of single kinds, each a table [push.apps.kinds.KIND]: sound, interruption_level, category, relevance (0 to 1), ` +
      `volume of a critical sound (0 to 1). KIND is ${NOTICE_KINDS.join(', ')}.`,
  )

export const fcmKinds = z
  .partialRecord(kind, z.strictObject({ channel: z.string().max(100) }))
  .default({})
  .describe(
    'Android’s channel of single kinds, each a table [push.fcm.kinds.KIND] with `channel`, as in [push.apps].',
  )

type Looks = Partial<Record<NoticeKind, AppleLook>>

/** Kinds that are critical, which Apple allows some apps alone, or loud without being so. */
export function unfit(kinds: Looks, mayBeCritical: boolean): { path: string[]; message: string }[] {
  return NOTICE_KINDS.flatMap((name) => {
    const { interruption_level: level, volume } = kinds[name] ?? {}
    if (level === 'critical' && !mayBeCritical)
      return [
        {
          path: ['kinds', name, 'interruption_level'],
          message: 'critical alerts need critical_alerts = true, and Apple’s entitlement for the app',
        },
      ]
    return volume !== undefined && level !== 'critical'
      ? [{ path: ['kinds', name, 'volume'], message: 'only a critical alert has a volume' }]
      : []
  })
}
