/** IQ requests to the server and to accounts: tables of handlers, made one map at start (RFC 6120 §8.2.3). */
import { StanzaError } from '../xmpp/errors.ts'
import { type Element, firstElement } from '../xmpp/xml.ts'
import type { Feature, IqHandler, Later } from './feature.ts'
import type { Transit } from './transit.ts'

export type IqTarget = 'account' | 'user' | 'server'

export class IqHandlers {
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

export function isLater(answer: Element | undefined | Later): answer is Later {
  return answer !== undefined && 'work' in answer
}
