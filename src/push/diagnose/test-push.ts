/** `belfry push test`: rings each device of an account now, outside the outbox, and tells what the provider said. */
import type { Clock, Random } from '../../store/clock.ts'
import type { Device } from '../../store/devices.ts'
import type { Job } from '../../store/push.ts'
import type { ApnsSender } from '../apns/apns.ts'
import { environmentOf } from '../apns/credentials.ts'
import { withDetail } from '../apns/probe.ts'
import type { FcmProvider } from '../fcm/provider.ts'
import { messageOf } from '../fcm/message.ts'
import type { Result } from '../outbox/provider.ts'
import type { WebPushProvider } from '../webpush/provider.ts'

export interface TestResult {
  readonly device: string
  readonly topic: string
  readonly environment: string
  /** The end of it. */
  readonly token: string
  readonly result: 'sent' | 'failed'
  /** HTTP status; null where no answer came. */
  readonly status: number | null
  readonly reason: string | null
  readonly apns_id: string
  /** Connection, provider and service that it goes through. */
  readonly sent_through: string | null
  readonly ms: number | null
  /** Action of the server after this answer. */
  readonly outcome: string | null
}

export interface TestServices {
  readonly apns?: ApnsSender | undefined
  readonly fcm?: FcmProvider | undefined
  readonly webpush?: WebPushProvider | undefined
}

interface Tools {
  readonly clock: Clock
  readonly random: Random
  /** Its address. */
  readonly account?: string
}

type Rung = Pick<TestResult, 'result' | 'status' | 'reason' | 'sent_through' | 'outcome'>

/** Not kept: a test that rings tomorrow would puzzle its owner. */
const KEPT_MS = 60_000
const TITLE = 'Belfry'
const TEXT = 'This is a test.'

/** Sequential: a person waits for a handful of devices, and the order of the lines is the order of the table. */
export async function testPush(
  services: TestServices | undefined,
  devices: readonly Device[],
  tools: Tools,
): Promise<TestResult[]> {
  const results: TestResult[] = []
  for (const device of devices) {
    const id = tools.random.uuid()
    const started = tools.clock.monotonic()
    const rung = await ring(services ?? {}, device, id, tools)
    const took = Math.round(tools.clock.monotonic() - started)
    results.push({
      device: String(device.id),
      topic: device.topic,
      environment: device.kind === 'apns' ? environmentOf(device) : device.kind,
      token: device.address.slice(-6),
      apns_id: id,
      ...(rung ?? NOWHERE),
      ms: rung ? took : null,
    })
  }
  return results
}

const NOWHERE: Rung = {
  result: 'failed',
  status: null,
  reason: 'no app is configured for this topic',
  sent_through: null,
  outcome: null,
}

/** Undefined where nobody is there to do it. */
function ring(
  { apns, fcm, webpush }: TestServices,
  device: Device,
  id: string,
  tools: Tools,
): Promise<Rung | undefined> {
  if (device.kind === 'webpush' && webpush) return ringWeb(webpush, jobOf(device, id, tools))
  if (device.kind === 'fcm' && fcm) return ringFcm(fcm, jobOf(device, id, tools), tools)
  const reached = device.kind === 'apns' && apns?.reaches(device.topic, environmentOf(device))
  return apns && reached ? ringApple(apns, device, id, tools) : Promise.resolve(undefined)
}

async function ringApple(apns: ApnsSender, device: Device, id: string, { clock }: Tools): Promise<Rung> {
  const { topic, address } = device
  const environment = environmentOf(device)
  const verdict = await apns.send(
    {
      topic,
      environment,
      token: address,
      apnsId: id,
      pushType: 'alert',
      priority: 10,
      expiration: Math.floor((clock.now() + KEPT_MS) / 1000),
      payload: { aps: { alert: { title: TITLE, body: TEXT }, sound: 'default' } },
    },
    true,
  )
  const accepted = verdict.outcome === 'accepted'
  return {
    result: accepted ? 'sent' : 'failed',
    status: verdict.status || null,
    reason: accepted ? null : withDetail(verdict.reason ?? verdict.outcome, verdict.detail),
    sent_through: apns.lane(topic, environment),
    outcome: verdict.outcome,
  }
}

async function ringWeb(webpush: WebPushProvider, job: Job): Promise<Rung> {
  const { result, status, detail } = await webpush.try(job)
  return { ...told(result, detail), status, sent_through: webpush.lane(job) }
}

async function ringFcm(fcm: FcmProvider, job: Job, { clock }: Tools): Promise<Rung> {
  const style = { body: 'full', notification: false } as const
  const message = messageOf(job, { style, now: clock.now(), ringMs: KEPT_MS })
  const { result, status, detail, verdict } = await fcm.try(job.device?.topic ?? '', message, false)
  return {
    ...told(result, detail),
    status,
    sent_through: fcm.lane(job),
    outcome: verdict?.ruling ?? result.is,
  }
}

function told(result: Result, detail: string | undefined): Pick<Rung, 'result' | 'reason' | 'outcome'> {
  const reason = 'reason' in result ? result.reason : null
  return {
    result: result.is === 'sent' ? 'sent' : 'failed',
    reason: reason === null ? null : withDetail(reason, detail),
    outcome: result.is,
  }
}

/** A push that no message is behind. */
function jobOf(device: Device, id: string, { clock, account = 'test@localhost' }: Tools): Job {
  const now = clock.now()
  return {
    id: 0,
    accountId: device.accountId,
    account,
    device,
    messageId: '',
    pushId: id,
    collapseId: 'test',
    kind: 'body',
    sender: account,
    title: TITLE,
    body: TEXT,
    badge: null,
    nick: null,
    call: null,
    createdAt: now,
    expiresAt: now + KEPT_MS,
    attempts: 0,
    nextAt: now,
  }
}
