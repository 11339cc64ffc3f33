/** Accepts client connections within the limits and keeps the set of open streams, for their clocks and the stop. */
import { getLogger } from '../log.ts'
import { connections, sessions } from '../metrics/metrics.ts'
import { serverPing } from '../routing/ping.ts'
import { Inlines } from '../routing/inline.ts'
import { StreamError } from '../xmpp/errors.ts'
import { Admission, type Admitted } from './admission.ts'
import { type C2sContext, ClientStream } from './c2s.ts'
import { Handshakes } from './handshakes.ts'
import type { Transport, TransportEvents } from './transports/transport.ts'

const log = getLogger('c2s')

/** Interval at which the silence of all streams is looked at. */
const SWEEP_MS = 15_000
/** Interval at which an orderly stop looks whether clients have acknowledged what it waits for. */
const LAST_ACKS_LOOK_MS = 20

export class ClientStreams {
  readonly #context: C2sContext
  readonly #streams = new Map<ClientStream, Admitted>()
  readonly #byKind = new Map<string, number>()
  /** Listeners whose runtime tells of connections count them here as soon as they are accepted. */
  readonly admission: Admission
  /** No new streams are taken. */
  #refusing = false
  #stopping = false
  /** Monotonic ms of the last frames that say nothing. */
  #keptAlive = 0
  #cancel: () => void

  constructor(context: Omit<C2sContext, 'closed' | 'handshakes' | 'inlines'>, most: number) {
    const inlines = new Inlines(context.features)
    const { connections_per_ip: perAddress, suspect_handshakes } = context.world.config.limits
    const handshakes = new Handshakes(context.clock, suspect_handshakes)
    this.#context = { ...context, inlines, handshakes, closed: (stream) => this.#closed(stream) }
    this.admission = new Admission({ perAddress, inAll: most })
    this.#cancel = context.clock.after(SWEEP_MS, () => this.#sweep())
  }

  /** Whether nobody may log in from there. */
  isBanned(ip: string): boolean {
    return this.#context.auth.isBanned(ip)
  }

  /** A new connection, counted now where that was not done before; undefined refuses it. */
  accept(transport: Transport, counted?: Admitted): TransportEvents | undefined {
    if (this.#refusing) {
      counted?.leave()
      connections.inc({ listener: transport.kind, result: 'refused' })
      return undefined
    }
    const admitted = counted ?? this.admission.enter(transport.ip, transport.kind)
    if (!admitted) return undefined
    const stream = new ClientStream(transport, this.#context)
    this.#streams.set(stream, admitted)
    this.#count(transport.kind, 1)
    return {
      data: (bytes) => stream.received(bytes),
      secured: () => stream.secured(),
      closed: () => stream.transportClosed(),
    }
  }

  /**
   * Before an orderly stop, a moment for clients to say that they have what was written to them: with the stop it
   * goes back to where messages wait, and they would get it again. Those that can resume are asked then. Clients with
   * stream management were sent an <r/> behind the message; others are asked by a ping. Takes no new streams.
   */
  async lastAcks(): Promise<void> {
    const { clock, world } = this.#context
    this.#refusing = true
    const end = clock.monotonic() + world.config.sm.stop_wait
    for (const stream of this.#owing()) if (!stream.session?.delivery.acknowledges) this.#ask(stream)
    while (this.#owing().length > 0 && clock.monotonic() < end)
      await new Promise<void>((resolve) => clock.after(LAST_ACKS_LOOK_MS, resolve))
  }

  /** Says goodbye to every stream (RFC 6120 §4.9.3.19), takes no new ones, and writes down what can be resumed. */
  stop(): void {
    const { router, world } = this.#context
    if (this.#stopping) return
    this.#stopping = true
    this.#refusing = true
    this.#cancel()
    router.farewell()
    world.store.turn.end()
    for (const stream of this.#streams.keys()) stream.close(new StreamError('system-shutdown'))
    world.store.turn.end()
    router.stop()
    world.store.turn.end()
  }

  /** Drops every connection without a word: the store no longer knows what it promised. */
  abort(): void {
    this.#stopping = true
    this.#refusing = true
    this.#cancel()
    for (const stream of this.#streams.keys()) stream.transport.destroy()
  }

  /** Streams whose client has not shown that it got all, may still do so, and cannot by resuming. */
  #owing(): ClientStream[] {
    return [...this.#streams.keys()].filter(
      ({ session }) =>
        session && !session.resumable && !session.delivery.unresponsive && session.delivery.inFlight.size > 0,
    )
  }

  #closed(stream: ClientStream): void {
    const admitted = this.#streams.get(stream)
    if (!this.#streams.delete(stream)) return
    admitted?.leave()
    this.#count(stream.kind, -1)
  }

  #count(kind: string, change: number): void {
    const now = (this.#byKind.get(kind) ?? 0) + change
    this.#byKind.set(kind, now)
    sessions.set({ transport: kind, state: 'open' }, now)
  }

  /** One timer for all: who was silent is asked, who stays silent is gone. */
  #sweep(): void {
    const { clock, world } = this.#context
    const { idle_ping, idle_timeout, websocket_ping } = world.config.limits
    const now = clock.monotonic()
    // Later than at the next look would be too late.
    if (now - this.#keptAlive + SWEEP_MS > websocket_ping) {
      this.#keptAlive = now
      for (const { transport } of this.#streams.keys()) transport.keepAlive?.()
    }
    for (const stream of this.#streams.keys()) {
      const silent = now - stream.lastHeard
      if (!stream.session) continue
      if (silent >= idle_timeout) {
        log.debug('a silent connection is closed', { ip: stream.ip })
        stream.close(new StreamError('connection-timeout'))
      } else if (silent >= idle_ping && now - stream.lastAsked >= idle_ping) {
        stream.lastAsked = now
        this.#ask(stream)
      }
    }
    this.#context.auth.sweep()
    this.#cancel = clock.after(SWEEP_MS, () => this.#sweep())
  }

  #ask(stream: ClientStream): void {
    const { session } = stream
    const { world } = this.#context
    if (session) world.outbound.write(session, serverPing(world, session))
  }
}
