/**
 * Whether a push that has waited for its provider is needless by now. Most of what makes it so takes it back when it
 * comes about (push/schedule/schedule.ts); here is what nothing tells of, or what came about while it was on the wire.
 */
import type { Job } from '../../store/push.ts'
import { connectionOf } from './in-use.ts'
import { endOf } from './ringing.ts'
import { silence, stillFor } from './silence.ts'
import type { World } from '../../routing/transit.ts'
import { sessionOf } from '../registration/whose.ts'

/** The name of the rule; undefined where it is as it was. `counts`: it is about an unread message. Reads alone. */
export function outdated(world: World, job: Job, counts: boolean): string | undefined {
  const { store } = world
  const { kind, device } = job
  const account = job.accountId === null ? undefined : store.accounts.byId(job.accountId)
  // CallKit must hear of the end of what it shows, whatever has come about.
  if (!account || !device || kind === 'call-ended') return undefined
  if (account.disabled) return 'account-disabled'
  if (kind === 'badge' || kind === 'remove') return undefined
  if (job.direct) return stillFor(store, account, device, job.direct.type, world.now())
  const silent = silence(store, account, device, job, world.now())
  if (silent || !counts) return silent
  if (kind === 'call' && job.call && endOf(world, account, job.call.sid)) return 'call-ended'
  const id = Number(job.messageId)
  if (!store.unread.has(id)) return 'read-elsewhere'
  const own = sessionOf(world, account, device)
  if (!own || connectionOf(own) !== 'active' || store.messages.isStored(id)) return undefined
  for (const { given } of own.delivery.inFlight.values()) if (given.id === id) return undefined
  return 'acked'
}
