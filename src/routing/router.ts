/** The road: sent → address → received → (iq | deliver) → settled → what it set off, one trip in one call. */
import type { Account } from '../store/accounts.ts'
import { DatabaseBusy } from '../store/write-lock.ts'
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { Stanza } from '../xmpp/stanza.ts'
import type { Element } from '../xmpp/xml.ts'
import { Addressing } from './address.ts'
import type { Feature, Guest, NonzaStream } from './feature.ts'
import { bounce, guarded } from './guard.ts'
import { Requests } from './iq.ts'
import { Nonzas, type StreamPhase } from './nonza.ts'
import { runTrip } from './run.ts'
import type { RoomNews } from './outcome.ts'
import type { Outlet, Session } from './session.ts'
import { Lifetime } from './lifetime.ts'
import { Outgoing, Transit, Trip, type World } from './transit.ts'

export class Router {
  readonly #world: World
  readonly #senders: readonly Feature[]
  readonly #addressing: Addressing
  readonly #requests: Requests
  readonly #nonzas: Nonzas
  readonly #lifetime: Lifetime

  constructor(world: World, features: readonly Feature[]) {
    this.#world = world
    this.#senders = features.filter((feature) => feature.sent !== undefined)
    this.#nonzas = new Nonzas(world, features, (t) => this.#drain(t))
    this.#requests = new Requests(world, features, (t) => this.#drain(t))
    this.#addressing = new Addressing(world, features, this.#requests)
    this.#lifetime = new Lifetime(world, features, (t) => this.#drain(t))
  }

  /** A stanza from a bound session. Throws StreamError, for what ends the stream, and DatabaseBusy: it is to come again. */
  submit(session: Session, el: Element): void {
    session.handled++
    const reply = (answer: Element) => this.#world.outbound.write(session, answer)
    try {
      guarded(this.#world, el, session.jid, session, reply, () => {
        const stanza = Stanza.fromClient(el, session.jid)
        this.#send(new Outgoing(this.#world, stanza, { session, reply }, session.account))
      })
    } catch (error) {
      if (error instanceof DatabaseBusy) session.handled--
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
    guarded(this.#world, el, host, guest, reply, () => {
      const t = new Transit(this.#world, new Stanza('iq', el, host, undefined), { guest, reply })
      t.stanza.checkIq()
      this.#requests.answerGuest(t)
      this.#drain(t)
    })
  }

  /** The door for everything that is not a stanza: settles after the commit of what `f` wrote. */
  run<T>(f: (t: Trip) => T): Promise<T> {
    return runTrip(this.#world, (t) => this.#drain(t), f)
  }

  /** A message that a program sends, as an account or as the server: the road of a client's own. `also` shares its trip. */
  send(stanza: Stanza, onBehalf: Account | 'server', also?: (t: Trip) => void): Promise<void> {
    const sender = onBehalf === 'server' ? undefined : onBehalf
    return this.run((t) => {
      this.#send(new Outgoing(this.#world, stanza, {}, sender, t))
      also?.(t)
    })
  }

  /**
   * A stanza whose sender is not here: the recipient's half alone. Settles once it is on disk, or its refusal is on the
   * way back; throws for a sender that is here.
   */
  receive(stanza: Stanza): Promise<void> {
    if (this.#world.homes.of(stanza.from) === 'here') throw new StreamError('invalid-from')
    return this.run((t) => t.emit(stanza))
  }

  /** Answers for a service that is another name of its host. */
  answerAsHost(t: Transit): void {
    this.#requests.answer(t, ['server'])
  }

  /** A member of a room should know of its message. */
  tell(t: Trip, news: RoomNews, takers: readonly Session[]): void {
    this.#addressing.tell(t, news, takers)
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
  farewell(): void {
    this.#lifetime.farewell()
  }

  stop(): void {
    this.#lifetime.stop()
  }

  /** The session is over. Memory forgets it even if the store cannot take note. */
  close(session: Session): void {
    this.#lifetime.close(session)
  }

  #send(t: Outgoing): void {
    if (t.stanza.kind === 'iq') t.stanza.checkIq()
    for (const feature of this.#senders) if (feature.sent?.(t) === 'stop') return this.#drain(t)
    // A message that nobody takes is still one that its sender sent; what else fails leaves no trace.
    if (t.origin && t.stanza.kind === 'message') this.#arrive(t)
    else this.#addressing.take(t)
    this.#drain(t)
  }

  /** The recipient's half of a trip, which may fail by itself. */
  #arrive(t: Transit): void {
    const { stanza } = t
    const { emitted } = t
    const before = emitted.length
    try {
      t.store.turn.part(() => this.#addressing.take(t))
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      emitted.length = before
      bounce(t, stanza, error)
    }
  }

  /** The stanzas that this trip set off, in order; what they set off themselves joins the queue. */
  #drain(trip: Trip): void {
    for (const stanza of trip.emitted) this.#arrive(new Transit(this.#world, stanza, {}, trip))
    trip.emitted.length = 0
  }
}
