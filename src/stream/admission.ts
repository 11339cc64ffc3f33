/** Connections that are open, counted from the moment they are accepted: per address, and in all. */
import { getLogger } from '../log.ts'
import { connections, limitsHit } from '../metrics/metrics.ts'
import { networkOf } from '../net/address.ts'

const log = getLogger('connections')

/** A connection that was let in. */
export interface Admitted {
  /** The connection counts for the client that a proxy named; false: that one has too many, and it is to be closed. */
  moveTo(ip: string): boolean
  /** The connection is gone. Further calls do nothing. */
  leave(): void
}

export interface AdmissionLimits {
  readonly perAddress: number
  readonly inAll: number
}

export class Admission {
  readonly #limits: AdmissionLimits
  readonly #byNetwork = new Map<string, number>()
  #all = 0

  constructor(limits: AdmissionLimits) {
    this.#limits = limits
  }

  /** `ip` is undefined for a proxy, whose connections are those of many; `listener` is a name for the metrics. */
  enter(ip: string | undefined, listener: string): Admitted | undefined {
    const refused =
      this.#all >= this.#limits.inAll ? 'connections' : this.#isFull(ip) ? 'connections_per_ip' : undefined
    if (refused) {
      this.#refuse(refused, ip, listener)
      return undefined
    }
    connections.inc({ listener, result: 'accepted' })
    this.#all++
    this.#count(ip, 1)
    let at = ip
    let isHere = true
    return {
      moveTo: (client) => {
        if (!isHere) return false
        if (this.#isFull(client)) {
          this.#refuse('connections_per_ip', client, listener)
          return false
        }
        this.#count(at, -1)
        this.#count(client, 1)
        at = client
        return true
      },
      leave: () => {
        if (!isHere) return
        isHere = false
        this.#all--
        this.#count(at, -1)
      },
    }
  }

  #refuse(limit: string, ip: string | undefined, listener: string): void {
    connections.inc({ listener, result: 'refused' })
    limitsHit.inc({ limit })
    log.debug('a connection is refused', { ip, listener, limit })
  }

  #isFull(ip: string | undefined): boolean {
    return ip !== undefined && (this.#byNetwork.get(networkOf(ip)) ?? 0) >= this.#limits.perAddress
  }

  #count(ip: string | undefined, change: number): void {
    if (ip === undefined) return
    const network = networkOf(ip)
    const now = (this.#byNetwork.get(network) ?? 0) + change
    if (now === 0) this.#byNetwork.delete(network)
    else this.#byNetwork.set(network, now)
  }
}
