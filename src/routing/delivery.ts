/**
 * Messages that were written to a session and are not known to have arrived, so that a dead connection loses none.
 * Messages written to a client that acknowledges (XEP-0198) have a row in offline storage as well, for a crash.
 */
import { limitsHit } from '../metrics/metrics.ts'
import type { Account } from '../store/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Given, InFlight } from './outcome.ts'
import type { Session } from './session.ts'
import type { Trip } from './transit.ts'

/** `given.el` is about to be written to a session. */
export function give(t: Trip, { delivery, hibernating }: Session, given: Given, el = given.el): void {
  const { inFlight, unresponsive } = delivery
  inFlight.set(el, { given, el, at: undefined, overdue: false, missed: hibernating || unresponsive })
  given.awaited++
  t.undo(() => {
    inFlight.delete(el)
    given.awaited--
  })
}

/** Whether offline storage may take nothing more of an account: what is in flight counts like what waits. */
export function isBoxFull(t: Trip, account: Account): boolean {
  const { offline_messages, offline_bytes } = t.config.limits
  const { messages, bytes } = t.store.messages.boxSize(account)
  if (messages < offline_messages && bytes < offline_bytes) return false
  limitsHit.inc({ limit: messages < offline_messages ? 'offline_bytes' : 'offline_messages' })
  return true
}

/** XEP-0160 §3: a full box is told to the sender, so that nothing is lost unseen. */
export function boxFull(): StanzaError {
  return new StanzaError('service-unavailable', 'The recipient’s offline storage is full.')
}

/** Whether a session was given a message and has not shown that it has it. */
export function awaits({ delivery: { inFlight } }: Session, given: Given): boolean {
  if (!given.ofRoom) return inFlight.has(given.el)
  for (const entry of inFlight.values()) if (entry.given === given) return true
  return false
}

/** Whether a session was given a message and still has time to show that it has it. */
export function isTrusted({ delivery: { inFlight } }: Session, id: number): boolean {
  for (const { given, overdue } of inFlight.values()) if (given.id === id) return !overdue
  return false
}

export function givenById({ delivery: { inFlight } }: Session, id: number): Given | undefined {
  for (const { given } of inFlight.values()) if (given.id === id) return given
  return undefined
}

/** A message that is given to sessions, or was, and waits for nobody else. */
export const FRESH = { ofRoom: false, live: true, stored: false, awaited: 0, arrived: false }

/** The same of a room here. */
export const givenOfRoom = (id: number, account: Account, el: Element): Given => ({
  ...FRESH,
  id,
  account,
  el,
  archived: true,
  ofRoom: true,
})

/** The message that an element in a session's queue is, if it must not be lost. */
export function givenOf({ delivery }: Session, el: Element): Given | undefined {
  return delivery.inFlight.get(el)?.given
}

/** Bytes of a message are on the way: a sign of the client can mean it from now on. Returns whether it is tracked. */
export function written({ delivery }: Session, el: Element, at: number): boolean {
  const entry = delivery.inFlight.get(el)
  if (!entry) return false
  entry.at ??= at
  return true
}

/** The client has shown that it has these; without `els`, everything that was written to it. */
export function confirm(t: Trip, session: Session, els?: readonly Element[]): void {
  const { delivery } = session
  const { inFlight, unresponsive } = delivery
  if (inFlight.size === 0) return
  const gone: InFlight[] = []
  for (const el of els ?? inFlight.keys()) {
    const entry = inFlight.get(el)
    if (entry && (els || entry.at !== undefined)) gone.push(entry)
  }
  const news = gone.filter(({ given }) => !given.arrived)
  for (const { el } of gone) inFlight.delete(el)
  for (const { given } of news) given.arrived = true
  delivery.unresponsive = false
  t.undo(() => {
    delivery.unresponsive = unresponsive
    putBack(inFlight, gone)
    for (const { given } of news) given.arrived = false
  })
  for (const { given } of news) if (given.stored) t.store.messages.delivered(given.account, [given.id])
  const late = gone.flatMap(({ given, missed }) => (missed && given.live ? [given] : []))
  if (late.length > 0) t.world.delivery.acknowledgedLate(t, session, late)
}

/**
 * The session is over: takes up to `most` from it. `lost` is what no other session has or may still have, `elsewhere`
 * the rest of what nobody was told of yet.
 */
export function abandon(
  t: Trip,
  { delivery: { inFlight } }: Session,
  most: number,
): { lost: Given[]; elsewhere: Given[] } {
  const gone = [...inFlight.values()].slice(0, most)
  for (const { given, el } of gone) {
    given.awaited--
    inFlight.delete(el)
  }
  t.undo(() => {
    for (const { given } of gone) given.awaited++
    putBack(inFlight, gone)
  })
  const isLost = ({ given: { arrived, awaited } }: InFlight) => !arrived && awaited === 0
  return {
    lost: gone.filter(isLost).map(({ given }) => given),
    elsewhere: gone.filter((entry) => !isLost(entry) && !entry.missed).map(({ given }) => given),
  }
}

/** Before what is there. */
function putBack(inFlight: Map<Element, InFlight>, gone: readonly InFlight[]): void {
  const later = [...inFlight.values()]
  inFlight.clear()
  for (const entry of [...gone, ...later]) inFlight.set(entry.el, entry)
}

/** Time at which the oldest message was written that is not overdue yet (monotonic ms). */
export function oldest({ delivery: { inFlight } }: Session): number | undefined {
  for (const { at, overdue } of inFlight.values()) if (at !== undefined && !overdue) return at
  return undefined
}

/**
 * Marks what was written at `until` or before as overdue and returns what is so since now. What another session has is
 * among it: this one does not.
 */
export function becomeOverdue({ delivery: { inFlight } }: Session, until: number): Given[] {
  const overdue: Given[] = []
  for (const entry of inFlight.values()) {
    if (entry.overdue || entry.at === undefined || entry.at > until) continue
    entry.overdue = true
    entry.missed = true
    overdue.push(entry.given)
  }
  return overdue
}

/** Takes the oldest for arrived until there are no more than `most`. */
export function trim(t: Trip, session: Session, most: number): void {
  const { inFlight } = session.delivery
  for (const [el, entry] of inFlight) {
    if (inFlight.size <= most) return
    const { given } = entry
    if (given.stored) confirm(t, session, [el])
    else {
      const { arrived } = given
      given.arrived = true
      inFlight.delete(el)
      t.undo(() => {
        given.arrived = arrived
        putBack(inFlight, [entry])
      })
    }
  }
}
