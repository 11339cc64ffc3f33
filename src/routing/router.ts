/**
 * The road. Every stanza takes it in one uninterrupted call:
 * sent → address → received → (iq | deliver) → settled → the stanzas it set off, all in one trip of the turn.
 */
import { getLogger } from '../log.ts'
import { StanzaError, StreamError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { errorReply, mayBounce, Stanza } from '../xmpp/stanza.ts'
import type { Element } from '../xmpp/xml.ts'
import { TurnFailed } from '../store/turn.ts'
import { deliverMessage, deliverPresence } from './deliver.ts'
import type { Feature, Guest, Later } from './feature.ts'
import { IqHandlers, isLater, type IqTarget } from './iq.ts'
import type { Session } from './session.ts'
import { Transit, Trip, type World } from './transit.ts'

const log = getLogger('router')

export class Router {
  readonly #world: World
  readonly #features: readonly Feature[]
  readonly #iq: IqHandlers
  readonly #preauth: IqHandlers
  readonly #pending = new WeakMap<object, number>()

  constructor(world: World, features: readonly Feature[]) {
    this.#world = world
    this.#features = features
    this.#iq = new IqHandlers(features, 'iq')
    this.#preauth = new IqHandlers(features, 'preauth')
  }

  /** A stanza from a bound session. Throws only StreamError, for what ends the stream. */
  submit(session: Session, el: Element): void {
    const answer = (reply: Element) => this.#world.store.turn.after(() => this.#world.deliver(session, reply))
    this.#guarded(el, session.jid, answer, () => {
      const stanza = Stanza.fromClient(el, session.jid)
      this.#drive(new Transit(this.#world, stanza, session))
    })
  }

  /** An IQ from a stream that has not authenticated; `answer` gets the reply after the commit. */
  submitGuest(guest: Guest, el: Element, answer: (reply: Element) => void): void {
    const host = Jid.of('', guest.host)
    const reply = (element: Element) => this.#world.store.turn.after(() => answer(element))
    this.#guarded(el, host, reply, () => {
      const t = new Transit(this.#world, new Stanza('iq', el, host, undefined), undefined, guest)
      t.onAnswer = reply
      t.stanza.checkIq()
      this.#answerIq(t, this.#preauth, [])
      this.#drain(t)
    })
  }

  /** The door for everything that is not a stanza: settles after the commit of what `f` wrote. */
  run<T>(f: (t: Trip) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { turn } = this.#world.store
      try {
        turn.trip(() => {
          const t = new Trip(this.#world)
          const result = f(t)
          this.#drain(t)
          turn.after(() => resolve(result))
        }, reject)
      } catch (error) {
        reject(error instanceof TurnFailed ? error.refusal : toError(error))
      }
    })
  }

  /** A resource was bound: the session is reachable from here on. */
  open(session: Session): void {
    this.#world.store.turn.trip(() => {
      const t = new Trip(this.#world)
      t.sessions.add(session)
      t.undo(() => t.sessions.remove(session))
      for (const feature of this.#features) feature.opened?.(t, session)
      this.#drain(t)
    })
  }

  /** The session's stream is gone. Memory forgets it even if the store cannot take note. */
  close(session: Session): void {
    if (session.closed) return
    session.closed = true
    try {
      this.#world.store.turn.trip(() => {
        const t = new Trip(this.#world)
        t.sessions.remove(session)
        for (const feature of this.#features) feature.closed?.(t, session)
        this.#drain(t)
      })
    } catch (error) {
      log.error('a session could not be closed properly', { error })
    }
    this.#world.sessions.remove(session)
  }

  /** The account and all that belongs to it goes; its streams end. Within a trip. */
  deleteAccount(t: Trip, account: Jid): void {
    const row = t.store.accounts.find(account.bare)
    if (!row) throw new StanzaError('item-not-found')
    for (const feature of this.#features) feature.deleted?.(t, account)
    t.store.accounts.delete(row)
    for (const session of t.sessions.of(account.bare)) {
      t.after(() => session.outlet.close(new StreamError('not-authorized', 'The account was deleted.')))
    }
  }

  #drive(t: Transit): void {
    if (t.stanza.kind === 'iq') t.stanza.checkIq()
    for (const feature of this.#features) if (feature.sent?.(t) === 'stop') return this.#drain(t)
    this.#address(t)
    this.#drain(t)
  }

  /** RFC 6120 §10: by the domain, then by the account. */
  #address(t: Transit): void {
    const { kind } = t.stanza
    const to = t.stanza.to ?? (t.origin && kind !== 'presence' ? t.origin.jid.toBare() : undefined)
    if (!to) return // a presence broadcast: the presence feature has emitted its copies
    if (!t.isLocal(to.domain)) throw new StanzaError('remote-server-not-found')
    if (to.local === '') return this.#toServer(t, to)
    if (!t.store.accounts.find(to.bare)) return this.#toNobody(t)
    for (const feature of this.#features) if (feature.received?.(t, to) === 'stop') return
    if (kind === 'message') this.#message(t, to)
    else if (kind === 'presence') deliverPresence(t, to)
    else this.#iqToAccount(t, to)
  }

  #message(t: Transit, to: Jid): void {
    t.outcome = deliverMessage(t, to)
    if (t.outcome === 'none') {
      for (const feature of this.#features) {
        const outcome = feature.missed?.(t, to)
        if (outcome) t.outcome = outcome
        if (t.outcome !== 'none') break
      }
    }
    for (const feature of this.#features) feature.settled?.(t, to, t.outcome)
  }

  #iqToAccount(t: Transit, to: Jid): void {
    const own = t.isOwn(to)
    if (to.isBare) {
      if (t.stanza.isRequest) this.#answerIq(t, this.#iq, own ? ['account', 'user'] : ['user'])
      return // an answer to the account itself: nobody waits for it
    }
    const session = t.sessions.find(to)
    // RFC 6121 §8.5.3.2.3
    if (!session) {
      if (t.stanza.isRequest) throw new StanzaError('service-unavailable')
      return
    }
    t.write(session, t.stanza.el)
  }

  #toServer(t: Transit, to: Jid): void {
    if (t.stanza.kind !== 'iq' || !t.stanza.isRequest) return // answers to our pings; presence to a server has no meaning
    if (!to.isBare) throw new StanzaError('service-unavailable')
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
    if (isLater(answer)) this.#wait(t, answer)
    else t.reply(answer)
  }

  /** Starts the work after the commit; its result enters as a new trip. The stanza counts as handled meanwhile. */
  #wait(t: Transit, { work, then }: Later): void {
    const owner = t.origin ?? t.guest ?? this
    const waiting = this.#pending.get(owner) ?? 0
    if (waiting >= this.#world.config.limits.later_pending) {
      throw new StanzaError('resource-constraint', 'Too many requests are being worked on.')
    }
    this.#pending.set(owner, waiting + 1)
    const finished = () => this.#pending.set(owner, (this.#pending.get(owner) ?? 1) - 1)
    t.undo(finished)
    const answer = (reply: Element) => t.answer(reply)
    const again = (f: (next: Transit) => void) => {
      finished()
      this.#guarded(t.stanza.el, t.stanza.from, answer, () => {
        const next = new Transit(this.#world, t.stanza, t.origin, t.guest)
        next.onAnswer = t.onAnswer
        f(next)
        this.#drain(next)
      })
    }
    t.after(() => {
      work().then(
        (result) => again((next) => next.reply(then(next, result))),
        (error: unknown) => again(() => { throw toError(error) }), // prettier-ignore
      )
    })
  }

  /** The stanzas that this trip set off, in order; what they set off themselves joins the queue. */
  #drain(trip: Trip): void {
    for (let i = 0; i < trip.emitted.length; i++) {
      const stanza = trip.emitted[i]
      if (!stanza) continue
      const t = new Transit(this.#world, stanza, undefined, undefined, trip)
      try {
        this.#address(t)
      } catch (error) {
        if (!(error instanceof StanzaError)) throw error
        this.#bounce(t, error)
      }
    }
    trip.emitted.length = 0
  }

  /** An emitted stanza failed: a message's sender hears of it, a presence broadcast to nowhere is no news. */
  #bounce(t: Transit, error: StanzaError): void {
    const { stanza } = t
    const session = t.sessions.find(stanza.from)
    if (!session || stanza.kind === 'presence' || !mayBounce(stanza.kind, stanza.type)) return
    t.write(session, errorReply(stanza.el, stanza.to?.toString(), stanza.from.toString(), error))
  }

  /** One trip, its failures answered in the protocol's words. */
  #guarded(el: Element, sender: Jid, answer: (reply: Element) => void, f: () => void): void {
    const refuse = (error: StanzaError) => {
      if (!mayBounce(el.name, el.attrs.type ?? '')) return
      answer(errorReply(el, el.attrs.to, sender.toString(), error))
    }
    try {
      this.#world.store.turn.trip(f, refuse)
    } catch (error) {
      if (error instanceof TurnFailed) return
      if (error instanceof StreamError) throw error
      if (!(error instanceof StanzaError)) log.error('a stanza met a bug', { error, stanza: el.name })
      refuse(
        error instanceof StanzaError
          ? error
          : new StanzaError('internal-server-error', undefined, { cause: error }),
      )
    }
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
