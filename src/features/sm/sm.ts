/**
 * Stream Management (XEP-0198): both sides count and acknowledge stanzas, and a session outlives its connection. What a
 * lost session was not seen to have goes back to offline storage (routing/redelivery.ts); nothing of it is bounced.
 */
import { BoundedMap } from '../../bounded-map.ts'
import { limitsHit, sessions } from '../../metrics/metrics.ts'
import type { Feature, NonzaStream, Resumption, HookResult } from '../../routing/feature.ts'
import type { Session } from '../../routing/session.ts'
import { sessionState } from '../../routing/session-state.ts'
import { readCount, SmQueue } from './queue.ts'
import { load, save } from './saved.ts'
import type { Trip, World } from '../../routing/transit.ts'
import { givenOf } from '../../routing/delivery.ts'
import { type StanzaCondition, StreamError } from '../../xmpp/errors.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { type Element, xml } from '../../xmpp/xml.ts'

const SM = 'urn:xmpp:sm:3'
/** An <r/> follows a message that must not be lost at once, and anything else after so many stanzas. */
const ASK_EVERY = 20
/** Ended sessions of which `h` is still told (§5); those that ended first are forgotten. */
const REMEMBERED = 1_000

const DETACHED = { transport: 'none', state: 'detached' }

const queues = sessionState<SmQueue>('sm')

interface Known {
  /** Sessions that can be resumed, by SM-ID. */
  readonly sessions: Map<string, Session>
  /** Last `h` and account of those that cannot any more. */
  readonly ended: BoundedMap<string, { h: number; account: string }>
}
const worlds = new WeakMap<World, Known>()

export const sm: Feature = {
  name: 'sm',
  xeps: [{ number: 198, version: '1.6.3' }],
  streamFeatures: (s) =>
    s.authenticated && !(s.session && queues.get(s.session)) ? [xml('sm', { xmlns: SM })] : [],

  nonza: {
    // §3: not before login, not before binding, not twice.
    [`open {${SM}}enable`]: (t, stream) => fail(t, stream, 'unexpected-request'),
    [`open {${SM}}resume`]: (t, stream) => fail(t, stream, 'unexpected-request'),
    [`authenticated {${SM}}enable`]: (t, stream) => fail(t, stream, 'unexpected-request'),
    [`authenticated {${SM}}resume`]: resume,
    [`bound {${SM}}enable`]: enable,
    [`bound {${SM}}resume`]: (t, stream) => fail(t, stream, 'unexpected-request'),
    [`bound {${SM}}r`]: (t, stream) => withQueue(stream, (queue, session) => answer(t, session, queue)),
    [`bound {${SM}}a`]: (t, stream, el) =>
      withQueue(stream, (queue, session) => acknowledged(t, session, queue, el)),
  },

  inline: {
    offers: [xml('sm', { xmlns: SM })],
    resume: { [`{${SM}}resume`]: (t, stream, el) => resumption(t, stream, el) },
    bind: {
      // §3, §9.1: once, also within one binding; what came first holds.
      [`{${SM}}enable`]: (t, session, el) =>
        queues.get(session) ? failed('unexpected-request') : enabled(t, session, el),
    },
  },

  /** Last of those that look at what is written: from here on it is sent, and counted. */
  writing(session, el, world): HookResult {
    const queue = queues.get(session)
    if (!queue?.counting) return
    queue.waiting.push(el)
    if (queue.waiting.length > world.config.limits.sm_queue) return overflow(session)
    session.outlet.send(el)
    if (session.hibernating || queue.requested) return 'stop'
    const important = givenOf(session, el) !== undefined
    if (important || queue.waiting.length % ASK_EVERY === 0) ask(session, queue)
    return 'stop'
  },

  detached(t, session): HookResult {
    const queue = queues.get(session)
    if (queue?.id === undefined || !queue.counting) return
    queue.requested = false
    hibernate(t.world, session, queue, t.now + queue.max)
    return 'stop'
  },

  resumed(session) {
    wake(queues.get(session))
  },

  closed(t, session) {
    const queue = queues.get(session)
    if (!queue) return
    wake(queue)
    if (queue.id === undefined) return
    const known = knownTo(t.world)
    known.sessions.delete(queue.id)
    known.ended.set(queue.id, { h: queue.handled(session.handled), account: session.jid.bare })
  },

  started(t) {
    for (const { session, queue, id, until } of load(t)) {
      queues.put(session, queue)
      queue.counting = true
      // The time to resume was over before this start: contacts hear of the session's end now.
      if (until <= t.now) {
        t.after(() => t.world.end(session))
        continue
      }
      knownTo(t.world).sessions.set(id, session)
      hibernate(t.world, session, queue, until)
    }
  },

  stopping(t) {
    for (const [id, session] of knownTo(t.world).sessions) {
      const queue = queues.get(session)
      if (queue && session.hibernating) save(t, id, session, queue)
    }
  },
}

/** Not undone by a turn that fails: the stream is gone whatever the disk does. */
function hibernate(world: World, session: Session, queue: SmQueue, until: number): void {
  queue.until = until
  sessions.inc(DETACHED)
  queue.cancel = world.clock.after(Math.max(0, until - world.now()), () => world.end(session))
}

/** The queue's clock stops: the session has a stream again, or is over. */
function wake(queue: SmQueue | undefined): void {
  if (!queue || queue.until === Number.POSITIVE_INFINITY) return
  queue.cancel()
  queue.until = Number.POSITIVE_INFINITY
  sessions.dec(DETACHED)
}

function knownTo(world: World): Known {
  let known = worlds.get(world)
  if (!known) worlds.set(world, (known = { sessions: new Map(), ended: new BoundedMap(REMEMBERED) }))
  return known
}

