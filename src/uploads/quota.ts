/** Quotas of files. What is stored counts, and what is on its way, so that nobody gets past by many at a time. */
import { perObject } from '../per-object.ts'
import type { Config } from '../config/config.ts'
import type { World } from '../routing/transit.ts'
import type { Purpose, Upload } from '../store/uploads.ts'

/** Purposes that share a quota. */
const BUCKETS: readonly { readonly purposes: readonly Purpose[]; readonly key: QuotaKey }[] = [
  { purposes: ['message', 'ephemeral'], key: 'account_bytes' },
  { purposes: ['profile'], key: 'profile_bytes' },
  { purposes: ['permanent'], key: 'permanent_bytes' },
]
type QuotaKey = 'account_bytes' | 'profile_bytes' | 'permanent_bytes'

/** Why a file cannot be taken. */
export type Excess = 'account' | 'server'

type Wanted = Pick<Upload, 'accountId' | 'purpose' | 'size'>

/** Files that are being put at the moment. */
export class UnderWay {
  readonly #files = new Map<string, Wanted>()

  has(file: string): boolean {
    return this.#files.has(file)
  }

  begin({ file, accountId, purpose, size }: Upload): void {
    this.#files.set(file, { accountId, purpose, size })
  }

  end({ file }: Upload): void {
    this.#files.delete(file)
  }

  bytes(of: (wanted: Wanted) => boolean = () => true): number {
    return [...this.#files.values()].filter(of).reduce((sum, { size }) => sum + size, 0)
  }
}

export const underWayOf = perObject((_: World) => new UnderWay())

/** Of the purposes that count together. */
export function bucketOf(purpose: Purpose): readonly Purpose[] {
  return BUCKETS.find(({ purposes }) => purposes.includes(purpose))?.purposes ?? [purpose]
}

export function quotaOf({ upload }: Config, purpose: Purpose): number {
  const bucket = BUCKETS.find(({ purposes }) => purposes.includes(purpose))
  return bucket ? upload[bucket.key] : Infinity
}

/** The quota that one more file would exceed. */
export function excessOf(world: World, wanted: Wanted): Excess | undefined {
  const { config, store } = world
  const { accountId, purpose, size } = wanted
  const moving = underWayOf(world)
  const bucket = bucketOf(purpose)
  const own = moving.bytes((other) => other.accountId === accountId && bucket.includes(other.purpose))
  if (store.uploads.bytesOf(accountId, bucket) + own + size > quotaOf(config, purpose)) return 'account'
  return store.uploads.total() + moving.bytes() + size > config.upload.total_bytes ? 'server' : undefined
}

const KEEP = {
  message: 'keep',
  ephemeral: 'keep_ephemeral',
  profile: 'keep_profile',
  permanent: 'keep_permanent',
} as const

export const keepOf = ({ upload }: Config, purpose: Purpose): number => upload[KEEP[purpose]]

/** Time at which a stored file is over, ms since the epoch; Infinity: never. */
export function endOf(config: Config, { purpose, storedAt, endsAt }: Upload): number {
  const byAge = storedAt === null ? Infinity : storedAt + keepOf(config, purpose)
  return Math.min(byAge, endsAt ?? Infinity)
}
