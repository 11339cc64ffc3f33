/** IQ requests to the server and to accounts: tables of handlers, made one map at start (RFC 6120 §8.2.3). */
import { StanzaError } from '../xmpp/errors.ts'
import { type Element, firstElement } from '../xmpp/xml.ts'
import type { Feature, IqHandler, Later } from './feature.ts'
import { Laters } from './later.ts'
import type { Transit, Trip, World } from './transit.ts'

export type IqTarget = 'account' | 'user' | 'server'

/** Every IQ request that is answered here, before a login and after it. */
export class Requests {
  readonly #bound: IqHandlers
  readonly #guests: IqHandlers
  readonly #laters: Laters

  constructor(world: World, features: readonly Feature[], drain: (t: Trip) => void) {
    this.#bound = new IqHandlers(features, 'iq')
    this.#guests = new IqHandlers(features, 'preauth')
    this.#laters = new Laters(world, drain)
  }

  /** Throws `service-unavailable` where no feature answers. */
  answer(t: Transit, targets: readonly IqTarget[]): void {
    this.#answer(t, this.#bound.handle(t, targets))
  }

  /** The same for a stream that has not logged in. */
  answerGuest(t: Transit): void {
    this.#answer(t, this.#guests.handle(t, []))
  }

  #answer(t: Transit, answer: Element | undefined | Later): void {
    if (isLater(answer)) this.#laters.start(t, answer)
    else t.reply(answer)
  }
}

class IqHandlers {
  readonly #table = new Map<string, IqHandler>()

  /** Throws when two features claim the same request. */
  constructor(features: readonly Feature[], table: 'iq' | 'preauth') {
    for (const feature of features) {
      for (const [key, handler] of Object.entries(feature[table] ?? {})) {
        if (this.#table.has(key))
          throw new Error(`${feature.name}: ${key} is handled by another feature already`)
        this.#table.set(key, handler)
      }
    }
  }

  /** Runs the handler; throws `service-unavailable` where there is none (RFC 6120 §8.2.3 rule 4, RFC 6121 §8.5). */
  handle(t: Transit, targets: readonly IqTarget[]): Element | undefined | Later {
    const payload = firstElement(t.stanza.el)
    if (!payload) throw new StanzaError('bad-request')
    const what = `${t.stanza.type} {${payload.attrs.xmlns ?? ''}}${payload.name}`
    for (const target of targets) {
      const handler = this.#table.get(`${target} ${what}`)
      if (handler) return handler(t, payload)
    }
    const guest = targets.length === 0 ? this.#table.get(what) : undefined
    if (guest) return guest(t, payload)
    throw new StanzaError('service-unavailable')
  }
}

function isLater(answer: Element | undefined | Later): answer is Later {
  return answer !== undefined && 'work' in answer
}
