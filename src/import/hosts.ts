/** Domains and addresses of a source as they are called here: hosts, and the services of rooms beside them. */
import { BoundedMap } from '../bounded-map.ts'
import { Jid, JidError } from '../xmpp/jid.ts'

/** Addresses that are remembered: those of an archive come again and again. */
const REMEMBERED = 16_384

export class HostMap {
  readonly #map: ReadonlyMap<string, string>
  readonly #known = new BoundedMap<string, Jid>(REMEMBERED)
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
    return this.#known.getOr(text, () => {
      const jid = Jid.parse(text)
      const domain = this.domain(jid.domain)
      return domain === jid.domain ? jid : Jid.of(jid.local, domain, jid.resource)
    })
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
