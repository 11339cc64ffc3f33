/** Domains and addresses of a source as they are called here: hosts, and the services of rooms beside them. */
import { BoundedMap } from '../bounded-map.ts'
import { Jid, JidError } from '../xmpp/jid.ts'

/** Domains that are remembered. */
const REMEMBERED = 1_024
/** Addresses that are as their preparation would leave them: most are, and of an archive there are millions. */
const PLAIN = /^[a-z0-9][a-z0-9._-]{0,255}@[a-z0-9.-]{1,253}(?:\/[!-~]{1,255})?$/

/** Text of an address as it is here. */
export interface Address {
  readonly bare: string
  readonly full: string
}

export class HostMap {
  readonly #map: ReadonlyMap<string, string>
  /** As they are called here; undefined for those that are none. */
  readonly #known = new BoundedMap<string, string | undefined>(REMEMBERED)
  /** Host of accounts whose source names none, as the source would name it. */
  readonly unnamed: string

  constructor(
    mappings: ReadonlyMap<string, string>,
    readonly hosts: ReadonlySet<string>,
  ) {
    this.#map = mappings
    const [old] = mappings.keys()
    const [only] = hosts
    this.unnamed = (mappings.size === 1 ? old : undefined) ?? (hosts.size === 1 ? only : undefined) ?? ''
  }

  /** The address here. @throws JidError */
  map(text: string): Jid {
    const jid = Jid.parse(text)
    const domain = this.domain(jid.domain)
    return domain === jid.domain ? jid : Jid.of(jid.local, domain, jid.resource)
  }

  /** Like `tryMap`, for where the text is all that is needed. */
  address(text: string): Address | undefined {
    if (!PLAIN.test(text)) {
      const jid = this.tryMap(text)
      return jid && { bare: jid.bare, full: jid.toString() }
    }
    const at = text.indexOf('@') + 1
    const slash = text.indexOf('/', at)
    const end = slash < 0 ? text.length : slash
    const old = text.slice(at, end)
    const domain = this.#known.getOr(old, () => this.tryMap(old)?.domain)
    if (domain === undefined) return undefined
    if (domain === old) return { bare: text.slice(0, end), full: text }
    const bare = text.slice(0, at) + domain
    return { bare, full: bare + text.slice(end) }
  }

  tryMap(text: string): Jid | undefined {
    try {
      return this.map(text)
    } catch (error) {
      if (error instanceof JidError) return undefined
      throw error
    }
  }

  /** A service keeps its name below a host that is called otherwise here, unless it is mapped itself. */
  domain(domain: string): string {
    const mapped = this.#map.get(domain)
    if (mapped !== undefined || this.hosts.has(domain)) return mapped ?? domain
    for (const [old, now] of this.#map)
      if (domain.endsWith(`.${old}`)) return `${domain.slice(0, -old.length)}${now}`
    return domain
  }
}
