/** The table of domains, made once at start from the configuration and the features. */
import type { Config } from '../config/config.ts'
import type { Feature } from './feature.ts'
import type { Domains, Service, ServiceDomain } from './transit.ts'

export class DomainTable implements Domains {
  readonly hosts: ReadonlySet<string>
  readonly #services: ReadonlyMap<string, ServiceDomain>

  /** Throws where two features want one domain; a host of the configuration stays one. */
  constructor(config: Config, features: readonly Feature[]) {
    this.hosts = new Set(config.hosts)
    const services = new Map<string, ServiceDomain>()
    for (const { name, service } of features) {
      if (!service) continue
      for (const host of config.hosts) {
        const domain = service.domainOf(host, config)
        if (domain === undefined || this.hosts.has(domain)) continue
        if (services.has(domain)) throw new Error(`${name}: ${domain} belongs to another feature`)
        services.set(domain, { domain, host, service })
      }
    }
    this.#services = services
  }

  serviceAt(domain: string): Service | undefined {
    return this.#services.get(domain)?.service
  }

  isOurs(domain: string): boolean {
    return [...this.hosts].some((host) => domain === host || domain.endsWith(`.${host}`))
  }

  /** The services beside a host. */
  servicesOf(host: string): readonly ServiceDomain[] {
    return [...this.#services.values()].filter((owned) => owned.host === host)
  }
}
