/**
 * Facts are what any source says, one at a time, in one neutral form: a reader for each source makes them, one writer
 * takes them. Addresses are as the source has them; the writer prepares and maps them.
 */
import type { HashName } from '../store/credentials.ts'
import type { Affiliation } from '../store/room-affiliations.ts'
import type { RoomSettings } from '../store/rooms.ts'
import type { ArchiveMode } from '../store/history.ts'
import type { Subscription } from '../store/contacts.ts'
import type { FormValues } from '../xmpp/forms.ts'
import type { Element } from '../xmpp/xml.ts'

/** As the source has them: lengths and sense are checked by keys.ts. */
export interface SourceKeys {
  readonly hash: HashName | 'SHA-512'
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

/** An account or a room. */
type Of<Kind extends string, Rest> = { readonly kind: Kind; readonly owner: string } & Readonly<Rest>

export type Fact =
  | Of<'account', { keys: readonly SourceKeys[]; password?: string | undefined; createdAt?: number }>
  /** `at`: ms since the epoch. */
  | Of<'last', { at: number; status: string }>
  | Of<
      'contact',
      {
        jid: string
        name?: string | undefined
        groups: readonly string[]
        subscription: Subscription
        ask: boolean
        approved?: boolean
      }
    >
  /** A group of a contact that was named before. */
  | Of<'group', { jid: string; group: string }>
  /** Somebody who has asked and waits for an answer; `text` is what was said with it. */
  | Of<'request', { jid: string; nick?: string | undefined; text?: string | undefined }>
  | Of<'vcard', { el: Element }>
  | Of<'private', { el: Element }>
  | Of<'blocked', { jid: string }>
  /** `at`: µs since the epoch; undefined where only the stanza may tell. */
  | Of<'offline', { at: number | undefined; el: Element }>
  /** `at`: µs since the epoch; `coarse` where it is of whole seconds. */
  | Of<'archived', { at: number; coarse?: boolean; peer: string; el: Element }>
  | Of<'archive-prefs', { mode: ArchiveMode; always: readonly string[]; never: readonly string[] }>
  /** Options by their names in XEP-0060, with "pubsub#". */
  | Of<'node', { node: string; options: FormValues }>
  | Of<'item', { node: string; id: string; payload: Element | undefined }>
  /** A registration of XEP-0357: at which push service, and what its app has said; `resource`: of the session that said it. */
  | Of<'push', { service: string; node: string; form: Element | undefined; resource?: string | undefined }>
  | Of<
      'room',
      { settings: Partial<RoomSettings>; subject?: { text: string; nick: string; at?: number } | undefined }
    >
  | Of<
      'affiliation',
      {
        user: string
        affiliation: Affiliation
        nick?: string | undefined
        reason?: string | undefined
      }
    >
  | Of<'room-nick', { user: string; nick: string }>
  | Of<'subscriber', { user: string; nick: string; nodes: readonly string[] }>
  /** `from`: who has said it, where the source knows. */
  | Of<'room-message', { at: number; coarse?: boolean; nick: string; from?: string | undefined; el: Element }>
  /** Something of the source that cannot come over, and why. */
  | Of<'reject', { why: string }>

/** A source that can be read from its start as often as is needed. */
export interface Source {
  /** Bytes of what there is to read, for the bar; 0 where nobody knows. */
  readonly bytes: number
  /**
   * Passes that the source must be read in, so that accounts come before what belongs to them and rows before what is
   * added to them, without keeping either in memory.
   */
  readonly passes: number
  /**
   * Facts of one pass, from 0, those of a piece of the source at a time: each is to be read to its end before the next is
   * asked for. `told` hears of bytes that were read.
   */
  facts(pass: number, told: (bytes: number) => void): AsyncIterable<Iterable<Fact>>
}

/** Raised for a fact that cannot be taken; the message says why. */
export class Refused extends Error {}

/** Raised for a source that cannot be read on; the message is for the operator. */
export class SourceError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SourceError'
  }
}

/** Caps of one record of a source, so that none fills the memory. */
export const LIMITS = {
  /** Characters of one term, statement or element. */
  record: 32 * 1024 * 1024,
  /** Nested lists, tuples, tables or elements. */
  depth: 100,
  /** Terms, values or elements of one record. */
  parts: 1_000_000,
} as const
