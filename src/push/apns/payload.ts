/** Apple's words for a notice (push/rules/notice.ts): the JSON that a phone gets, never above Apple's limit. */
import { createHash } from 'node:crypto'
import type { AppleLook, NoticeKind } from '../../config/notice-kinds.ts'
import type { DeviceOptions } from '../../store/devices.ts'
import type { AboutFacts, CallFacts, FileFacts, Removal } from '../../store/push.ts'
import { isUpdate } from '../rules/classify.ts'
import { type BodyPolicy, policyFor } from '../rules/policy.ts'
import { type Content, IV_BYTES, seal } from './encrypted.ts'
import {
  cutName,
  type Notice,
  noticeOf,
  phraseOf,
  sentence,
  showsSender,
  wakesUnseen,
} from '../rules/notice.ts'
import { removedBy, ridingAlong } from '../rules/removals.ts'
import { cut, cutEncoded, encodedSize, fitted } from '../rules/text.ts'

export interface PayloadInput {
  /** Rule of classify.ts that proposed the push, or `call-missed`. */
  readonly kind: string
  readonly account: string
  /** Bare JID of the other side, or of the room. */
  readonly sender: string
  /** A name to show instead of the JID. */
  readonly title?: string | null
  /** Nick of the speaker in the room. */
  readonly nick?: string | null
  readonly body?: string | null
  readonly badge?: number | null
  readonly messageId: string
  /** Name of the notification on the screen: a later one of that name takes its place. */
  readonly collapseId?: string | undefined
  readonly about?: AboutFacts | null
  readonly call?: CallFacts | null
  readonly file?: FileFacts | null
  readonly removal?: Removal | undefined
  /** Time at which the message came (ms since the epoch). */
  readonly createdAt: number
}

/** Style of payloads in an app's table of the configuration. */
export interface AppStyle {
  readonly body: BodyPolicy
  readonly title?: 'name' | 'jid' | 'key'
  readonly localized?: boolean
  readonly sound?: string
  readonly category?: string | undefined
  readonly mutable_content?: boolean
  readonly content_available?: boolean
  readonly interruption_level?: 'passive' | 'active' | 'time-sensitive' | undefined
  readonly kinds?: Partial<Readonly<Record<NoticeKind, AppleLook>>>
  /** Read where the row is written: what is not to be told is not in it. */
  readonly attachments?: boolean
  readonly calls?: 'voip' | 'alert' | undefined
  readonly custom?: Readonly<Record<string, string | number | boolean>>
}

/** For one device. */
export interface PayloadOptions {
  readonly style: AppStyle
  readonly options: DeviceOptions
  /** The form without any text of the message: for when the long one was refused as too large. */
  readonly short?: boolean
  /** Random bytes, for what is encrypted. */
  readonly bytes: (n: number) => Buffer
}

export interface Payload {
  readonly aps: Readonly<Record<string, unknown>>
  readonly [key: string]: unknown
}

/** Apple's limits, in bytes of JSON. */
export const ALERT_BYTES = 4096
export const VOIP_BYTES = 5120
const CATEGORY_BYTES = 100
/** An account's address that a Focus may filter by; a longer one is left out. */
const FILTER_BYTES = 200