function enable(t: Trip, stream: NonzaStream, el: Element): void {
  const { session } = stream
  if (!session) return
  // §3: a client shall try at most once.
  if (queues.get(session)) throw new StreamError('policy-violation', 'Stream management is enabled already.')
  const answer = enabled(t, session, el)
  t.after(() => stream.send(answer))
}

/** Counts from the answer on. */
function enabled(t: Trip, session: Session, el: Element): Element {
  const { max, max_with_push } = t.config.sm
  const longest = t.store.push.devices.of(session.account.id).length > 0 ? max_with_push : max
  const wanted = readCount(el.attrs.max)
  const seconds = Math.floor(Math.min(longest, wanted === undefined ? longest : wanted * 1000) / 1000)
  const resumes = (el.attrs.resume === 'true' || el.attrs.resume === '1') && seconds > 0
  const id = resumes ? t.world.random.bytes(18).toString('base64url') : undefined
  const queue = new SmQueue({ id, max: seconds * 1000, base: session.handled })
  queues.set(t, session, queue)
  session.delivery.acknowledges = true
  session.resumable = id !== undefined
  const known = knownTo(t.world)
  if (id !== undefined) known.sessions.set(id, session)
  t.undo(() => {
    session.delivery.acknowledges = false
    session.resumable = false
    if (id !== undefined) known.sessions.delete(id)
  })
  t.after(() => void (queue.counting = true))
  const more = id === undefined ? {} : { resume: 'true', id, max: String(seconds) }
  return xml('enabled', { xmlns: SM, ...more })
}

function resume(t: Trip, stream: NonzaStream, el: Element): void {
  const found = resumption(t, stream, el)
  if (!('session' in found)) return t.after(() => stream.send(found))
  const { session, answer, then } = found
  stream.adopt(t, session, () => {
    stream.send(answer)
    then()
  })
}

/** §5: by whoever owns it, from any address. */
function resumption(t: Trip, stream: NonzaStream, el: Element): Resumption | Element {
  const { previd } = el.attrs
  const h = readCount(el.attrs.h)
  if (previd === undefined || h === undefined) return failed('bad-request')
  const known = knownTo(t.world)
  const session = known.sessions.get(previd)
  const queue = session && queues.get(session)
  if (!session || !queue || session.account.id !== stream.account?.id) {
    const ended = known.ended.get(previd)
    const mine = ended && ended.account === stream.account?.jid
    return failed('item-not-found', mine ? ended.h : undefined)
  }
  take(t, session, queue, h)
  // Counted now, as in `answer`: `adopt` lets the old stream take nothing more.
  return {
    session,
    answer: xml('resumed', { xmlns: SM, previd, h: countOf(session, queue) }),
    then() {
      for (const waiting of queue.waiting) stream.send(waiting)
      if (queue.waiting.length > 0) ask(session, queue)
    },
  }
}

function acknowledged(t: Trip, session: Session, queue: SmQueue, el: Element): void {
  const h = readCount(el.attrs.h)
  if (h === undefined) throw new StreamError('policy-violation', 'An ack needs a count in h.')
  take(t, session, queue, h)
  // What was sent after the question that this answers.
  if (!queue.requested && queue.waiting.some((waiting) => givenOf(session, waiting) !== undefined))
    t.after(() => ask(session, queue))
}

function take(t: Trip, session: Session, queue: SmQueue, h: number): void {
  const { sent, requested } = queue
  const taken = queue.take(h)
  if (!taken) {
    // §6
    const attrs = { xmlns: SM, h: String(h), 'send-count': String(sent) }
    const text = `You acknowledged ${h} stanzas, but only ${sent} were sent.`
    throw new StreamError('undefined-condition', text, xml('handled-count-too-high', attrs))
  }
  t.undo(() => {
    queue.giveBack(taken)
    queue.requested = requested
  })
  t.world.delivery.acknowledged(t, session, taken)
}

/**
 * §4: nothing is acknowledged before it is on disk. The count is taken now and leaves with this turn: by then the session
 * may have been read further, and what it said since is part of the next turn.
 */
function answer(t: Trip, session: Session, queue: SmQueue): void {
  const a = xml('a', { xmlns: SM, h: countOf(session, queue) })
  t.after(() => session.outlet.send(a))
}

/** `h` of what was taken until now; only the output of the turn that is open may carry it. */
function countOf(session: Session, queue: SmQueue): string {
  return String(queue.handled(session.handled))
}

function ask(session: Session, queue: SmQueue): void {
  queue.requested = true
  session.outlet.send(xml('r', { xmlns: SM }))
}

function withQueue(stream: NonzaStream, f: (queue: SmQueue, session: Session) => void): void {
  const queue = stream.session && queues.get(stream.session)
  if (!queue || !stream.session)
    throw new StreamError('unsupported-stanza-type', 'Stream management is not enabled.')
  f(queue, stream.session)
}

/** Too much is un-acked: the session ends, and what must not be lost goes back to offline storage. */
function overflow(session: Session): HookResult {
  limitsHit.inc({ limit: 'sm_queue' })
  session.outlet.close(new StreamError('policy-violation', 'Too many stanzas without an ack.'))
  return 'stop'
}

function fail(t: Trip, stream: NonzaStream, condition: StanzaCondition): void {
  t.after(() => stream.send(failed(condition)))
}

function failed(condition: StanzaCondition, h?: number): Element {
  const attrs = { xmlns: SM, h: h === undefined ? undefined : String(h) }
  return xml('failed', attrs, xml(condition, { xmlns: NS.stanzaErrors }))
}
