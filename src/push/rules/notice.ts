/**
 * Notice of a push, before any service's own words for it: whom it is from, its text, what groups it, how much it
 * presses. Pure.
 */
import { createHash } from 'node:crypto'
import type { NoticeKind } from '../../config/notice-kinds.ts'
import type { DeviceOptions } from '../../store/devices.ts'
import type { FileFacts, Job } from '../../store/push.ts'
import { isUpdate } from './classify.ts'
import { type BodyPolicy, policyFor } from './policy.ts'
import { cleanName } from './names.ts'
import { noticeKind } from './notice-kind.ts'
import { type Phrase, phrase, type PhraseKey } from './phrases.ts'
import { cut } from './text.ts'

export interface Notice {
  /** Kind by which the app's table gives it a look of its own; undefined of what only takes the place of another. */
  readonly kind: NoticeKind | undefined
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
  readonly level: Level | undefined
  /** The number on the icon; undefined leaves it. */
  readonly badge: number | undefined
  /** Undefined: none. */
  readonly sound: string | undefined
}

/** Apple's levels of interruption. */
export type Level = 'passive' | 'active' | 'time-sensitive' | 'critical'

/** 'normal' may wait until the phone is awake anyway. */
export type Urgency = 'high' | 'normal'

/** Of a row of the outbox. */
export type NoticeFacts = Pick<Job, 'kind' | 'sender'> &
  Partial<Pick<Job, 'title' | 'nick' | 'body' | 'badge' | 'file' | 'about'>>

/** Style of it in the app's table of the configuration. */
export interface NoticeStyle {
  readonly body: BodyPolicy
  readonly sound?: string | undefined
  readonly kinds?: Partial<Readonly<Record<NoticeKind, NoticeLook>>>
}

/** Of one kind, where it differs from the rest. */
interface NoticeLook {
  readonly sound?: string | undefined
  readonly interruption_level?: Level | undefined
}

const TITLE_BYTES = 200
const THREAD_BYTES = 100

const PHRASES: Readonly<Record<string, PhraseKey>> = {
  'subscription-request': 'BELFRY_SUBSCRIPTION',
  invitation: 'BELFRY_INVITATION',
  'call-invite': 'BELFRY_CALL_INVITE',
  call: 'BELFRY_CALL',
  'call-ended': 'BELFRY_CALL_ENDED',
  'call-missed': 'BELFRY_MISSED_CALL',
  attention: 'BELFRY_ATTENTION',
  reacted: 'BELFRY_REACTION',
  joined: 'BELFRY_JOINED',
  digest: 'BELFRY_DIGEST',
  encrypted: 'BELFRY_ENCRYPTED',
}
/** Of a file, and of whatever else stands for a text; with its name where it has one. */
const FILES: Readonly<Record<FileFacts['kind'], readonly [bare: PhraseKey, named?: PhraseKey]>> = {
  photo: ['BELFRY_PHOTO'],
  video: ['BELFRY_VIDEO'],
  voice: ['BELFRY_VOICE'],
  file: ['BELFRY_FILE', 'BELFRY_FILE_NAMED'],
  encrypted: ['BELFRY_ENCRYPTED_FILE'],
  sticker: ['BELFRY_STICKER', 'BELFRY_STICKER_NAMED'],
  location: ['BELFRY_LOCATION'],
  spoiler: ['BELFRY_SPOILER', 'BELFRY_SPOILER_NAMED'],
}

