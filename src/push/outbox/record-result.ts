/** Traces of a provider's answer: the end of the row, its verdict, and what was learned of the device. */
import type { Device } from '../../store/devices.ts'
import type { AppleIds, Job, Push, Removal } from '../../store/push.ts'
import { showsNothing, wakesUnseen } from '../rules/notice.ts'
import { noticeId } from './collapse.ts'
import type { Lane } from './queue.ts'
import { isAnswer } from './last-look.ts'
import type { Result } from './provider.ts'

export interface Answer {
  readonly job: Job
  readonly lane: Lane
  readonly result: Result
}

export function recordAnswer(push: Push, { job, result, lane }: Answer, now: number): void {
  const { device } = job
  const apple = idsOf(job, result)
  switch (result.is) {
    case 'sent':
      push.done(job, 'sent', job.kind, undefined, now, apple)
      if (device && !hasOwnToken(job)) push.devices.succeeded(device, now)
      if (device && job.removal) noteRemoval(push, job, device, job.removal, now)
      if (device && result.environment) push.devices.learned(device.id, result.environment)
      if (device?.callAddress && result.callsGone) push.devices.forgetCalls(device.id, device.callAddress)
      return
    case 'retry':
      return push.again(job)
    case 'merged':
      push.done(job, 'coalesced', 'too-many-requests', `into ${result.into.messageId}`, now)
      // The push's collapse-id has changed.
      return push.again(result.into)
    case 'withdrawn':
      push.done(job, 'withdrawn', result.rule, undefined, now)
      return
    case 'drop':
      if (lane.provider?.replayable) return push.bury(job, job.kind, result.reason, now)
      if (push.done(job, 'dropped', job.kind, result.reason, now, apple) && device && !hasOwnToken(job))
        push.devices.failed(device.id, result.reason)
      return
    case 'forget': {
      if (device && hasOwnToken(job)) return forgetToken(push, job, device, result, now)
      // A registration that is newer than Apple's word stays; the row goes first, since it would go with its device.
      const since = device && push.devices.get(device.id) && push.devices.lastWord(device)
      const stays = since !== undefined && since > result.since
      push.done(job, stays ? 'dropped' : 'forgotten', job.kind, result.reason, now, apple)
      if (!device) return
      if (stays) push.devices.failed(device.id, result.reason)
      else push.devices.forget(device.id, result.since)
      return
    }
    case 'pause':
  }
}

/** Its token is another than the one that messages go to: what becomes of it says nothing of the device. */
const hasOwnToken = ({ direct }: Job): boolean => direct?.token !== undefined || direct?.type === 'voip'

function forgetToken(
  push: Push,
  job: Job,
  device: Device,
  { reason, since }: Result & { is: 'forget' },
  now: number,
): void {
  push.done(job, 'forgotten', job.kind, reason, now, { apnsId: job.pushId })
  const { token } = job.direct ?? {}
  if (token) push.deviceTokens.forget(token.id, token.token, since)
  else if (device.callAddress !== null) push.devices.forgetCalls(device.id, device.callAddress)
}

/** The phone shows a notice more, or has been told which have gone. */
function noteRemoval(
  { notices, devices }: Push,
  job: Job,
  device: Device,
  { ids, counts, most }: Removal,
  now: number,
): void {
  if (job.kind === 'remove') return devices.sharing(device).forEach(({ id }) => notices.tell(id, ids))
  if (!counts || showsNothing(job.kind) || wakesUnseen(job.kind, device.options)) return
  // The row may have gone with its account meanwhile.
  if (!devices.get(device.id)) return
  notices.show(device.id, { collapseId: noticeId(job), messageId: Number(job.messageId) }, now, most)
}

/** Apple's ids of the request; undefined where it was never sent. */
const idsOf = ({ device, pushId }: Job, result: Result): AppleIds | undefined =>
  device && isAnswer(result)
    ? { apnsId: pushId, uniqueId: 'uniqueId' in result ? result.uniqueId : undefined }
    : undefined
