/** Elements of a stream that are no stanzas (XEP-0360): tables of handlers by what the stream has reached. */
import { failureEvent, getLogger } from '../log.ts'
import { TurnFailed } from '../store/turn-failed.ts'
import { DatabaseBusy } from '../store/write-lock.ts'
import { StreamError } from '../xmpp/errors.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Feature, NonzaHandler, NonzaStream } from './feature.ts'
import { Trip, type World } from './transit.ts'

const log = getLogger('router')

export type StreamPhase = 'open' | 'authenticated' | 'bound'

export class Nonzas {
  readonly #world: World
  readonly #drain: (t: Trip) => void
  readonly #table = new Map<string, NonzaHandler>()

  /** Throws when two features claim the same element. */
  constructor(world: World, features: readonly Feature[], drain: (t: Trip) => void) {
    this.#world = world
    this.#drain = drain
    for (const feature of features) {
      for (const [key, handler] of Object.entries(feature.nonza ?? {})) {
        if (this.#table.has(key))
          throw new Error(`${feature.name}: ${key} belongs to another feature already`)
        this.#table.set(key, handler)
      }
    }
  }

  /** Runs the handler as a trip; false where there is none. Throws only StreamError and DatabaseBusy. */
  handle(phase: StreamPhase, stream: NonzaStream, el: Element): boolean {
    const handler = this.#table.get(`${phase} {${el.attrs.xmlns ?? ''}}${el.name}`)
    if (!handler) return false
    // The turn may fail by what others wrote; no answer could tell so, and alone the element may go well.
    this.#run(handler, stream, el, () => this.#again(handler, stream, el))
    return true
  }

  #again(handler: NonzaHandler, stream: NonzaStream, el: Element): void {
    try {
      this.#run(handler, stream, el, () => giveUp(stream))
      // The stream waited for a session that is not to be had any more.
      this.#world.store.turn.after(() => {
        if (!stream.session) stream.resumeReading()
      })
    } catch (error) {
      if (error instanceof DatabaseBusy)
        return this.#world.store.turn.lock.whenFree(() => this.#again(handler, stream, el))
      if (!(error instanceof StreamError)) throw error
      stream.close(error)
    }
  }

  #run(handler: NonzaHandler, stream: NonzaStream, el: Element, refused: () => void): void {
    const { turn } = this.#world.store
    try {
      turn.trip(
        () => {
          const t = new Trip(this.#world)
          handler(t, stream, el)
          this.#drain(t)
        },
        () => turn.after(refused),
      )
    } catch (error) {
      if (error instanceof StreamError || error instanceof DatabaseBusy) throw error
      if (error instanceof TurnFailed) return
      log.error(failureEvent('a stream', error), { error, nonza: el.name })
      throw new StreamError('internal-server-error')
    }
  }
}

/** A bound stream goes on: an ack that was not taken comes again. One that waits for its session must not wait on. */
function giveUp(stream: NonzaStream): void {
  if (!stream.session) stream.close(new StreamError('resource-constraint'))
}
