/**
 * The way out. What a trip says to a session (`Trip.write`) waits in the turn's buffer; behind the commit, once the disk
 * has it, it passes the `writing` hooks, any of which may keep it (csi) or take over (sm, which counts), and goes to the
 * connection that the session has at the moment (`Session.outlet`). Bytes leave when the turn's output is flushed: one
 * write per socket (stream/transports/transport.ts).
 */
import type { Turn } from '../store/turn.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Feature } from './feature.ts'
import type { Session } from './session.ts'
import type { World } from './transit.ts'

export class Outbound {
  readonly #turn: Turn
  readonly #writing: readonly Feature[]
  readonly #world: () => World

  /** `world`: looked up when it is needed, since it holds this. */
  constructor(turn: Turn, features: readonly Feature[], world: () => World) {
    this.#turn = turn
    this.#writing = features.filter((feature) => feature.writing !== undefined)
    this.#world = world
  }

  /** Queues an element behind the commit of the open turn. */
  write(session: Session, el: Element): void {
    this.#turn.after(() => this.deliver(session, el))
  }

  /** Hands over what is committed. */
  deliver(session: Session, el: Element): void {
    const world = this.#world()
    for (const feature of this.#writing) if (feature.writing?.(session, el, world) === 'stop') return
    session.outlet.send(el)
  }
}
