/** The recipient's half of the road: by its address a stanza goes to a service, an account here, or away (RFC 6120 §10). */
import { StanzaError } from '../xmpp/errors.ts'
import { Jid } from '../xmpp/jid.ts'
import { mayBounce } from '../xmpp/stanza.ts'
import type { Feature, Outcome } from './feature.ts'
import type { Requests } from './iq.ts'
import type { Session } from './session.ts'
import { RoomCopy, type RoomNews } from './outcome.ts'
import { Incoming, Outgoing, Transit, type Trip, type World } from './transit.ts'

export class Addressing {
  readonly #world: World
  readonly #received: readonly Feature[]
  readonly #missed: readonly Feature[]
  readonly #settled: readonly Feature[]
  readonly #requests: Requests

  constructor(world: World, features: readonly Feature[], requests: Requests) {
    this.#world = world
    // Every stanza passes, and most features have nothing to say at most places.
    this.#received = features.filter((feature) => feature.received !== undefined)
    this.#missed = features.filter((feature) => feature.missed !== undefined)
    this.#settled = features.filter((feature) => feature.settled !== undefined)
    this.#requests = requests
  }

  /** RFC 6120 §10: by the domain, then by the account. */
  take(t: Transit): void {
    const { kind } = t.stanza
    const to = t.stanza.to ?? (t.origin && kind !== 'presence' ? t.origin.jid.toBare() : undefined)
    if (!to) return // a presence broadcast: the presence feature has emitted its copies
    const incoming = this.#hand(t, to)
    if (t instanceof Outgoing) t.accept(incoming)
  }

  #hand(t: Transit, to: Jid): Incoming | undefined {
    const { domains, homes } = this.#world
    const service = domains.serviceAt(to.domain)
    if (service) service.receive(t, to)
    else if (homes.of(to) !== 'here') homes.send(t, to)
    else if (to.local === '') this.#toServer(t, to)
    else {
      const owner = t.store.accounts.find(to.bare)
      if (owner) return this.#toAccount(new Incoming(t, owner, to))
      this.#toNobody(t)
    }
    return undefined
  }

  #toAccount(t: Incoming): Incoming {
    const { kind } = t.stanza
    for (const feature of this.#received) if (feature.received?.(t) === 'stop') return t
    if (kind === 'iq') this.#iqToAccount(t)
    else t.outcome = kind === 'message' ? this.#message(t) : deliverPresence(t)
    // A subscription request is for a person to read, so it can ring like a message.
    if ((kind === 'message' && !(t.stanza instanceof RoomCopy)) || t.stanza.type === 'subscribe')
      for (const feature of this.#settled) feature.settled?.(t)
    return t
  }

  /** The room tells each member once, however many clients were given its message. */
  tell(t: Trip, { stanza, owner, id, given, room }: RoomNews, takers: readonly Session[]): void {
    const transit = new Transit(this.#world, stanza, {}, t)
    const incoming = new Incoming(transit, owner, Jid.parse(owner.jid))
    incoming.takers.push(...takers)
    incoming.outcome = takers.length > 0 ? 'delivered' : 'stored'
    incoming.storedId = id
    incoming.given = given
    incoming.room = room
    for (const feature of this.#settled) feature.settled?.(incoming)
  }

  #message(t: Incoming): Outcome {
    const outcome = deliverMessage(t)
    if (outcome !== 'none') return outcome
    for (const feature of this.#missed) {
      const kept = feature.missed?.(t)
      if (kept) return kept
    }
    return 'none'
  }

  #iqToAccount(t: Incoming): void {
    const { to } = t
    const own = t.isOwn(to)
    if (to.isBare) {
      if (t.stanza.isRequest) this.#requests.answer(t, own ? ['account', 'user'] : ['user'])
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
    if (!to.isBare) throw new StanzaError('service-unavailable')
    this.#requests.answer(t, ['server'])
  }

  /** RFC 6121 §8.5.1: presence and errors to nobody are ignored, the rest is told so. */
  #toNobody(t: Transit): void {
    const { kind, type } = t.stanza
    if (kind === 'presence' || !mayBounce(kind, type) || type === 'headline') return
    throw new StanzaError('service-unavailable')
  }
}

/** Writes a message to the sessions that should have it; 'none' when nobody could take it. */
function deliverMessage(t: Incoming): Outcome {
  const { to } = t
  const { type } = t.stanza
  if (to.isFull) {
    const session = t.sessions.find(to)
    // §8.5.3.1: an exact match gets it, whatever the type.
    if (session) return give(t, session)
    // §8.5.3.2.1: a chat falls back to the bare JID, nothing else does.
    if (type === 'headline' || type === 'error') return 'none'
    if (type !== 'chat') throw new StanzaError('service-unavailable')
  }
  if (type === 'groupchat') throw new StanzaError('service-unavailable')
  if (type === 'error') return 'none'
  let outcome: Outcome = 'none'
  for (const session of t.sessions.of(to.bare)) if (session.takesMessages) outcome = give(t, session)
  return outcome
}

function give(t: Incoming, session: Session): Outcome {
  t.deliver(session, t.stanza.el)
  return 'delivered'
}

/** Writes presence to every available session, or to the one that is named (§8.5.2.1.2, §8.5.3.1). */
function deliverPresence(t: Incoming): Outcome {
  const { to } = t
  let outcome: Outcome = 'none'
  for (const session of to.isFull ? [t.sessions.find(to)] : t.sessions.of(to.bare)) {
    if (!session || (to.isBare && !session.available)) continue
    t.write(session, t.stanza.el)
    outcome = 'delivered'
  }
  return outcome
}
