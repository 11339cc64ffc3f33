/** One stanza's trip and the verbs that a feature has: everything it says waits for the turn's commit. */
import type { Config } from '../config.ts'
import type { Account } from '../store/accounts.ts'
import type { Clock, Random } from '../store/clock.ts'
import type { PepNode } from '../store/pep.ts'
import type { Store } from '../store/store.ts'
import type { Photo } from '../xmpp/avatar.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { FormValues } from '../xmpp/forms.ts'
import type { Jid } from '../xmpp/jid.ts'
import { isForOffline } from '../xmpp/message.ts'
import type { Stanza } from '../xmpp/stanza.ts'
import { type Element, xml } from '../xmpp/xml.ts'
import type { Given, Guest, Outcome } from './outcome.ts'
import type { RegistrationLimiter } from './registration-limiter.ts'
import type { Session, Sessions } from './session.ts'

/** A trip may set off this many further stanzas beside what a full roster needs. */
const EMITTED = 20_000
/** Of an account that is deleted: a contact hears that either subscription ends, and of the end of each session. */
const mostEmitted = ({ roster_items, sessions_per_user }: Config['limits']): number =>
  EMITTED + roster_items * (sessions_per_user + 2)

/** These run the features' hooks of the same name. */
export interface Hooks {
  queued(t: Transit, session: Session, el: Element): void
  acked(t: Trip, session: Session, els: readonly Element[]): void
  overdue(t: Trip, session: Session, messages: readonly Given[]): void
  late(t: Trip, session: Session, messages: readonly Given[]): void
  lost(t: Trip, account: Account, messages: readonly Given[]): void
  published(t: Trip, owner: Account, change: Publication): void
  vcardChanged(t: Trip, owner: Account, change: VcardChange): void
  /** What the features remember of a session, by their names. */
  save(session: Session): Record<string, unknown>
  restore(session: Session, saved: Readonly<Record<string, unknown>>): void
}

/** What every trip can reach. Built once per server. */
export interface World extends Hooks {
  readonly config: Config
  readonly store: Store
  readonly sessions: Sessions
  readonly random: Random
  readonly clock: Clock
  readonly registrations: RegistrationLimiter
  /** Local hosts, as in the configuration. */
  readonly hosts: ReadonlySet<string>
  /** Names below them that answer like their host (routing/services.ts). */
  readonly services: ReadonlySet<string>
  now(): number
  /** Hands a committed element to its session, through the `writing` hooks. */
  deliver(session: Session, el: Element): void
  /** Runs `f` as a trip of its own in a later turn. */
  soon(f: (t: Trip) => void): void
  /** The same for what must be done in the end: it is tried again where it fails (routing/insist.ts). */
  insist(f: (t: Trip) => void): void
  /** The IQ answers that features give on behalf of the server: filled from the features at start. */
  readonly disco: DiscoIndex
  /** Ad-hoc commands of all features by their node. */
  readonly commands: ReadonlyMap<string, Command>
  /** For how long this server has been running, ms. */
  uptime(): number
  /** Ends a session for good: its client has gone. */
  end(session: Session): void
  /** The session has a stream again. */
  resumed(session: Session): void
  /** Removes an account and everything that belongs to it, within the trip. */
  deleteAccount(t: Trip, account: Jid): void
}

/** What an account has below it (XEP-0030 §3.2, §4.1), as far as the sender of `t` may know. */
export interface AccountNodes {
  items(t: Transit, account: Account): Element[]
  /** Identity, features and forms of one node; undefined where there is none. */
  info(t: Transit, account: Account, node: string): Element[] | undefined
}

/** What a server has below it, as far as the sender of `t` may know; undefined where there is no such node. */
export interface ServerNodes {
  /** Without a node: what stands below the server itself. */
  items(t: Transit, node: string | undefined): Element[] | undefined
  info(t: Transit, node: string): Element[] | undefined
}

/** An ad-hoc command of the server (XEP-0050); commands.ts beside this file has what builds its steps. */
export interface Command {
  /** Unique within the server. */
  readonly node: string
  /** What a menu shows. */
  readonly name: string
  /** Left out of the list, although it answers: for what is always refused. */
  readonly hidden?: boolean
  /** Who sees and runs it; everybody else is told `forbidden`. */
  may(t: Transit): boolean
  /**
   * The first step. Throws StanzaError to refuse. `values`: what programs send that know the form beforehand and do
   * not ask for it.
   */
  start(t: Transit, values: FormValues | undefined): Step
}

/** A form for the requester. The form before it is kept by the session, for `prev`. */
export interface Ask {
  readonly kind: 'ask'
  readonly form: Element
  /** Whether the answer ends the command; else another form follows. */
  readonly last: boolean
  submit(t: Transit, values: FormValues): Step | SlowStep
}

export interface Done {
  readonly kind: 'done'
  readonly payload: readonly Element[]
}

export type Step = Ask | Done

/** A step that needs slow work first (key derivation): it runs outside the road, after the trip's commit. */
export interface SlowStep<T = unknown> {
  readonly kind: 'slow'
  readonly work: () => Promise<T>
  readonly then: (t: Transit, result: T) => Step
}

/** A change of what an account publishes (XEP-0060 §7, §8) that its own client asked for. */
export interface Publication extends PepNode {
  /** What was published; undefined where items went: retracted, purged, or deleted with their node. */
  readonly item?: { readonly id: string; readonly payload: Element }
}

/** A vCard that was stored. */
export interface VcardChange {
  readonly card: Element
  readonly photo: Photo | undefined
  /** Hash of the picture before; empty where there was none. */
  readonly before: string
  /** Name of the feature that made the vCard of another representation; undefined for the owner's own. */
  readonly by: string | undefined
}

