/** Asks every service whether it believes us, without ringing anybody. */
import { offBy, probeApps, type ProbeResult, withDetail } from '../apns/probe.ts'
import type { ApnsSender } from '../apns/apns.ts'
import type { FcmProvider } from '../fcm/provider.ts'
import { reasonInWords } from '../rules/reasons-text.ts'
import type { Clock, Random } from '../../store/clock.ts'

interface Services {
  readonly apns: ApnsSender | undefined
  readonly fcm: FcmProvider | undefined
}

/** As a token looks, and surely nobody's. */
const NOBODY = 'belfry-probe:nobody-has-this-token-0000000000000000'

export async function probeAll(
  services: Services | undefined,
  tools: { readonly clock: Clock; readonly random: Random },
): Promise<ProbeResult[]> {
  const all = await Promise.all([probeApps(services?.apns, tools), probeFcm(services?.fcm, tools.clock)])
  return all.flat()
}

/** Google looks at the access token, the project and the role before it looks at the device's token. */
function probeFcm(fcm: FcmProvider | undefined, clock: Clock): Promise<ProbeResult[]> {
  if (!fcm) return Promise.resolve([])
  return Promise.all(
    fcm.apps().map(async ({ app }) => {
      const started = clock.monotonic()
      const { result, status, verdict, detail } = await fcm.try(app.topic, { token: NOBODY, data: {} }, true)
      const good = verdict?.ruling === 'gone'
      const offset = fcm.apps().find((one) => one.app === app)?.clockOffsetMs
      const reason = 'reason' in result ? result.reason : null
      const meaning = good
        ? 'account, project and role are accepted'
        : result.is === 'sent'
          ? 'a token that is none was accepted: this is not Google'
          : withDetail(reasonInWords(reason ?? ''), detail) + offBy(offset)
      return {
        topic: app.topic,
        environment: 'fcm',
        sign_in: `${app.account.email} of ${app.account.projectId}`,
        result: good ? 'ok' : 'failed',
        status,
        reason,
        meaning,
        ms: Math.round(clock.monotonic() - started),
        certificate_ends: null,
        clock_offset_seconds: offset === undefined ? null : Math.round(offset / 1000),
      } as const
    }),
  )
}
