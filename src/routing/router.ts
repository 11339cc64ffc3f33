/** The road: sent → address → received → (iq | deliver) → settled → what it set off, one trip in one call. */
import { LockHeld } from '../store/write-lock.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { mayBounce, Stanza } from '../xmpp/stanza.ts'
import type { Element } from '../xmpp/xml.ts'
import { deliverMessage, deliverPresence } from './deliver.ts'
import type { Feature, Guest, NonzaStream, Outcome } from './feature.ts'
import { bounce, guarded } from './guard.ts'
import { roadOf } from './hooks.ts'
import { IqHandlers, isLater, type IqTarget } from './iq.ts'
import { Nonzas, type StreamPhase } from './nonza.ts'
import { runTrip } from './run.ts'
import { isAnswered, isService } from './services.ts'
import type { Outlet, Session } from './session.ts'
import { Laters } from './later.ts'
import { Lifetime } from './lifetime.ts'
import { type Sender, Transit, Trip, type World } from './transit.ts'

export class Router {
  readonly #world: World
  readonly #road: ReturnType<typeof roadOf>
  readonly #iq: IqHandlers
  readonly #preauth: IqHandlers
  readonly #nonzas: Nonzas
  readonly #laters: Laters
  readonly #lifetime: Lifetime

  constructor(world: World, features: readonly Feature[]) {
    this.#world = world
    this.#road = roadOf(features)
    this.#iq = new IqHandlers(features, 'iq')
    this.#preauth = new IqHandlers(features, 'preauth')
    this.#nonzas = new Nonzas(world, features, (t) => this.#drain(t))
    this.#laters = new Laters(world, (t) => this.#drain(t))
    this.#lifetime = new Lifetime(world, features, (t) => this.#drain(t))
  }

