/**
 * The wait for the ack of an app in the background (push/rules/decide.ts: awaitsAck). It is over as soon as the app
 * has shown that it has the message: it may close before the wait ends.
 */
import { awaitsAck } from '../rules/decide.ts'
import { withdrawFrom } from './schedule.ts'
import type { Session } from '../../routing/session.ts'
import { sessionState } from '../../routing/session-state.ts'
import type { Trip } from '../../routing/transit.ts'
import { mayBeOwn } from '../registration/whose.ts'

/** Ids of messages whose pushes wait. */
const waiting = sessionState<ReadonlySet<string>>('push background')

/** A push about a message waits for this session. */
export function awaitAck(t: Trip, session: Session, messageId: string): void {
  waiting.set(t, session, new Set([...(waiting.get(session) ?? []), messageId]))
}

/** The client has shown that it has something; `all`: everything that it was given. */
export function stopAwaiting(t: Trip, session: Session, all = false): void {
  const mine = waiting.get(session)
  if (!mine || mine.size === 0) return
  const left = new Set<string>()
  if (!all) for (const { given } of session.delivery.inFlight.values()) left.add(String(given.id))
  const { devices } = t.store.push
  const own = new Set(
    devices
      .of(session.account.id)
      .filter((device) => mayBeOwn(session, device))
      .map(idOf),
  )
  waiting.set(t, session, new Set([...mine].filter((id) => left.has(id))))
  for (const messageId of mine) {
    if (left.has(messageId)) continue
    // Where it waits for the app it has not arrived.
    if (t.store.messages.isStored(Number(messageId))) continue
    withdrawFrom(
      t,
      session.account,
      messageId,
      'acked',
      ({ hold, device_id }) => awaitsAck(hold) && own.has(device_id),
      { calls: true },
    )
  }
}

const idOf = ({ id }: { readonly id: number }): number => id