/** An alert, or with `silent` its data alone. */
export function composePayload(input: PayloadInput, how: PayloadOptions): Payload {
  const { style, options } = how
  // Nothing is said: only the number on the icon changes.
  if (input.kind === 'badge') return { aps: { badge: input.badge ?? 0 }, account: input.account }
  if (input.kind === 'remove')
    return { aps: { 'content-available': 1 }, account: input.account, remove: removedBy(input.removal) }
  if (isUpdate(input.kind)) return updatePayload(input, how)
  const policy = options.encryption ? 'none' : policyFor(style.body, options)
  const notice = noticeOf(input, style, options)
  const attachment = policy === 'full' ? attachmentOf(input) : {}
  // Apple must not have it where it must not see whom it is from: a hash of two addresses is soon guessed.
  const chat = notice.thread === undefined ? undefined : chatIdOf(input)
  const apsOf = (said: Notice) => alertOf(said, input, { policy, chat: said.thread && chat }, how)
  if (options.encryption) {
    const content = contentOf(input, how)
    const plain = { ...(input.removal ? nameOf(input) : {}), ...ridingAlong(input.removal, input.collapseId) }
    return sealedPayload(input, how, { aps: apsOf(notice), content, limit: ALERT_BYTES, plain })
  }
  const text = how.short ? undefined : notice.body
  const build = (body: string | undefined): Payload => ({
    ...style.custom,
    aps: apsOf({ ...notice, body }),
    account: input.account,
    ...dataOf(input, how, { notice, chat, body }),
    ...attachment,
    ...stanzaOf(input),
    ...ridingAlong(input.removal, input.collapseId),
  })
  const whole = build(text)
  if (encodedSize(whole) <= ALERT_BYTES) return whole
  // Some dialects repeat the text beside the alert, so that a text cut to fit once may still be too long.
  const payload = text ? (fitted(text, ALERT_BYTES, build) ?? build(undefined)) : whole
  if (encodedSize(payload) <= ALERT_BYTES) return payload
  const bare = apsOf({ ...notice, title: undefined, subtitle: undefined, body: undefined, thread: undefined })
  return { aps: bare, account: input.account, ...nameOf(input), ...stanzaOf(input) }
}

/** File that the app's extension fetches to show it; the address is kept only where the app's table says so. */
const attachmentOf = ({ file }: PayloadInput) =>
  file?.url === undefined
    ? {}
    : { attachment: { url: file.url, ...(file.type === undefined ? {} : { type: file.type }) } }

/** Name of the notice on the phone, so that the app knows its own. */
const nameOf = ({ collapseId }: PayloadInput) =>
  collapseId === undefined ? {} : { 'collapse-id': collapseId }

const stanzaOf = ({ messageId }: PayloadInput) => (messageId === '' ? {} : { 'stanza-id': messageId })

/** Wakes the app, which fetches what has changed. */
function updatePayload(input: PayloadInput, { style, options }: PayloadOptions): Payload {
  const shown = options.encryption === undefined && showsSender(policyFor(style.body, options))
  return {
    aps: { 'content-available': 1 },
    account: input.account,
    ...(shown ? { from: input.sender, event: input.kind } : {}),
    'stanza-id': input.messageId,
  }
}

/** A call that rings. */
export interface CallInput extends PayloadInput {
  /** Time at which it has rung long enough (s since the epoch). */
  readonly ends: number
}

/** For PushKit: what CallKit shows. `aps` says nothing. Apple may be late: the app drops what is over by then. */
export function composeCall(input: CallInput, how: PayloadOptions): Payload {
  const { call, sender, ends } = input
  const times = { sent: secondsOf(input), expires: ends }
  if (how.options.encryption)
    return sealedPayload(input, how, {
      aps: {},
      content: callContentOf(input),
      limit: VOIP_BYTES,
      plain: times,
    })
  const shown = showsSender(policyFor(how.style.body, how.options))
  const least = {
    aps: {},
    account: input.account,
    call: 'proposed',
    ...(call ? { sid: call.sid } : {}),
    media: call?.media ?? [],
    ...times,
  }
  if (!shown) return fitting([{ ...how.style.custom, ...least }, least])
  const full = { ...least, from: sender, ...(call ? { sender: call.from } : {}) }
  const name = { ...least, from: cutEncoded(sender, VOIP_BYTES - encodedSize({ ...least, from: '' })) }
  return fitting([{ ...how.style.custom, ...full }, full, { ...least, from: sender }, name])
}

/** The first that PushKit takes: the app's own keys go first, then the caller's device, last a part of the name. */
function fitting(payloads: readonly Payload[]): Payload {
  const [least] = payloads.slice(-1)
  const found = payloads.find((payload) => encodedSize(payload) <= VOIP_BYTES) ?? least
  if (!found) throw new Error('there is nothing to choose from')
  return found
}