  /** A stanza from a bound session. Throws StreamError, for what ends the stream, and LockHeld: it is to come again. */
  submit(session: Session, el: Element): void {
    session.handled++
    const answer = (reply: Element) => this.#world.store.turn.after(() => this.#world.deliver(session, reply))
    try {
      guarded(this.#world, el, session.jid, answer, () => {
        this.#drive(new Transit(this.#world, Stanza.fromClient(el, session.jid), session))
      })
    } catch (error) {
      if (error instanceof LockHeld) session.handled--
      throw error
    }
  }

  /** An element that is no stanza; false where no feature knows it. Throws as `submit`. */
  nonza(phase: StreamPhase, stream: NonzaStream, el: Element): boolean {
    return this.#nonzas.handle(phase, stream, el)
  }

  /** An IQ from a stream that has not authenticated; `answer` gets the reply after the commit. */
  submitGuest(guest: Guest, el: Element, answer: (reply: Element) => void): void {
    const host = Jid.of('', guest.host)
    const reply = (element: Element) => this.#world.store.turn.after(() => answer(element))
    guarded(this.#world, el, host, reply, () => {
      const t = new Transit(this.#world, new Stanza('iq', el, host, undefined), undefined, guest)
      t.onAnswer = reply
      t.stanza.checkIq()
      this.#answerIq(t, this.#preauth, [])
      this.#drain(t)
    })
  }

  /** The door for everything that is not a stanza: settles after the commit of what `f` wrote. */
  run<T>(f: (t: Trip) => T): Promise<T> {
    return runTrip(this.#world, (t) => this.#drain(t), f)
  }

  /** A message that a program sends, as an account or as the server: the road of a client's own. */
  send(stanza: Stanza, onBehalf: Sender): Promise<void> {
    return this.run((t) => this.#drive(new Transit(this.#world, stanza, undefined, undefined, t, onBehalf)))
  }

  /** A resource was bound: the session is reachable from here on. */
  open(session: Session): void {
    this.#lifetime.open(session)
  }

  /** The session's stream is gone, but not by a goodbye: it may come back. */
  detach(session: Session, outlet: Outlet): void {
    this.#lifetime.detach(session, outlet)
  }

  /** Once, before anybody can connect. */
  start(): void {
    this.#lifetime.start()
  }

  /** Once, after the last stream has ended. */
  stop(): void {
    this.#lifetime.stop()
  }

  /** The session is over. Memory forgets it even if the store cannot take note. */
  close(session: Session): void {
    this.#lifetime.close(session)
  }

  /** Where stanzas for other domains go: nowhere, until there is federation. */
  remote: (t: Transit) => void = () => {
    throw new StanzaError('remote-server-not-found')
  }

  #drive(t: Transit): void {
    if (t.stanza.kind === 'iq') t.stanza.checkIq()
    for (const feature of this.#road.sent) if (feature.sent?.(t) === 'stop') return this.#drain(t)
    // A message that nobody takes is still one that its sender sent; what else fails leaves no trace.
    if (t.origin && t.stanza.kind === 'message') this.#arrive(t, t)
    else this.#address(t)
    this.#drain(t)
  }

  /** The recipient's half of a trip, which may fail by itself. */
  #arrive(t: Transit, { emitted }: Trip): void {
    const { stanza } = t
    const before = emitted.length
    try {
      t.store.turn.part(() => this.#address(t))
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      emitted.length = before
      bounce(t, stanza, error)
    }
  }

  /** RFC 6120 §10: by the domain, then by the account. */
  #address(t: Transit): void {
    const { kind } = t.stanza
    const to = t.stanza.to ?? (t.origin && kind !== 'presence' ? t.origin.jid.toBare() : undefined)
    if (!to) return // a presence broadcast: the presence feature has emitted its copies
    if (!t.isLocal(to.domain) && !isService(t, to.domain)) return this.remote(t)
    if (to.local === '') return this.#toServer(t, to)
    if (!t.store.accounts.find(to.bare)) return this.#toNobody(t)
    for (const feature of this.#road.received) if (feature.received?.(t, to) === 'stop') return
    if (kind === 'iq') return this.#iqToAccount(t, to)
    const at = t.stanza.to ?? to
    t.outcome = kind === 'message' ? this.#message(t, at) : deliverPresence(t, at)
    // A subscription request is for a person to read, so it can ring like a message.
    if (kind === 'presence' && t.stanza.type !== 'subscribe') return
    for (const feature of this.#road.settled) feature.settled?.(t, at, t.outcome)
  }

  #message(t: Transit, to: Jid): Outcome {
    const outcome = deliverMessage(t, to)
    if (outcome !== 'none') return outcome
    for (const feature of this.#road.missed) {
      const held = feature.missed?.(t, to)
      if (held) return held
    }
    return 'none'
  }

  #iqToAccount(t: Transit, to: Jid): void {
    const own = t.isOwn(to)
    if (to.isBare) {
      if (t.stanza.isRequest) this.#answerIq(t, this.#iq, own ? ['account', 'user'] : ['user'])
      return // an answer to the account itself: nobody waits for it
    }
    const session = t.sessions.find(to) // RFC 6121 §8.5.3.2.3
    if (session) t.write(session, t.stanza.el)
    else if (t.stanza.isRequest) throw new StanzaError('service-unavailable')
  }

  #toServer(t: Transit, to: Jid): void {
    const { kind, type, isRequest } = t.stanza
    // RFC 6120 §10.5.2: a message is answered, since nobody reads it here; presence to a server has no meaning.
    if (kind === 'message' && mayBounce(kind, type)) throw new StanzaError('service-unavailable')
    if (!isRequest) return
    if (!to.isBare || !isAnswered(t, to.domain)) throw new StanzaError('service-unavailable')
    this.#answerIq(t, this.#iq, ['server'])
  }

  /** RFC 6121 §8.5.1: presence and errors to nobody are ignored, the rest is told so. */
  #toNobody(t: Transit): void {
    const { kind, type } = t.stanza
    if (kind === 'presence' || !mayBounce(kind, type) || type === 'headline') return
    throw new StanzaError('service-unavailable')
  }

  #answerIq(t: Transit, table: IqHandlers, targets: readonly IqTarget[]): void {
    const answer = table.handle(t, targets)
    if (isLater(answer)) this.#laters.start(t, answer)
    else t.reply(answer)
  }

  /** The stanzas that this trip set off, in order; what they set off themselves joins the queue. */
  #drain(trip: Trip): void {
    for (const stanza of trip.emitted)
      this.#arrive(new Transit(this.#world, stanza, undefined, undefined, trip), trip)
    trip.emitted.length = 0
  }
}
