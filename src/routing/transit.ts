/** One stanza's trip and the verbs that a feature has: everything it says waits for the turn's commit. */
import type { AuthBackend } from '../auth/backend.ts'
import type { Config } from '../config/config.ts'
import type { Account } from '../store/accounts.ts'
import type { Clock, Random } from '../store/clock.ts'
import type { ReadTx, WriteTx } from '../store/tx.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { FormValues } from '../xmpp/forms.ts'
import type { Jid } from '../xmpp/jid.ts'
import { isForOffline } from '../xmpp/message.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { type Element, xml } from '../xmpp/xml.ts'
import type { Given, Guest, Outcome, Publication, RoomFacts, RoomNews, VcardChange } from './outcome.ts'
import type { RegistrationLimiter } from '../limits/registration-limiter.ts'
import type { Session, Sessions } from './session.ts'

/** A trip may set off this many further stanzas, beside what the end of an account with a full roster needs. */
const EMITTED = 20_000
const mostEmitted = (limits: Config['limits']): number =>
  EMITTED + limits.roster_items * (limits.sessions_per_user + 2)

/**
 * Fate of messages that were given to a session (routing/delivery.ts): written → acknowledged, or timed out and
 * then acknowledged late after all, or requeued.
 */
export interface DeliveryListener {
  /** The client has shown that it has these (XEP-0198). */
  acknowledged?(t: Trip, session: Session, els: readonly Element[]): void
  /** Nothing shows that this session got these, and it is time to doubt it. Others may have them. */
  timedOut?(t: Trip, session: Session, messages: readonly Given[]): void
  /** A session has these after all, although it was taken for gone and phones were rung. */
  acknowledgedLate?(t: Trip, session: Session, messages: readonly Given[]): void
  /** Every session that was given these has ended without a sign that they arrived: they are in offline storage now. */
  requeued?(t: Trip, account: Account, messages: readonly Given[]): void
}

/** The same for all listeners, and where a message enters. */
export interface DeliveryEvents extends Required<DeliveryListener> {
  /** The message itself is about to be written. Throws StanzaError for a box that is full. */
  queued(t: Incoming, session: Session, el: Element): void
}

/** A domain that a feature owns: it gets every stanza to it, whatever its local part and resource. */
export interface Service {
  /** Name in the items of its host (XEP-0030 §4.1). */
  readonly name: string
  /** Domain of the service beside a host; undefined where that host has none. Asked once for each host, at start. */
  domainOf(host: string, config: Config): string | undefined
  /** Takes a stanza, within the trip that sent it; answers by `reply` and `emit`. A StanzaError goes back to the sender. */
  receive(t: Transit, to: Jid): void
  /** Once, before an orderly stop ends the streams: what clients should hear of it. */
  farewell?(t: Trip): void
}

/** A service as it stands beside a host. */
export interface ServiceDomain {
  readonly domain: string
  readonly host: string
  readonly service: Service
}

/** A domain is a host with accounts, a service that a feature owns, or, if neither, elsewhere. */
export interface Domains {
  /** Hosts with accounts, as in the configuration: who logs in does so at one of them. */
  readonly hosts: ReadonlySet<string>
  serviceAt(domain: string): Service | undefined
  /** Whether it is a host of ours or stands below one: nobody else speaks in such a name. */
  isOurs(domain: string): boolean
  servicesOf(host: string): readonly ServiceDomain[]
}

/** Home of an account, or of a domain as a whole: in this process, in another one of this service, or elsewhere. */
export type Home = 'here' | 'node' | 'elsewhere'

/** The one place that knows: several nodes and federation put another in its stead. */
export interface Homes {
  of(jid: Jid): Home
  /** Takes a stanza whose recipient is not here. Throws StanzaError for what cannot be sent; the sender hears of it. */
  send(t: Transit, to: Jid): void
}

