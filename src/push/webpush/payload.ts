/**
 * Words of a notice for a browser or an app: the JSON that its service worker gets, sealed. The same JSON is a
 * declarative push (`web_push` 8030), which Safari shows without the worker; all others read the fields themselves.
 */
import type { DeviceOptions } from '../../store/devices.ts'
import type { AboutFacts, Job } from '../../store/push.ts'
import { noticeId } from '../outbox/collapse.ts'
import { cutName, type Notice, showsNothing, showsSender } from '../rules/notice.ts'
import { type BodyPolicy, policyFor } from '../rules/policy.ts'
import { removedBy, ridingAlong } from '../rules/removals.ts'
import { encodedSize, fitted } from '../rules/text.ts'

export interface WebStyle {
  readonly body: BodyPolicy
  /** Page that a tap opens, with {chat} and {account} in it; undefined: the host's own. */
  readonly open?: string | undefined
}

export interface WebPayload {
  readonly [key: string]: unknown
}

/** RFC of Web Push: the mark of a declarative push. */
const DECLARATIVE = 8030
/** Bytes of a link that the operator has written, with two addresses in it. */
const LINK_BYTES = 1_000

/** `limit`: bytes of JSON. `short`: without any text of the message. */
export function webPayload(
  job: Job,
  notice: Notice,
  {
    style,
    options,
    limit,
    short,
  }: { style: WebStyle; options: DeviceOptions; limit: number; short: boolean },
): WebPayload {
  const policy = policyFor(style.body, options)
  const build = (body: string | undefined) => payloadOf(job, notice, { policy, body, style })
  const whole = build(short ? undefined : notice.body)
  if (encodedSize(whole) <= limit) return whole
  const cutDown = (notice.body && !short && fitted(notice.body, limit, build)) || build(undefined)
  return encodedSize(cutDown) <= limit ? cutDown : bare(job, notice)
}

function payloadOf(
  job: Job,
  notice: Notice,
  { policy, body, style }: { policy: BodyPolicy; body: string | undefined; style: WebStyle },
): WebPayload {
  const shown = showsSender(policy)
  const data = dataOf(job, shown)
  if (job.kind === 'remove')
    return { data: { account: job.account, kind: job.kind, remove: removedBy(job.removal) } }
  if (showsNothing(job.kind)) return { data: { ...data, badge: job.badge ?? 0 } }
  const { title = notice.phrase.text } = notice
  const said = body ?? (notice.title === undefined ? undefined : notice.phrase.text)
  return {
    web_push: DECLARATIVE,
    notification: {
      title: cutName(title),
      ...(said === undefined ? {} : { body: said }),
      navigate: linkOf(job, style, shown),
      tag: noticeId(job),
      ...(shown && job.about?.avatarUrl ? { icon: job.about.avatarUrl } : {}),
      ...(notice.badge === undefined ? {} : { app_badge: String(notice.badge) }),
      // A call stays until somebody acts.
      ...(notice.kind === 'call' ? { requireInteraction: true } : {}),
      ...(notice.sound === undefined ? { silent: true } : {}),
      timestamp: job.createdAt,
      data: { ...data, ...(shown ? aboutOf(job.about) : {}), ...ridingAlong(job.removal, noticeId(job)) },
    },
    mutable: true,
  }
}

/** For the page that opens, and for workers that fetch the message themselves. */
function dataOf(job: Job, shown: boolean): Record<string, unknown> {
  const { account, kind, sender, nick, messageId, call } = job
  return {
    account,
    kind,
    ...(shown ? { from: sender, ...(nick ? { nick: cutName(nick) } : {}) } : {}),
    ...(messageId === '' ? {} : { 'stanza-id': messageId }),
    ...(call
      ? {
          call: kind === 'call' ? 'proposed' : 'ended',
          sid: call.sid,
          media: call.media,
          ...(call.ended === undefined ? {} : { reason: call.ended }),
        }
      : {}),
    sent: Math.floor(job.createdAt / 1000),
  }
}

/** Why it concerns the reader, and how the sender looks: under the names that Apple's phones get. */
const aboutOf = (about: AboutFacts | null | undefined): Record<string, unknown> => ({
  ...(about?.mention ? { mention: true } : {}),
  ...(about?.reply ? { reply: true } : {}),
  ...(about?.recipients === undefined ? {} : { 'recipient-count': about.recipients }),
  ...(about?.avatar === undefined ? {} : { avatar: about.avatar }),
})

/** Page that a tap opens; `shown`: it may name the chat. */
export function linkOf({ account, sender }: Job, { open }: WebStyle, shown: boolean): string {
  const host = account.slice(account.indexOf('@') + 1)
  const link = (open ?? `https://${host}/`)
    .replaceAll('{account}', encodeURIComponent(account))
    .replaceAll('{chat}', shown ? encodeURIComponent(sender) : '')
  return Buffer.byteLength(link) <= LINK_BYTES ? link : `https://${host}/`
}

/** The least that a worker can show. */
function bare({ messageId, account }: Job, { phrase, badge }: Notice): WebPayload {
  const host = account.slice(account.indexOf('@') + 1)
  return {
    web_push: DECLARATIVE,
    notification: {
      title: cutName(phrase.text),
      navigate: `https://${host}/`,
      tag: messageId,
      ...(badge === undefined ? {} : { app_badge: String(badge) }),
    },
  }
}
