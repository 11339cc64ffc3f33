/**
 * Notice of a push, before any service's own words for it: whom it is from, its text, what groups it, how much it
 * presses. Pure.
 */
import { createHash } from 'node:crypto'
import type { DeviceOptions } from '../../store/devices.ts'
import type { FileFacts, Job } from '../../store/push.ts'
import { isUpdate } from './classify.ts'
import { type BodyPolicy, policyFor } from './policy.ts'
import { cleanName } from './names.ts'
import { cut } from './text.ts'

export interface Notice {
  /** Sender or room; undefined where the service must not see it. */
  readonly title: string | undefined
  /** Nick of the speaker in a room. */
  readonly subtitle: string | undefined
  /** The message's own text; undefined where there is none or the service must not see it. */
  readonly body: string | undefined
  /** Phrase instead of a text, and the key under which an app may say it in its own language. */
  readonly phrase: Phrase
  /** Notices of one conversation have it in common; hidden as the title is. */
  readonly thread: string | undefined
  readonly urgency: Urgency
  /** Level of interruption; undefined where that is the app's affair. */
  readonly level: 'passive' | 'time-sensitive' | undefined
  /** The number on the icon; undefined leaves it. */
  readonly badge: number | undefined
  /** Undefined: none. */
  readonly sound: string | undefined
}

export interface Phrase {
  readonly english: string
  readonly key: string
  /** Arguments of the phrase, for the app's own language. */
  readonly args?: readonly string[]
}

/** 'normal' may wait until the phone is awake anyway. */
export type Urgency = 'high' | 'normal'

/** Of a row of the outbox. */
export type NoticeFacts = Pick<Job, 'kind' | 'sender'> &
  Partial<Pick<Job, 'title' | 'nick' | 'body' | 'badge' | 'file'>>

/** Style of it in the app's table of the configuration. */
export interface NoticeStyle {
  readonly body: BodyPolicy
  readonly sound?: string | undefined
}

const TITLE_BYTES = 200
const THREAD_BYTES = 100

const PHRASES: Readonly<Record<string, Phrase>> = {
  'subscription-request': { english: 'wants to add you as a contact', key: 'BELFRY_SUBSCRIPTION' },
  invitation: { english: 'invites you to a room', key: 'BELFRY_INVITATION' },
  'call-invite': { english: 'invites you to a call', key: 'BELFRY_CALL_INVITE' },
  call: { english: 'is calling you', key: 'BELFRY_CALL' },
  'call-ended': { english: 'Call ended', key: 'BELFRY_CALL_ENDED' },
  'call-missed': { english: 'Missed call', key: 'BELFRY_MISSED_CALL' },
  attention: { english: 'asks for your attention', key: 'BELFRY_ATTENTION' },
  encrypted: { english: 'Encrypted message', key: 'BELFRY_ENCRYPTED' },
}
const FILES: Readonly<Record<FileFacts['kind'], Phrase>> = {
  photo: { english: 'Photo', key: 'BELFRY_PHOTO' },
  video: { english: 'Video', key: 'BELFRY_VIDEO' },
  voice: { english: 'Voice message', key: 'BELFRY_VOICE' },
  file: { english: 'File', key: 'BELFRY_FILE' },
  encrypted: { english: 'sent a file', key: 'BELFRY_ENCRYPTED_FILE' },
}
const GENERIC: Phrase = { english: 'New message', key: 'BELFRY_MESSAGE' }

export function noticeOf(facts: NoticeFacts, style: NoticeStyle, options: DeviceOptions): Notice {
  const { kind, sender, badge } = facts
  // Payloads sealed with the device's own key say nothing outside of it.
  const policy = options.encryption ? 'none' : policyFor(style.body, options)
  const shown = showsSender(policy)
  const sound = options.sound ?? style.sound ?? 'default'
  return {
    title: shown ? cutName(facts.title || sender) : undefined,
    subtitle: shown && facts.nick ? cleanName(facts.nick) : undefined,
    body: policy === 'full' && kind !== 'encrypted' ? facts.body || undefined : undefined,
    phrase: phraseOf(kind, policy === 'full' ? facts.file : undefined),
    thread: shown ? threadOf(sender) : undefined,
    urgency: urgencyOf(kind, options, wakesUnseen(kind, options)),
    level:
      kind === 'call' || kind === 'call-invite'
        ? 'time-sensitive'
        : kind === 'call-ended'
          ? 'passive'
          : undefined,
    badge: badge ?? undefined,
    sound: sound === '' || kind === 'call-ended' ? undefined : sound,
  }
}

/** The app is woken and nothing is shown, unless it does so itself. */
export const wakesUnseen = (kind: string, options: DeviceOptions): boolean =>
  (options.silent === true && kind !== 'badge') || isUpdate(kind)

/**
 * Whether Apple shall keep it for a phone that is off. There is one place for each app and phone, whatever is pushed: a
 * number, or what only wakes the app, would take that of a message. An app that is only ever woken has no other.
 */
export const isWorthKeeping = (kind: string): boolean => kind !== 'badge' && !isUpdate(kind)

/** Pushes that nobody sees need not wake the phone; what an app calls unimportant need not either, unless somebody calls. */
export function urgencyOf(kind: string, { importance }: DeviceOptions, unseen: boolean): Urgency {
  return unseen || kind === 'badge' || (importance === 'normal' && kind !== 'call') ? 'normal' : 'high'
}

export const phraseOf = (kind: string, file?: FileFacts | null): Phrase =>
  file ? phraseOfFile(file) : (PHRASES[kind] ?? GENERIC)

function phraseOfFile({ kind, name }: FileFacts): Phrase {
  const phrase = FILES[kind]
  if (kind !== 'file' || name === undefined) return phrase
  return { english: `${phrase.english} ${name}`, key: 'BELFRY_FILE_NAMED', args: [name] }
}

export const showsSender = (policy: BodyPolicy): boolean => policy === 'sender' || policy === 'full'

/** Names are as long as their owners like. */
export const cutName = (name: string): string => cut(name, TITLE_BYTES)

/** A JID may be longer than what groups notifications has to be. */
function threadOf(sender: string): string {
  if (Buffer.byteLength(sender) <= THREAD_BYTES) return sender
  return createHash('sha256').update(sender).digest('base64url')
}
