/** Push types that a back end may ask for, by Apple's names: the token that each goes to, and what Apple takes. Pure. */
import type { PushType } from '../../store/outbox-table.ts'

/** Tokens that an app registers beside its device's own, each with what its name tells apart. */
export const TOKEN_KINDS = {
  'liveactivity-start': 'attributes type',
  liveactivity: 'activity',
  widget: undefined,
  control: 'control',
  location: undefined,
  ptt: undefined,
  complication: undefined,
  fileprovider: undefined,
} as const

export type NamedKind = keyof typeof TOKEN_KINDS
/** 'device': the token that alerts go to; 'voip': PushKit's. */
export type TokenKind = NamedKind | 'device' | 'voip'

export const NAMED_KINDS = Object.keys(TOKEN_KINDS) as [NamedKind, ...NamedKind[]]

/** Whether one device may have several tokens of the kind, told apart by a name. */
export const hasNames = (kind: TokenKind): boolean =>
  kind !== 'device' && kind !== 'voip' && TOKEN_KINDS[kind] !== undefined

export interface TypeRules {
  readonly token: TokenKind
  /** The first is taken where nothing is said. */
  readonly priorities: readonly [Priority, ...Priority[]]
  /** Bytes of JSON. */
  readonly bytes: number
  /** Time (s) for which it is worth something where nothing is said; undefined: [push] expiration. 0: now or never. */
  readonly ttl: number | undefined
  /** No certificate signs it. */
  readonly keyOnly?: true
  /** Words beside `aps` are taken. */
  readonly data: boolean
}

export type Priority = 10 | 5 | 1

const BYTES = 4096
const VOIP_BYTES = 5120
const ANY = [10, 5, 1] as const
const HOUR = 3600

/**
 * Types with their rules. A push that shows nothing by itself is not kept by Apple: it would take the one place that an
 * app has for a phone that is off from a message.
 */
export const TYPES: Readonly<Record<PushType, TypeRules>> = {
  alert: { token: 'device', priorities: ANY, bytes: BYTES, ttl: undefined, data: true },
  // Apple calls any other an error.
  background: { token: 'device', priorities: [5], bytes: BYTES, ttl: 0, data: true },
  voip: { token: 'voip', priorities: [10], bytes: VOIP_BYTES, ttl: undefined, data: true },
  // To start one it is the token of its attributes type.
  liveactivity: { token: 'liveactivity', priorities: [10, 5], bytes: BYTES, ttl: HOUR, data: false },
  widgets: { token: 'widget', priorities: ANY, bytes: BYTES, ttl: 0, data: false },
  controls: { token: 'control', priorities: ANY, bytes: BYTES, ttl: 0, data: false },
  location: { token: 'location', priorities: [10, 5], bytes: BYTES, ttl: 0, keyOnly: true, data: true },
  pushtotalk: { token: 'ptt', priorities: ANY, bytes: BYTES, ttl: 0, data: true },
  complication: { token: 'complication', priorities: ANY, bytes: BYTES, ttl: 0, data: true },
  fileprovider: { token: 'fileprovider', priorities: ANY, bytes: BYTES, ttl: 0, keyOnly: true, data: true },
}

export const TYPE_NAMES = Object.keys(TYPES) as [PushType, ...PushType[]]

/** Rule of its verdicts, and kind of its row. */
export const kindOf = (type: PushType): string => `direct-${type}`
