/** Features: all that one may bring, and where it stands beside the road. */
import type { Account } from '../store/accounts.ts'
import type { StreamError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Given, Guest, Outcome, Publication, VcardChange } from './outcome.ts'
import type { Session } from './session.ts'
import type {
  AccountNodes,
  Command,
  DeliveryListener,
  Incoming,
  Outgoing,
  ServerNodes,
  Service,
  Transit,
  Trip,
  World,
} from './transit.ts'

export type { AccountNodes, Given, Guest, Incoming, Outcome, Outgoing, Publication, Service, VcardChange }

export interface Xep {
  readonly number: number
  readonly version: string
  /** Why only a part of it is there, for the support table. */
  readonly note?: string
}

/** Whether the road goes on: 'stop' means that this feature has dealt with the stanza. */
export type HookResult = 'stop' | void

/** Advertised features (XEP-0030) of the server, an account and their streams. */
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
  /** Nodes of the server itself. */
  readonly serverNodes?: ServerNodes
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

/** State that a stream has reached, for its features. */
export interface StreamState {
  readonly host: string
  readonly secure: boolean
  readonly authenticated: boolean
  /** The session that is open on it already (XEP-0386). */
  readonly session: Session | undefined
  readonly ip: string
}

/** The stream that a nonza came on. What is sent to it must wait for the commit: `t.after`. */
export interface NonzaStream {
  /** Undefined until a resource is bound. */
  readonly session: Session | undefined
  /** Undefined until login. */
  readonly account: Account | undefined
  send(el: Element): void
  close(error: StreamError): void
  /**
   * Gives this stream to a session, after the commit; reads nothing until then, and neither does the session's old stream,
   * which ends: the session takes no stanza between this trip and its commit.
   */
  adopt(t: Trip, session: Session, then: () => void): void
  /** Reads on, after it has waited. */
  resumeReading(): void
}

export type NonzaHandler = (t: Trip, stream: NonzaStream, el: Element) => void

/** Elements of a stream that are no stanzas, by "state {namespace}name". States: open, authenticated, bound. */
export type NonzaTable = Readonly<Record<string, NonzaHandler>>

/** An earlier session that a login goes on with: the answer is written behind the commit, `then` follows it. */
export interface Resumption {
  readonly session: Session
  readonly answer: Element
  readonly then: () => void
}
/** Returns the element that says why not, where it cannot be done. */
export type ResumeHandler = (t: Trip, stream: NonzaStream, el: Element) => Resumption | Element
export type BindHandler = (t: Trip, session: Session, el: Element) => Element | undefined

/** Requests inside a login (XEP-0388) or a binding (XEP-0386), by "{namespace}name". */
export interface Inline {
  /** Advertised for logins. */
  readonly offers?: readonly Element[]
  readonly resume?: Readonly<Record<string, ResumeHandler>>
  /** Advertised for bindings by their namespaces. */
  readonly bind?: Readonly<Record<string, BindHandler>>
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
  readonly nonza?: NonzaTable
  readonly inline?: Inline
  /** Ad-hoc commands of the server (XEP-0050). */
  readonly commands?: readonly Command[]
  /** A domain of the feature's own beside each host. */
  readonly service?: Service
  /** An account here sent it, wherever it goes. May stop it or throw StanzaError. */
  sent?(t: Outgoing): HookResult
  /** A stanza has reached an account here. May stop it or throw StanzaError. */
  received?(t: Incoming): HookResult
  /** No available resource took it. The first that says what became of it has the last word. */
  missed?(t: Incoming): Outcome | void
  /** Once per account when delivery is known. */
  settled?(t: Incoming): void
  /** After the commit, before the bytes: memory only. 'stop': dealt with, for now or for ever. */
  writing?(session: Session, el: Element, world: World): HookResult
  /** Fate of messages that were given to sessions. */
  readonly delivery?: DeliveryListener
  opened?(t: Trip, session: Session): void
  /** A resource was bound by XEP-0386: what its answer holds besides. */
  bound?(t: Trip, session: Session): Element | undefined
  /** The stream of a session is gone without a goodbye; 'stop' keeps the session. */
  detached?(t: Trip, session: Session): HookResult
  /** The session has a stream again (XEP-0198 §5), and what was not acknowledged is written to it. */
  resumed?(session: Session, world: World): void
  closed?(t: Trip, session: Session): void
  /** Once, before anybody can connect. */
  started?(t: Trip): void
  /** Once, after the last stream has ended. */
  stopping?(t: Trip): void
  /** A client has changed what its account publishes. What a feature publishes in turn is not told. */
  published?(t: Trip, owner: Account, change: Publication): void
  /** An account's vCard was stored, by a client or by a feature. */
  vcardChanged?(t: Trip, owner: Account, change: VcardChange): void
  /** An account is about to be deleted with everything that belongs to it. */
  deleted?(t: Trip, account: Jid): void
}