export function noticeOf(facts: NoticeFacts, style: NoticeStyle, options: DeviceOptions): Notice {
  const { kind, sender, badge } = facts
  // Payloads sealed with the device's own key say nothing outside of it.
  const policy = options.encryption ? 'none' : policyFor(style.body, options)
  const shown = showsSender(policy)
  const soundless = isSoundless(kind)
  const own = soundless ? undefined : noticeKind(kind, shown ? facts.about : undefined)
  const look = own && style.kinds?.[own]
  return {
    kind: own,
    title: shown ? cutName(facts.title || sender) : undefined,
    subtitle: shown && facts.nick ? cleanName(facts.nick) : undefined,
    body:
      policy === 'full' && kind !== 'encrypted' && facts.body
        ? sentence(kind, facts.body, options.locale)
        : undefined,
    phrase: phraseOf(kind, options.locale, policy === 'full' ? facts.file : undefined),
    thread: shown ? threadOf(sender) : undefined,
    urgency: urgencyOf(kind, options, wakesUnseen(kind, options)),
    level: soundless ? 'passive' : (look?.interruption_level ?? levelOf(kind)),
    badge: badge ?? undefined,
    sound: soundless ? undefined : soundOf(options, style, look),
  }
}

const levelOf = (kind: string): Level | undefined =>
  kind === 'call' || kind === 'call-invite' ? 'time-sensitive' : undefined

/** A phone that wants none has none; else what is meant for this kind alone goes before what is meant for all. */
function soundOf(
  { sound: asked }: DeviceOptions,
  { sound }: NoticeStyle,
  look: NoticeLook | undefined,
): string | undefined {
  return asked === '' ? undefined : (look?.sound ?? asked ?? sound ?? 'default') || undefined
}

/** Of a reaction its emojis are no sentence. */
export const sentence = (kind: string, body: string, locale: string | undefined): string =>
  kind === 'reacted' ? phrase('BELFRY_REACTION_WITH', locale, body).text : body

/** The app is woken and nothing is shown, unless it does so itself. */
export const wakesUnseen = (kind: string, options: DeviceOptions): boolean =>
  (options.silent === true && kind !== 'badge') || isUpdate(kind) || kind === 'remove'

/**
 * A number, or what only wakes the app, to take notices off too: no service shall keep it for a phone that is off. Apple
 * has one place for each app and phone, whatever is pushed, and it would take that of a message. An app that is only ever
 * woken has no other.
 */
export const showsNothing = (kind: string): boolean =>
  ['badge', 'remove', 'direct-background'].includes(kind) || isUpdate(kind)

/** Alerts that only take the place of one that is shown. */
const isSoundless = (kind: string): boolean => kind === 'call-ended' || kind === 'corrected'

/**
 * No service shall keep it for a phone that is off: beside what shows nothing, a correction, which might be of an older
 * message than the one that is kept.
 */
export const isPassing = (kind: string): boolean => showsNothing(kind) || kind === 'corrected'

/** Pushes that nobody sees need not wake the phone; what an app calls unimportant need not either, unless somebody calls. */
export function urgencyOf(kind: string, { importance }: DeviceOptions, unseen: boolean): Urgency {
  return unseen || kind === 'badge' || kind === 'corrected' || (importance === 'normal' && kind !== 'call')
    ? 'normal'
    : 'high'
}

export function phraseOf(kind: string, locale: string | undefined, file?: FileFacts | null): Phrase {
  if (!file) return phrase(PHRASES[kind] ?? 'BELFRY_MESSAGE', locale)
  if (file.kind === 'voice' && file.seconds !== undefined)
    return phrase('BELFRY_VOICE_LENGTH', locale, clockOf(file.seconds))
  const [bare, named] = FILES[file.kind]
  return named && file.name !== undefined ? phrase(named, locale, file.name) : phrase(bare, locale)
}

/** Minutes and seconds: 0:12 */
const clockOf = (seconds: number): string =>
  `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, '0')}`

export const showsSender = (policy: BodyPolicy): boolean => policy === 'sender' || policy === 'full'

/** Names are as long as their owners like. */
export const cutName = (name: string): string => cut(name, TITLE_BYTES)

/** A JID may be longer than what groups notifications has to be. */
function threadOf(sender: string): string {
  if (Buffer.byteLength(sender) <= THREAD_BYTES) return sender
  return createHash('sha256').update(sender).digest('base64url')
}
