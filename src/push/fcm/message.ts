/** Words of a notice for FCM (HTTP v1): data that the app reads, or a notice that Android itself shows. Pure. */
import type { NoticeKind } from '../../config/notice-kinds.ts'
import type { DirectFacts, Job } from '../../store/push.ts'
import { directData, wordsOf } from '../direct/web.ts'
import { FID_MARK } from './address.ts'
import { noticeId } from '../outbox/collapse.ts'
import { ttlOf } from '../outbox/life.ts'
import { cutName, noticeOf, showsNothing, showsSender, wakesUnseen } from '../rules/notice.ts'
import { type BodyPolicy, policyFor } from '../rules/policy.ts'
import { removedBy, ridingAlong } from '../rules/removals.ts'
import { cut, fitted } from '../rules/text.ts'

export interface FcmStyle {
  readonly body: BodyPolicy
  readonly notification: boolean
  readonly channel?: string | undefined
  readonly kinds?: Partial<Readonly<Record<NoticeKind, { readonly channel: string }>>>
}

export interface FcmMessage {
  readonly [key: string]: unknown
  readonly data: Readonly<Record<string, string>>
}

/** Google counts keys and values; that these stand as JSON is on the safe side. */
const DATA_BYTES = 4_000
/** Four weeks, in seconds. */
const LONGEST_S = 2_419_200

/**
 * Keys of which only the newest push is kept for a phone that is off: four at most may be alive for a device. What has
 * words of its own has none, since collapsible pushes are let through once in three minutes.
 */
const COLLAPSE = { call: 'call', update: 'update', wake: 'message' } as const

export interface MessageOptions {
  readonly style: FcmStyle
  readonly now: number
  /** Time for which a call rings (ms). */
  readonly ringMs: number
}

export function messageOf(job: Job, { style, now, ringMs }: MessageOptions): FcmMessage {
  if (job.direct) return directMessage(job, job.direct, style, now)
  const options = job.device?.options ?? {}
  const { kind, call, account } = job
  const notice = noticeOf(job, { body: style.body }, options)
  const policy = policyFor(style.body, options)
  const address = job.device?.address ?? ''
  const unseen = showsNothing(kind) || wakesUnseen(kind, options)
  // COMPAT(Conversations and kin): woken by its own name of the account, the app fetches all itself.
  const wakes = options.accountName !== undefined
  const data = wakes
    ? { account: options.accountName ?? account }
    : (fitted(notice.body ?? '', DATA_BYTES, (body) => dataOf(job, { policy, body, notice })) ??
      dataOf(job, { policy, body: '', notice }))
  const shows = style.notification && !unseen && !wakes
  const channel = (notice.kind && style.kinds?.[notice.kind]?.channel) ?? style.channel
  const key = collapseKey(call !== null, { unseen, wakes, wordless: !showsSender(policy) && !shows })
  return {
    ...toOf(address),
    data,
    ...(shows
      ? {
          notification: {
            title: data.title ?? notice.phrase.text,
            body: data.body ?? notice.phrase.text,
          },
        }
      : {}),
    android: {
      // Google lowers senders whose urgent pushes show nothing.
      priority: !unseen && notice.urgency === 'high' ? 'HIGH' : 'NORMAL',
      ttl: `${ttlOf(job, now, ringMs, LONGEST_S)}s`,
      ...(key === undefined ? {} : { collapse_key: key }),
      ...(shows
        ? {
            notification: {
              tag: noticeId(job),
              ...(channel === undefined ? {} : { channel_id: channel }),
              ...(notice.badge === undefined ? {} : { notification_count: notice.badge }),
            },
          }
        : {}),
    },
  }
}

const toOf = (address: string) =>
  address.startsWith(FID_MARK) ? { fid: address.slice(FID_MARK.length) } : { token: address }

/** A back end has composed it; one after the other is shown, so that nothing is collapsed but what shows nothing. */
function directMessage(job: Job, direct: DirectFacts, style: FcmStyle, now: number): FcmMessage {
  const data = directData(job, direct)
  const { title, body, badge } = wordsOf(direct)
  const isAlert = direct.type === 'alert'
  const shows = style.notification && isAlert
  const ttl = direct.now ? 0 : Math.max(0, Math.min(LONGEST_S, Math.floor((job.expiresAt - now) / 1000)))
  return {
    ...toOf(job.device?.address ?? ''),
    data,
    ...(shows
      ? { notification: { title: title ?? job.sender, ...(body === undefined ? {} : { body }) } }
      : {}),
    android: {
      priority: isAlert && direct.priority === 10 ? 'HIGH' : 'NORMAL',
      ttl: `${ttl}s`,
      ...(isAlert ? {} : { collapse_key: COLLAPSE.update }),
      ...(shows
        ? {
            notification: {
              tag: job.collapseId || job.messageId,
              ...(style.channel === undefined ? {} : { channel_id: style.channel }),
              ...(badge === undefined ? {} : { notification_count: badge }),
            },
          }
        : {}),
    },
  }
}

function collapseKey(
  isCall: boolean,
  how: { unseen: boolean; wakes: boolean; wordless: boolean },
): string | undefined {
  if (isCall) return COLLAPSE.call
  if (how.unseen) return COLLAPSE.update
  return how.wakes || how.wordless ? COLLAPSE.wake : undefined
}

/** Strings alone, and none of the names that Google keeps for itself (`from`, `gcm`, `message_type`, `google…`). */
function dataOf(
  job: Job,
  { policy, body, notice }: { policy: BodyPolicy; body: string; notice: ReturnType<typeof noticeOf> },
): Record<string, string> {
  const { account, kind, sender, nick, messageId, call, badge, createdAt, removal, about } = job
  const id = noticeId(job)
  const remove = kind === 'remove' ? removedBy(removal) : ridingAlong(removal, id).remove
  if (kind === 'remove') return { account: cut(account, 500), kind, remove: JSON.stringify(remove) }
  const shown = showsSender(policy)
  const all: Record<string, string | undefined> = {
    account: cut(account, 500),
    kind,
    sender: shown ? cut(sender, 500) : undefined,
    nick: shown && nick ? cutName(nick) : undefined,
    title: notice.title,
    body: body === '' ? undefined : body,
    phrase: body === '' ? notice.phrase.key : undefined,
    chat: notice.thread,
    level: notice.level,
    mention: shown && about?.mention ? 'true' : undefined,
    reply: shown && about?.reply ? 'true' : undefined,
    recipients: shown && about?.recipients !== undefined ? String(about.recipients) : undefined,
    avatar: shown ? about?.avatar : undefined,
    'avatar-url': shown ? about?.avatarUrl : undefined,
    badge: badge === null ? undefined : String(badge),
    'stanza-id': messageId === '' ? undefined : messageId,
    id: cut(id, 100),
    remove: remove && JSON.stringify(remove),
    call: call ? (kind === 'call' ? 'proposed' : 'ended') : undefined,
    sid: call ? cut(call.sid, 200) : undefined,
    media: call ? call.media.join(' ') : undefined,
    reason: call?.ended,
    sent: String(Math.floor(createdAt / 1000)),
  }
  const said = Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(said)
}