/** The world that every trip can reach. Built once per server. */
export interface World extends ReadTx {
  readonly config: Config
  /** The backend that knows passwords. */
  readonly auth: AuthBackend
  readonly sessions: Sessions
  readonly random: Random
  readonly clock: Clock
  readonly registrations: RegistrationLimiter
  readonly domains: Domains
  /** Homes of accounts. */
  homes: Homes
  /** Answers an IQ as the host does, for a service that is another name of it. Throws where nothing answers. */
  answerAsHost(t: Transit): void
  now(): number
  readonly delivery: DeliveryEvents
  /** These run the features' hooks of the same name. */
  published(t: Trip, owner: Account, change: Publication): void
  vcardChanged(t: Trip, owner: Account, change: VcardChange): void
  /** Runs `settled` for a member of a room, whose `takers` were given its message, if any. */
  tell(t: Trip, news: RoomNews, takers: readonly Session[]): void
  /** The way of an element to its session (routing/outbound.ts). */
  readonly outbound: {
    /** Queues it behind the commit of the open turn. */
    write(session: Session, el: Element): void
    /** Hands over what is committed. */
    deliver(session: Session, el: Element): void
  }
  /** Runs `f` as a trip of its own in a later turn. */
  soon(f: (t: Trip) => void): void
  /** The same for what must be done in the end: it is tried again where it fails (routing/run.ts). */
  insist(f: (t: Trip) => void, givenUp?: () => void): void
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

/** Nodes that an account has below it (XEP-0030 §3.2, §4.1), as far as the sender of `t` may know. */
export interface AccountNodes {
  items(t: Transit, account: Account): Element[]
  /** Identity, features and forms of one node; undefined where there is none. */
  info(t: Transit, account: Account, node: string): Element[] | undefined
}

/** Nodes that a server has below it, as far as the sender of `t` may know. */
export interface ServerNodes {
  /** Without a node: what stands below the server itself. */
  items(t: Transit, node: string | undefined): Element[] | undefined
  info(t: Transit, node: string): Element[] | undefined
}

/** An ad-hoc command of the server (XEP-0050); accounts/commands.ts has what builds its steps. */
export interface Command {
  /** Unique within the server. */
  readonly node: string
  /** Name that a menu shows. */
  readonly name: string
  /** Left out of the list, although it answers: for what is always refused. */
  readonly hidden?: boolean
  /** Whether the sender sees and runs it; others are told `forbidden`. */
  may(t: Transit): boolean
  /** The first step; throws StanzaError to refuse. `values`: of programs that know the form without asking for it. */
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
export class Trip implements WriteTx {
  readonly emitted: Stanza[]
  readonly now: number

  /** A stanza that is set off joins the queue of the trip that it is part of, `parent`. */
  constructor(
    readonly world: World,
    parent?: Trip,
  ) {
    this.emitted = parent ? parent.emitted : []
    this.now = parent ? parent.now : world.now()
  }

  get config(): Config {
    return this.world.config
  }
  /** The one place where reading becomes writing. */
  get store(): WriteTx['store'] {
    return this.world.store as WriteTx['store']
  }
  get sessions(): Sessions {
    return this.world.sessions
  }

  /** Writes to a session once the turn has committed. */
  write(session: Session, el: Element): void {
    this.world.outbound.write(session, el)
  }

  /** Sends a further stanza down the road within this trip and its transaction. */
  emit(stanza: Stanza): void {
    if (this.emitted.length >= EMITTED && this.emitted.length >= mostEmitted(this.config.limits))
      throw new StanzaError('resource-constraint', 'Too many stanzas at once.')
    this.emitted.push(stanza)
  }

  /** Takes back a change in memory should the trip or its turn fail. */
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

  /** Whether accounts of this domain log in here. */
  isHost(domain: string): boolean {
    return this.world.domains.hosts.has(domain)
  }
}

/** Writes what waited for the end of the offline messages. */
export function flushAfterOffline(t: Trip, session: Session): void {
  const { afterOffline } = session.delivery
  if (afterOffline.length === 0) return
  setAfterOffline(t, session, [])
  for (const el of afterOffline) t.write(session, el)
}

function setAfterOffline(t: Trip, { delivery }: Session, els: readonly Element[]): void {
  const { afterOffline } = delivery
  t.undo(() => (delivery.afterOffline = afterOffline))
  delivery.afterOffline = els
}

/** Addressee of an answer, where this process holds the far end: a session, or a stream before its login. */
export interface Asker {
  readonly session?: Session | undefined
  readonly guest?: Guest
  /** Queues the answer behind the commit. Without it the answer goes back by the road, to `from`. */
  readonly reply?: (el: Element) => void
}

/** A stanza on the road. Each stanza that a trip sets off joins the queue of that trip. */
export class Transit extends Trip {
  /** The session that sent it; undefined where something else did. */
  readonly origin: Session | undefined
  readonly guest: Guest | undefined

