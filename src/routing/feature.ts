/** What a feature is: the only file that one must know. */
import type { Jid } from '../xmpp/jid.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Guest, Outcome } from './outcome.ts'
import type { Session } from './session.ts'
import type { Account } from '../store/accounts.ts'
import type { AccountNodes, Publication, Transit, Trip, VcardChange, World } from './transit.ts'

export type { AccountNodes, Guest, Outcome, Publication, VcardChange }

export interface Xep {
  readonly number: number
  readonly version: string
  /** Why only a part of it is there, for the support table. */
  readonly note?: string
}

/** Whether the road goes on: 'stop' means that this feature has dealt with the stanza. */
export type Verdict = 'stop' | void

/** What is advertised (XEP-0030) by the server, an account and their streams. */
export interface Disco {
  readonly server?: readonly string[]
  readonly account?: readonly string[]
  /** Extended information of the server (XEP-0128): data forms. */
  readonly forms?: readonly Element[]
  readonly identities?: readonly {
    readonly of: 'server' | 'account'
    category: string
    type: string
    name?: string
  }[]
  /** Nodes below an account; each function looks at who asks. */
  readonly nodes?: AccountNodes
}

/** The answer to an IQ that must wait for `work`; `then` makes the result in a new trip. */
export interface Later<T = unknown> {
  readonly work: () => Promise<T>
  readonly then: (t: Transit, result: T) => Element | undefined
}

/** Runs `work` after this trip's commit, outside the road, and answers with what `then` returns. */
export function later<T>(
  work: () => Promise<T>,
  then: (t: Transit, result: T) => Element | undefined,
): Later {
  // The table holds laters of every T; `then` is only ever given the result of its own `work`.
  return { work, then: then as Later['then'] }
}

export type IqHandler = (t: Transit, payload: Element) => Element | undefined | Later

/**
 * Handlers by "target type {namespace}name". Targets: `account` (the sender's own account), `user` (a local bare JID,
 * whoever asks), `server` (a host). A handler returns the child of the result, or undefined for an empty one.
 */
export type IqTable = Readonly<Record<string, IqHandler>>

/** What a stream has reached, for its features. */
export interface StreamState {
  readonly host: string
  readonly secure: boolean
  readonly authenticated: boolean
  readonly ip: string
}

export interface Feature {
  /** The file's name and the XEP's spoken short name. */
  readonly name: string
  readonly xeps: readonly Xep[]
  readonly disco?: Disco
  readonly streamFeatures?: (s: StreamState, world: World) => Element[]
  readonly iq?: IqTable
  /** IQs before authentication; the key has no target: "set {ns}query". */
  readonly preauth?: IqTable
  /** A local account sent it. May stop it or throw StanzaError. */
  sent?(t: Transit): Verdict
  /** It reached a local account. */
  received?(t: Transit, account: Jid): Verdict
  /** No available resource took it. */
  missed?(t: Transit, account: Jid): Outcome | void
  /** Once per account when delivery is known. */
  settled?(t: Transit, account: Jid, outcome: Outcome): void
  /** After the commit, before the bytes: memory only. */
  writing?(session: Session, el: Element): Verdict
  opened?(t: Trip, session: Session): void
  closed?(t: Trip, session: Session): void
  /** A client has changed what its account publishes. What a feature publishes in turn is not told. */
  published?(t: Trip, owner: Account, change: Publication): void
  /** An account's vCard was stored, by a client or by a feature. */
  vcardChanged?(t: Trip, owner: Account, change: VcardChange): void
  /** An account is about to be deleted with everything that belongs to it. */
  deleted?(t: Trip, account: Jid): void
}
