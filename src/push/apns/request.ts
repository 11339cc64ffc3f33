/** From an outbox row to what Apple is asked: which push type, which token, how urgent, how long. Pure but for `bytes`. */
import type { Device } from '../../store/devices.ts'
import type { DirectFacts, Job } from '../../store/push.ts'
import type { ApnsRequest } from './composer.ts'
import type { Environment } from './credentials.ts'
import { noticeId } from '../outbox/collapse.ts'
import { endOf } from '../outbox/life.ts'
import { isPassing, urgencyOf, wakesUnseen } from '../rules/notice.ts'
import { type AppStyle, composeCall, composePayload, type Payload } from './payload.ts'

export interface RequestOptions {
  readonly environment: Environment
  readonly style: AppStyle
  /** Time for which a call rings (ms): nobody wants to hear of it later. */
  readonly ringMs: number
  readonly short: boolean
  /** To PushKit's token instead of the device's. */
  readonly voip: boolean
  readonly bytes: (n: number) => Buffer
}

/**
 * Calls that begin, and nothing else, go to PushKit: iOS ends an app that is woken so and reports no call. Siskin and
 * Snikket read of a call only what is sealed.
 */
export function goesToPushKit({ kind, call, device }: Job, { calls }: Pick<AppStyle, 'calls'>): boolean {
  if (kind !== 'call' || call === null || !device?.callAddress || calls === 'alert') return false
  return device.options.dialect !== 'tigase' || device.options.encryption !== undefined
}

/** @throws where the row has no device. */
export function requestFor(job: Job, how: RequestOptions): ApnsRequest {
  const { device, kind } = job
  if (!device) throw new Error('a push without a device has no request')
  const { voip, style, short, bytes, environment } = how
  if (job.direct) return directRequest(job, job.direct, device, how)
  const { options } = device
  const ends = Math.floor(endOf(job, how.ringMs) / 1000)
  const unseen = wakesUnseen(kind, options) && !voip
  const input = { style, options, short, bytes }
  const collapseId = noticeId(job)
  return {
    topic: device.topic,
    environment,
    token: (voip ? device.callAddress : undefined) ?? device.address,
    apnsId: job.pushId,
    // PushKit has nothing to replace.
    ...(voip ? {} : { collapseId }),
    pushType: voip ? 'voip' : unseen ? 'background' : 'alert',
    // Apple refuses 10 for what is not seen.
    priority: urgencyOf(kind, options, unseen) === 'high' ? 10 : 5,
    expiration: isPassing(kind) ? 0 : ends,
    payload: voip ? composeCall({ ...job, ends }, input) : composePayload({ ...job, collapseId }, input),
  }
}

/** A back end has composed it. The words of a call are ours, so that each app's handler of calls reads it. */
function directRequest(job: Job, direct: DirectFacts, device: Device, how: RequestOptions): ApnsRequest {
  const { type, payload, token, priority, now } = direct
  const isCall = type === 'voip'
  return {
    topic: device.topic,
    environment: how.environment,
    token: token?.token ?? (isCall ? device.callAddress : undefined) ?? device.address,
    apnsId: job.pushId,
    ...(job.collapseId === '' ? {} : { collapseId: job.collapseId }),
    pushType: type,
    priority,
    expiration: now ? 0 : Math.floor(endOf(job, how.ringMs) / 1000),
    payload: isCall ? callPayload(job, device, how) : payload,
  }
}

/** Words of a call that a back end proposes, with its own beside them. */
export function callPayload(
  job: Job,
  { options }: Device,
  how: Pick<RequestOptions, 'style' | 'bytes' | 'ringMs'>,
): Payload {
  const { style, bytes } = how
  const ends = Math.floor(endOf(job, how.ringMs) / 1000)
  const words = composeCall({ ...job, kind: 'call', ends }, { style, options, bytes })
  return { ...job.direct?.payload, ...words }
}
