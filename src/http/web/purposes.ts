/** Purposes of files, in words. */
import { PURPOSES, type Purpose } from '../../store/uploads.ts'
import { bucketOf } from '../../uploads/quota.ts'
import { type English, tr } from './words.ts'

const TEXTS = {
  message: 'in messages',
  profile: 'in profiles',
  ephemeral: 'for a short time',
  permanent: 'for good',
} as const satisfies Record<Purpose, English>

export const purposeText = (purpose: Purpose): string => tr(TEXTS[purpose])

/** A purpose of each quota. */
export const BUCKETS = [...new Map(PURPOSES.map((purpose) => [bucketOf(purpose).join(), purpose])).values()]

export const bucketText = (purpose: Purpose): string => bucketOf(purpose).map(purposeText).join(', ')
