/**
 * Asks Apple whether an app's key or certificate is good, without ringing anybody: a push to a token that is none.
 * The right answer is BadDeviceToken, since Apple looks at the credential and the topic first.
 */
import { maskAddresses } from '../../net/mask-address.ts'
import type { Clock, Random } from '../../store/clock.ts'
import type { ApnsSender, AppState } from './apns.ts'
import { reasonInWords } from '../rules/reasons-text.ts'

/** As long as a real one, and surely nobody's. */
const NOBODY = 'f'.repeat(64)
/** A clock that is further off than this spoils provider tokens sooner or later. */
export const CLOCK_TOLERANCE_MS = 60_000

export interface ProbeResult {
  readonly topic: string
  readonly environment: string
  readonly sign_in: string
  readonly result: 'ok' | 'failed'
  readonly status: number | null
  readonly reason: string | null
  /** One sentence. */
  readonly meaning: string
  readonly ms: number
  readonly certificate_ends: string | null
  /** Lead of Apple's clock over ours; null where it did not tell the time. */
  readonly clock_offset_seconds: number | null
}

type Sender = Pick<ApnsSender, 'send' | 'apps' | 'clockOffsetMs'>
interface Tools {
  readonly clock: Clock
  readonly random: Random
}

/** Every configured app, side by side; a connection that is refused is told at once. */
export async function probeApps(sender: Sender | undefined, tools: Tools): Promise<ProbeResult[]> {
  if (!sender) return []
  const apps = sender.apps().filter(({ derived }) => !derived)
  return Promise.all(apps.map((app) => probe(sender, app, tools)))
}

async function probe(sender: Sender, app: AppState, { clock, random }: Tools): Promise<ProbeResult> {
  const { topic, environment, signIn, expires } = app
  const started = clock.monotonic()
  const nobody = {
    topic,
    environment,
    token: NOBODY,
    apnsId: random.uuid(),
    pushType: 'alert' as const,
    priority: 10 as const,
    expiration: 0,
    payload: { aps: { alert: 'probe' } },
  }
  const { status, reason, detail } = await sender.send(nobody, true)
  const offset = sender.clockOffsetMs
  const good = reason === 'BadDeviceToken'
  return {
    topic,
    environment,
    sign_in: signIn,
    result: good ? 'ok' : 'failed',
    status: status || null,
    reason: reason ?? null,
    meaning: good ? 'key, team and topic are accepted' : meaning(status, reason, detail) + offBy(offset),
    ms: Math.round(clock.monotonic() - started),
    certificate_ends: expires === undefined ? null : new Date(expires).toISOString(),
    clock_offset_seconds: offset === undefined ? null : Math.round(offset / 1000),
  }
}

function meaning(status: number, reason: string | undefined, detail: string | undefined): string {
  if (reason !== undefined) return withDetail(reasonInWords(reason), detail)
  return status === 200 ? 'a token that is none was accepted: this is not Apple' : `status ${status}`
}

/** The provider's word, or why there is none. */
export const withDetail = (what: string, detail: string | undefined): string =>
  detail === undefined ? what : `${what}: ${maskAddresses(detail)}`

/** Named beside a failure only: it is the usual reason why a good key is refused. */
export function offBy(offset: number | undefined): string {
  if (offset === undefined || Math.abs(offset) < CLOCK_TOLERANCE_MS) return ''
  const seconds = Math.round(Math.abs(offset) / 1000)
  return `; this machine’s clock is ${seconds} s ${offset > 0 ? 'behind' : 'ahead'}`
}