  constructor(
    world: World,
    public stanza: Stanza,
    readonly asker: Asker = {},
    parent?: Trip,
  ) {
    super(world, parent)
    ;({ session: this.origin, guest: this.guest } = asker)
  }

  /** Writes what belongs to a message: behind the offline messages, where the message can wait so long. */
  writeInTurn(session: Session, el: Element, message: Element): void {
    const { delivery } = session
    if (!delivery.sendingOffline || !isForOffline(message)) return this.write(session, el)
    setAfterOffline(this, session, [...delivery.afterOffline, el])
    // More does not wait: it comes before the rest of the box, and the limit of what is written holds.
    if (delivery.afterOffline.length > this.config.limits.sm_queue / 2) flushAfterOffline(this, session)
  }

  /** Answers the IQ with a result. */
  reply(payload?: Element): void {
    const { from, to, id } = this.stanza
    this.answer(xml('iq', { type: 'result', id, from: to?.toString(), to: from.toString() }, payload))
  }

  /** Sends an answer to whoever sent the stanza, wherever that is. */
  answer(el: Element): void {
    if (this.asker.reply) return this.asker.reply(el)
    const { kind, from, to } = this.stanza
    this.emit(new Stanza(kind, el, to ?? from.toBare(), from))
  }

  /** The account of the sender's session. */
  get account(): Account {
    if (!this.origin) throw new StanzaError('not-allowed')
    return this.origin.account
  }

  /** True when the sender asks about its own account. */
  isOwn(bare: Jid | undefined): boolean {
    return this.origin !== undefined && (bare === undefined || bare.bare === this.origin.jid.bare)
  }
}

/** The sender's half of a trip: what an account here sends, wherever it goes. */
export class Outgoing extends Transit {
  /** Id of the sender's copy in its archive, once there is one. */
  archivedId: number | undefined
  #accepted: ((to: Incoming | undefined) => void) | undefined

  constructor(
    world: World,
    stanza: Stanza,
    asker: Asker,
    /** The account that sends: a session's, or that in whose name a program sends; undefined for the server itself. */
    readonly sender: Account | undefined,
    parent?: Trip,
  ) {
    super(world, stanza, asker, parent)
  }

  /**
   * Runs `f` once the recipient's side has taken the stanza, in its part of the trip: not where it bounces. `to` is the
   * recipient's half, where the recipient is an account here.
   */
  onAccepted(f: (to: Incoming | undefined) => void): void {
    const before = this.#accepted
    this.#accepted = before
      ? (to) => {
          before(to)
          f(to)
        }
      : f
  }

  accept(to: Incoming | undefined): void {
    this.#accepted?.(to)
  }
}

/** The recipient's half of a trip, once for each local account that a stanza is for. */
export class Incoming extends Transit {
  /** Outcome of the stanza. */
  outcome: Outcome = 'none'
  /** The sessions that the message itself was written to. */
  readonly takers: Session[] = []
  /** Id of the account's stored copy, once there is one; also the push's key. */
  storedId: number | undefined
  /** The message as it is kept until one of its takers has shown that it has it. */
  given: Given | undefined
  /** Facts of the room, where it is told of its message. */
  room: RoomFacts | undefined

  constructor(
    t: Transit,
    /** The account that it is for. */
    readonly owner: Account,
    /** Bare JID of the account, or the full one of a client. */
    readonly to: Jid,
  ) {
    super(t.world, t.stanza, t.asker, t)
    // A message to oneself stands in the archive once, from the sending side.
    if (t instanceof Outgoing && t.sender?.jid === owner.jid) this.storedId = t.archivedId
  }

  /** Writes the message itself, not something about it. */
  deliver(session: Session, el: Element): void {
    this.takers.push(session)
    this.world.delivery.queued(this, session, el)
    this.writeInTurn(session, el, el)
  }
}
