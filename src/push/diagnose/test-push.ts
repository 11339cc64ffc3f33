/** `belfry push test`: rings each device of an account now, outside the outbox, and tells what the provider said. */
import type { Clock, Random } from '../../store/clock.ts'
import type { Device } from '../../store/devices.ts'
import type { ApnsSender } from '../apns/apns.ts'
import { environmentOf } from '../apns/credentials.ts'
import { withDetail } from '../apns/probe.ts'

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

/** Sequential: a person waits for a handful of devices, and the order of the lines is the order of the table. */
export async function testPush(
  sender: ApnsSender | undefined,
  devices: readonly Device[],
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<TestResult[]> {
  const results: TestResult[] = []
  for (const device of devices) {
    const id = random.uuid()
    const { topic, address } = device
    const environment = environmentOf(device)
    const base = { device: String(device.id), topic, environment, token: address.slice(-6), apns_id: id }
    if (device.kind !== 'apns' || !sender?.reaches(topic, environment)) {
      results.push({
        ...base,
        result: 'failed',
        status: null,
        reason: 'no app is configured for this topic',
        sent_through: null,
        ms: null,
        outcome: null,
      })
      continue
    }
    const started = clock.monotonic()
    const ring = {
      topic,
      environment,
      token: address,
      apnsId: id,
      pushType: 'alert' as const,
      priority: 10 as const,
      // Not kept: a test that rings tomorrow would puzzle its owner.
      expiration: Math.floor(clock.now() / 1000) + 60,
      payload: { aps: { alert: { title: 'Belfry', body: 'This is a test.' }, sound: 'default' } },
    }
    const verdict = await sender.send(ring, true)
    const accepted = verdict.outcome === 'accepted'
    results.push({
      ...base,
      result: accepted ? 'sent' : 'failed',
      status: verdict.status || null,
      reason: accepted ? null : withDetail(verdict.reason ?? verdict.outcome, verdict.detail),
      sent_through: sender.lane(topic, environment),
      ms: Math.round(clock.monotonic() - started),
      outcome: verdict.outcome,
    })
  }
  return results
}