function alertOf(
  notice: Notice,
  { kind, file, account }: PayloadInput,
  { policy, chat }: { readonly policy: BodyPolicy; readonly chat: string | undefined },
  { style, options }: PayloadOptions,
): Payload['aps'] {
  const { body, phrase, thread, badge, level } = notice
  // Apple: no alert, badge or sound beside it. The number is in the summary.
  if (wakesUnseen(kind, options)) return { 'content-available': 1 }
  const look = notice.kind && style.kinds?.[notice.kind]
  const category = look?.category ?? options.category ?? style.category
  const sound = soundOf(notice, look)
  const interruption = level ?? style.interruption_level
  const words =
    body === undefined && style.localized
      ? { 'loc-key': phrase.key, ...locArgs([...(phrase.args ?? []), ...namesIn(notice)]) }
      : { body: body ?? phrase.text }
  const fetches = policy === 'full' && file?.url !== undefined
  return {
    alert: { ...titleOf(notice, style), ...words },
    ...(badge === undefined ? {} : { badge }),
    ...(sound === undefined ? {} : { sound }),
    ...(thread === undefined ? {} : { 'thread-id': thread }),
    ...(chat === undefined
      ? {}
      : { 'target-content-id': chat, 'relevance-score': relevanceOf(notice, look) }),
    ...(Buffer.byteLength(account) > FILTER_BYTES ? {} : { 'filter-criteria': account }),
    ...(style.content_available ? { 'content-available': 1 } : {}),
    ...(category === undefined ? {} : { category: cut(category, CATEGORY_BYTES) }),
    // The app's extension fetches or decrypts, then writes the text itself.
    ...(fetches || isMutable(kind, policy, style, options) ? { 'mutable-content': 1 } : {}),
    ...(interruption === undefined ? {} : { 'interruption-level': interruption }),
  }
}

/** Place in a summary, 0 to 1: who is meant or called comes first. */
function relevanceOf({ kind }: Notice, look: AppleLook | undefined): number {
  if (look?.relevance !== undefined) return look.relevance
  if (kind === 'call' || kind === 'group_call') return 1
  return kind === 'mention' || kind === 'reply' ? 0.9 : 0.5
}

/** Apple: a critical alert alone has a dictionary. */
const soundOf = ({ sound, level }: Notice, look: AppleLook | undefined) =>
  sound === undefined || level !== 'critical'
    ? sound
    : { critical: 1, name: sound, volume: look?.volume ?? 1 }

/** Names, or keys for them: Apple fills in the arguments in order. */
function titleOf(notice: Notice, { title: form }: AppStyle): Record<string, unknown> {
  const { title, subtitle } = notice
  if (title === undefined) return {}
  if (form !== 'key') return { title, ...(subtitle === undefined ? {} : { subtitle }) }
  const key = subtitle === undefined ? 'BELFRY_TITLE' : 'BELFRY_ROOM_TITLE'
  return { 'title-loc-key': key, 'title-loc-args': namesIn(notice) }
}

const namesIn = ({ title, subtitle }: Notice): string[] =>
  [title, subtitle].filter((name) => name !== undefined)

const locArgs = (args: readonly string[]) => (args.length === 0 ? {} : { 'loc-args': args })

function isMutable(kind: string, policy: BodyPolicy, style: AppStyle, options: DeviceOptions): boolean {
  if (policy === 'encrypted' || kind === 'encrypted' || style.mutable_content === true) return true
  return options.mutableContent === true || options.dialect === 'tigase'
}

interface Said {
  readonly notice: Notice
  /** Undefined where Apple must not see whom it is from. */
  readonly chat: string | undefined
  readonly body: string | undefined
}

