/** Words of a back end's alert or background push for a browser, an app for Android and the like. Pure. */
import type { DirectFacts, Job } from '../../store/push.ts'

interface AlertWords {
  readonly title: string | undefined
  readonly body: string | undefined
  readonly badge: number | undefined
  readonly sound: boolean
}

const text = (value: unknown): string | undefined =>
  typeof value === 'string' && value !== '' ? value : undefined

/** Apple's `aps`, as far as others know the like; keys for a text stand in its place. */
export function wordsOf({ payload: { aps } }: DirectFacts): AlertWords {
  const { alert, badge, sound } = aps
  const parts: Record<string, unknown> =
    typeof alert === 'object' && alert !== null ? { ...alert } : { body: alert }
  return {
    title: text(parts.title) ?? text(parts['title-loc-key']),
    body: text(parts.body) ?? text(parts['loc-key']),
    badge: typeof badge === 'number' ? badge : undefined,
    sound: sound !== undefined,
  }
}

/** Keys beside `aps`. */
export function dataOf({ payload }: DirectFacts): Record<string, unknown> {
  const { aps: _, ...data } = payload
  return data
}

const DECLARATIVE = 8030

/** JSON for a service worker (push/webpush/payload.ts), which Safari shows without one. `link`: page that a tap opens. */
export function directWeb(job: Job, direct: DirectFacts, link: string): Record<string, unknown> {
  const data = { account: job.account, kind: job.kind, ...dataOf(direct) }
  if (direct.type !== 'alert') return { data }
  const { title, body, badge, sound } = wordsOf(direct)
  return {
    web_push: DECLARATIVE,
    notification: {
      title: title ?? body ?? job.sender,
      ...(title === undefined || body === undefined ? {} : { body }),
      navigate: link,
      tag: job.collapseId || job.messageId,
      ...(badge === undefined ? {} : { app_badge: String(badge) }),
      ...(sound ? {} : { silent: true }),
      timestamp: job.createdAt,
      data,
    },
    mutable: true,
  }
}

/** Strings alone, as Google wants them. */
export function directData(job: Job, direct: DirectFacts): Record<string, string> {
  const { title, body, badge } = wordsOf(direct)
  const own: Record<string, string | undefined> = {
    account: job.account,
    kind: job.kind,
    title,
    body,
    badge: badge === undefined ? undefined : String(badge),
  }
  const custom = Object.entries(dataOf(direct)).map(([key, value]): [string, string] => [
    key,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  const said = Object.entries(own).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries([...custom, ...said])
}
