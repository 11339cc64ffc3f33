/** IQs whose answer needs slow work: it runs outside the road, its result comes back as a trip of its own. */
import { BusyError } from '../xmpp/errors.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Later } from './feature.ts'
import { DatabaseBusy } from '../store/write-lock.ts'
import { guarded, toError } from './guard.ts'
import { Transit, type Trip, type World } from './transit.ts'

export class Laters {
  readonly #world: World
  readonly #drain: (t: Trip) => void
  readonly #mine = new WeakMap<object, number>()
  #all = 0

  constructor(world: World, drain: (t: Trip) => void) {
    this.#world = world
    this.#drain = drain
  }

  /** Starts the work after the commit of `t`, within `limits.later_pending` a sender and `limits.later_queue`. */
  start(t: Transit, { work, then }: Later): void {
    const owner: object = t.origin ?? t.guest ?? this
    const finished = this.#take(owner)
    t.undo(finished)
    t.after(() => {
      work().then(
        (result) => this.#again(t, finished, (next) => next.reply(then(next, result))),
        (error: unknown) =>
          this.#again(t, finished, () => {
            throw toError(error)
          }),
      )
    })
  }

  #again(t: Transit, finished: () => void, f: (next: Transit) => void): void {
    // Outside of a trip what has no session goes back in one of its own.
    const back = (el: Element) =>
      this.#world.soon((next) => new Transit(next.world, t.stanza, {}, next).answer(el))
    const answer = t.asker.reply ?? back
    const who = t.origin ?? t.guest ?? { jid: t.stanza.from }
    try {
      guarded(this.#world, t.stanza.el, t.stanza.from, who, answer, () => {
        const next = new Transit(this.#world, t.stanza, t.asker)
        f(next)
        this.#drain(next)
      })
    } catch (error) {
      if (!(error instanceof DatabaseBusy)) throw error
      return this.#world.store.turn.lock.whenFree(() => this.#again(t, finished, f))
    }
    finished()
  }

  #take(owner: object): () => void {
    const { later_pending, later_queue } = this.#world.config.limits
    const mine = this.#mine.get(owner) ?? 0
    if (mine >= later_pending || this.#all >= later_queue) {
      throw new BusyError('Too many requests are being worked on.')
    }
    this.#mine.set(owner, mine + 1)
    this.#all++
    return () => {
      this.#mine.set(owner, (this.#mine.get(owner) ?? 1) - 1)
      this.#all--
    }
  }
}
