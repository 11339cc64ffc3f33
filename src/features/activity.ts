/**
 * Signs that a person sits at an app: what is typed, sent, marked or brought to the front there. While that is so the
 * other devices wait with their rings (push/rules/decide.ts), and ring as soon as it is over.
 */
import { perObject } from '../per-object.ts'
import { classify } from '../push/rules/classify.ts'
import { pushIsOn } from '../push/registration/register.ts'
import { connectionOf, forget, touch } from '../push/schedule/in-use.ts'
import { isAwaited, useEnded } from '../push/schedule/schedule.ts'
import type { Feature, HookResult } from '../routing/feature.ts'
import type { Session } from '../routing/session.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Trip, World } from '../routing/transit.ts'
import { hasBody } from '../xmpp/message.ts'
import { NS } from '../xmpp/namespaces.ts'
import { PUBSUB } from '../xmpp/pubsub.ts'
import { child, type Element } from '../xmpp/xml.ts'

/** Sessions whose last presence said that their person is there. */
const there = sessionState<boolean>('activity')
/** Rules of classify.ts for what only a person does. */
const DEEDS: ReadonlySet<string> = new Set([
  'reaction',
  'retraction',
  'correction',
  'call-ended',
  'call-answer',
])

/** Time (ms) for a stream to come back at once. A server that stops ends them all, and nobody has left. */
const GOODBYE_MS = 1_000

export const activity: Feature = {
  name: 'activity',
  xeps: [],

  sent(t): HookResult {
    const { origin, stanza } = t
    if (!origin || !pushIsOn(t.config)) return
    if (stanza.kind === 'presence') {
      if (!stanza.to) appears(t, origin)
    } else if (stanza.kind === 'message' ? isDeed(stanza.el) : isMark(stanza.el)) touch(t, origin)
  },

  detached(t, session): HookResult {
    isGone(t, session)
  },

  /** The store closes next. */
  stopping({ world }) {
    for (const cancel of leaving(world)) cancel()
  },

  closed(t, session) {
    forget(t, session)
    if (session.orderly) useEnded(t, session.account)
    else isGone(t, session)
  },
}

/** Clocks of sessions that have gone without a goodbye. */
const leaving = perObject((_: World) => new Set<() => void>())

/** An app that is opened, or whose person comes back to it. */
function appears(t: Trip, session: Session): void {
  const isThere = connectionOf(session) === 'active'
  if (isThere && !there.get(session)) touch(t, session)
  there.set(t, session, isThere)
  if (!isThere) useEnded(t, session.account)
}

/** Without a goodbye: the person may be there still. */
function isGone({ world }: Trip, { account }: Session): void {
  if (world.store.push.devices.of(account.id).length === 0) return
  world.store.turn.after(() => {
    const cancels = leaving(world)
    const cancel = world.clock.after(GOODBYE_MS, () => {
      cancels.delete(cancel)
      if (isAwaited(world, account)) world.insist((later) => useEnded(later, account))
    })
    cancels.add(cancel)
  })
}

/** Receipts, and markers that say no more, are the app's own. */
function isDeed(el: Element): boolean {
  if (el.attrs.type === 'error') return false
  if (hasBody(el) || child(el, 'displayed', NS.chatMarkers) || child(el, 'acknowledged', NS.chatMarkers))
    return true
  if (child(el, 'composing', NS.chatStates) || child(el, 'active', NS.chatStates)) return true
  const { kind, rule } = classify(el)
  return kind === 'ring' || DEEDS.has(rule)
}

/** A chat was read (XEP-0490). */
function isMark(el: Element): boolean {
  const pubsub = el.attrs.type === 'set' ? child(el, 'pubsub', PUBSUB) : undefined
  return pubsub !== undefined && child(pubsub, 'publish')?.attrs.node === NS.displayed
}
