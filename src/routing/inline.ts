/** Requests that a client may make along with its login (XEP-0388 §2.2) and with its resource (XEP-0386 §4.2). */
import { type Element, elements, xml } from '../xmpp/xml.ts'
import type { BindHandler, Feature, NonzaStream, Resumption, ResumeHandler } from './feature.ts'
import type { Session } from './session.ts'
import type { Trip } from './transit.ts'
import { NS } from '../xmpp/namespaces.ts'

export class Inlines {
  readonly #features: readonly Feature[]
  readonly #offers: readonly Element[]
  readonly #resume = new Map<string, ResumeHandler>()
  readonly #bind = new Map<string, BindHandler>()

  constructor(features: readonly Feature[]) {
    this.#features = features
    for (const { inline } of features) {
      for (const [key, handler] of Object.entries(inline?.resume ?? {})) this.#resume.set(key, handler)
      for (const [key, handler] of Object.entries(inline?.bind ?? {})) this.#bind.set(key, handler)
    }
    const names = new Set([...this.#bind.keys()].map((key) => key.slice(1, key.indexOf('}'))))
    const bind = [...names].map((name) => xml('feature', { var: name }))
    this.#offers = [
      ...features.flatMap(({ inline }) => inline?.offers ?? []),
      xml('bind', { xmlns: NS.bind2 }, xml('inline', {}, ...bind)),
    ]
  }

  /** Children of <inline/> in the stream features. */
  offers(): readonly Element[] {
    return this.#offers
  }

  /** An earlier session to go on with, or the element that says why not; undefined where none was asked for. */
  resume(t: Trip, stream: NonzaStream, request: Element): Resumption | Element | undefined {
    for (const el of elements(request)) {
      const handler = this.#resume.get(keyOf(el))
      if (handler) return handler(t, stream, el)
    }
    return undefined
  }

  /** <bound/> for a session that was just opened. */
  bound(t: Trip, session: Session, bind: Element): Element {
    const answers: (Element | undefined)[] = []
    for (const el of elements(bind)) answers.push(this.#bind.get(keyOf(el))?.(t, session, el))
    for (const feature of this.#features) answers.push(feature.bound?.(t, session))
    return xml('bound', { xmlns: NS.bind2 }, ...answers)
  }
}

const keyOf = (el: Element): string => `{${el.attrs.xmlns ?? ''}}${el.name}`