/** Beside `aps`: for the app, in the words of its dialect. */
function dataOf(
  input: PayloadInput,
  { options }: PayloadOptions,
  { notice, chat, body }: Said,
): Record<string, unknown> {
  const shown = chat !== undefined
  const nick = shown && input.nick ? cutName(input.nick) : undefined
  return {
    ...nameOf(input),
    ...(shown
      ? {
          kind: input.kind,
          from: input.sender,
          'chat-id': chat,
          ...aboutOf(input),
        }
      : {}),
    ...(shown && input.title ? { name: input.title } : {}),
    ...(nick === undefined ? {} : { nick }),
    ...callOf(input),
    // XEP-0357 §6: the summary, for what is woken to write its own notice.
    ...(options.silent
      ? {
          'message-count': input.badge ?? 0,
          ...(shown ? { 'last-message-sender': input.sender } : {}),
          ...(body === undefined ? {} : { 'last-message-body': body }),
        }
      : {}),
    ...(options.dialect === 'tigase'
      ? {
          'unread-messages': input.badge ?? 0,
          ...(shown ? { sender: input.sender, body: body ?? notice.phrase.text } : {}),
          ...(nick === undefined ? {} : { nickname: nick }),
        }
      : {}),
  }
}

/** Conversation of an account: the same for each of its messages, whatever its name; the account's own word. */
const chatIdOf = ({ account, sender }: PayloadInput): string =>
  createHash('sha256').update(`${account}\0${sender}`).digest('base64url').slice(0, 22)

/** For a communication notification (INSendMessageIntent). */
const aboutOf = ({ about }: PayloadInput): Record<string, unknown> => ({
  ...(about?.mention ? { mention: true } : {}),
  ...(about?.reply ? { reply: true } : {}),
  ...(about?.recipients === undefined ? {} : { 'recipient-count': about.recipients }),
  ...(about?.avatar === undefined ? {} : { avatar: about.avatar }),
  ...(about?.avatarUrl === undefined ? {} : { 'avatar-url': about.avatarUrl }),
})

/** Of a call as an alert: the app takes what rings off the screen by it. */
function callOf({ call, kind, createdAt }: PayloadInput): Record<string, unknown> {
  if (!call) return {}
  const ended = call.ended === undefined ? {} : { reason: call.ended }
  return {
    call: kind === 'call' ? 'proposed' : 'ended',
    sid: call.sid,
    ...ended,
    sent: secondsOf({ createdAt }),
  }
}

const secondsOf = ({ createdAt }: Pick<PayloadInput, 'createdAt'>): number => Math.floor(createdAt / 1000)

interface Sealing {
  readonly aps: Payload['aps']
  readonly content: Content
  /** Bytes of the whole. */
  readonly limit: number
  /** Beside what is sealed. */
  readonly plain?: Record<string, unknown>
}

function sealedPayload(
  { account }: PayloadInput,
  how: PayloadOptions,
  { aps, content, limit, plain }: Sealing,
): Payload {
  const { encryption } = how.options
  if (!encryption) throw new Error('a payload without a key cannot be sealed')
  const rest = { aps, account, ...plain }
  const iv = how.bytes(IV_BYTES)
  const room = limit - encodedSize({ ...rest, encrypted: '', iv: iv.toString('base64') })
  return { ...rest, ...seal(content, encryption, iv, room) }
}

/** For PushKit: without media the app would take it for the end of the call. */
function callContentOf({ badge, call, sender }: PayloadInput): Content {
  const unread = badge ?? 0
  return call
    ? { unread, sender: call.from, type: 'call', sid: call.sid, media: call.media }
    : { unread, sender, type: 'call' }
}

/** A call as an alert is a text like others: without `message` the apps say "New message!". */
function contentOf(
  { kind, sender, nick, body, badge, file }: PayloadInput,
  { short, options: { locale } }: PayloadOptions,
): Content {
  const unread = badge ?? 0
  const text = kind === 'encrypted' || short || !body ? undefined : sentence(kind, body, locale)
  return {
    unread,
    sender,
    type: nick ? 'groupchat' : 'chat',
    ...(nick ? { nickname: cutName(nick) } : {}),
    message: text || phraseOf(kind, locale, file).text,
  }
}