/** Advertised features, by who advertises them. */
export interface DiscoIndex {
  /** The node of our own capabilities (XEP-0115 §4). */
  readonly capsNode: string
  /** Data forms of the server (XEP-0128). */
  readonly forms: readonly Element[]
  readonly server: readonly string[]
  readonly account: readonly string[]
  readonly identities: readonly { of: 'server' | 'account'; category: string; type: string; name?: string }[]
  readonly nodes?: readonly AccountNodes[]
  readonly serverNodes?: readonly ServerNodes[]
}

/** A trip without a stanza: a timer, an HTTP request, a session that opens or closes. */
export class Trip {
  readonly emitted: Stanza[] = []
  readonly now: number

  constructor(readonly world: World) {
    this.now = world.now()
  }

  get config(): Config {
    return this.world.config
  }
  get store(): Store {
    return this.world.store
  }
  get sessions(): Sessions {
    return this.world.sessions
  }

  /** Writes to a session once the turn has committed. */
  write(session: Session, el: Element): void {
    const { world } = this
    world.store.turn.after(() => world.deliver(session, el))
  }

  /** Sends a further stanza down the road within this trip and its transaction. */
  emit(stanza: Stanza): void {
    if (this.emitted.length >= EMITTED && this.emitted.length >= mostEmitted(this.config.limits))
      throw new StanzaError('resource-constraint', 'Too many stanzas at once.')
    this.emitted.push(stanza)
  }

  /** How to take back a change in memory should the trip or its turn fail. */
  undo(fn: () => void): void {
    this.store.turn.undo(fn)
  }

  /** An effect outside the store, after the commit. */
  after(fn: () => void): void {
    this.store.turn.after(fn)
  }

  /** Goes on in a trip of a later turn, so that long work never holds the loop. */
  soon(f: (t: Trip) => void): void {
    this.after(() => this.world.soon(f))
  }

  /** The same for what must be done in the end. Nothing may rest on its being done next. */
  insist(f: (t: Trip) => void): void {
    this.after(() => this.world.insist(f))
  }

  /** An id that nobody guesses, for a stanza of our own making. */
  freshId(): string {
    return this.world.random.bytes(9).toString('base64url')
  }

  /** Whether a domain is served here. */
  isLocal(domain: string): boolean {
    return this.world.hosts.has(domain)
  }
}

export type Sender = Session['account'] | 'server'

/** Writes what waited for the end of the offline messages. Within a trip. */
export function writeBehind(t: Trip, session: Session): void {
  const { behind } = session
  if (behind.length === 0) return
  setBehind(t, session, [])
  for (const el of behind) t.write(session, el)
}

function setBehind(t: Trip, session: Session, els: readonly Element[]): void {
  const { behind } = session
  t.undo(() => (session.behind = behind))
  session.behind = els
}

export class Transit extends Trip {
  /** Where the stanza ended, per local account. */
  outcome: Outcome = 'none'
  /** The sessions that the message itself was written to. */
  readonly takers: Session[] = []
  /** Id of the recipient's stored copy, once there is one; also the push's key. */
  storedId: number | undefined
  /** The message as it is kept until one of its takers has shown that it has it. */
  given: Given | undefined
  /** The account whose client or program sent it, or the server; undefined for what another stanza set off. */
  readonly sender: Sender | undefined

  constructor(
    world: World,
    public stanza: Stanza,
    /** The session that sent it; undefined for stanzas of the server and of a guest. */
    readonly origin: Session | undefined,
    readonly guest?: Guest,
    /** Emitted stanzas share the queue of the trip that set them off. */
    readonly parent?: Trip,
    /** Where there is no session: in whose name a program sends. */
    onBehalf?: Sender,
  ) {
    super(world)
    this.sender = origin?.account ?? onBehalf
  }

  override emit(stanza: Stanza): void {
    if (this.parent) this.parent.emit(stanza)
    else super.emit(stanza)
  }

  /** Writes the message itself, not something about it. */
  deliver(session: Session, el: Element): void {
    this.takers.push(session)
    this.world.queued(this, session, el)
    this.writeInTurn(session, el, el)
  }

  /** Writes what belongs to a message: behind the offline messages, where the message can wait so long. */
  writeInTurn(session: Session, el: Element, message: Element): void {
    if (!session.catchingUp || !isForOffline(message)) return this.write(session, el)
    setBehind(this, session, [...session.behind, el])
    // More does not wait: it comes before the rest of the box, and the limit of what is written holds.
    if (session.behind.length > this.config.limits.sm_queue / 2) writeBehind(this, session)
  }

  /** Answers the IQ with a result. */
  reply(payload?: Element): void {
    const { from, to, id } = this.stanza
    const el = xml('iq', { type: 'result', id, from: to?.toString(), to: from.toString() }, payload)
    this.answer(el)
  }

  /** Sends an answer back to whoever sent the stanza. */
  answer(el: Element): void {
    if (this.origin) this.write(this.origin, el)
    else this.onAnswer?.(el)
  }

  /** Where answers go when there is no session: the stream of a guest, or an emitted stanza's sender. */
  onAnswer: ((el: Element) => void) | undefined

  /** The account of the sender's session. */
  get account(): Session['account'] {
    if (!this.origin) throw new StanzaError('not-allowed')
    return this.origin.account
  }

  /** True when the sender asks about its own account. */
  isOwn(bare: Jid | undefined): boolean {
    return this.origin !== undefined && (bare === undefined || bare.bare === this.origin.jid.bare)
  }
}
