/**
 * Connections to the HTTP ports, within the limits that those to the XMPP ports have. The runtime tells nobody of them,
 * so that they cannot be counted as they are accepted: the kernel is asked instead, twice a second, and what is too much
 * is shut down. That needs no second connection behind each, as a proxy of our own would.
 *
 * Nothing else of this thread runs between the look and the end, and only this thread closes such sockets: the number of
 * a file cannot become another's in between.
 */
import { getLogger } from '../log.ts'
import { connections as counted, limitsHit } from '../metrics/metrics.ts'
import { type Networks, networkOf } from '../net/address.ts'
import type { Connection, OpenSockets } from '../net/sockets.ts'
import type { Clock } from '../store/clock.ts'

const log = getLogger('http')

/** Milliseconds between two looks; after one that found too many the next follows at once, since more may wait there. */
const LOOK_MS = 500
/** A look may take this part of the time, else half of it: with tens of thousands of open files it takes 20 ms. */
const SHARE = 0.02
/** The part of the limit on open files that HTTP leaves to everything else. */
const LEFT = 1 / 16

export interface CrowdLimits {
  readonly perAddress: number
  /** Number of files that the process may have open. */
  readonly files: number
  /** Proxies: their connections are those of many. */
  readonly exempt: Networks
}

export class HttpCrowd {
  readonly #sockets: OpenSockets
  readonly #clock: Clock
  readonly #limits: CrowdLimits
  readonly #ports: ReadonlySet<number>
  /** Connections that were there at the last look: the oldest connections of an address stay. */
  #before = new Set<string>()
  #cancel: () => void

  constructor(sockets: OpenSockets, ports: Iterable<number>, clock: Clock, limits: CrowdLimits) {
    this.#sockets = sockets
    this.#ports = new Set(ports)
    this.#clock = clock
    this.#limits = limits
    this.#cancel = clock.after(LOOK_MS, () => this.#round())
  }

  stop(): void {
    this.#cancel()
    this.#sockets.close()
  }

  /** Ends what is too much; returns how many connections that were. */
  look(): number {
    const { perAddress, files: most, exempt } = this.#limits
    const { files, connections } = this.#sockets.at(this.#ports)
    const strangers = connections.filter(({ ip }) => !exempt.covers(ip))
    const groups = [...Map.groupBy(strangers, ({ ip }) => networkOf(ip)).values()]
    const room = most - Math.ceil(most * LEFT) - (files - strangers.length)
    const fair = fairShare(
      groups.map((group) => group.length),
      room,
    )
    const limit = fair < perAddress ? 'connections' : 'connections_per_ip'
    const kept = groups.flatMap((group) => this.#oldest(group).slice(0, Math.min(perAddress, fair)))
    this.#before = new Set(kept.map(({ peer }) => peer))
    const ended = strangers.filter(({ peer }) => !this.#before.has(peer))
    for (const connection of ended) this.#sockets.end(connection)
    if (ended.length === 0) return 0
    counted.inc({ listener: 'http', result: 'refused' }, ended.length)
    limitsHit.inc({ limit }, ended.length)
    log.debug('connections are refused', { limit, connections: ended.length, addresses: groups.length })
    return ended.length
  }

  #oldest(group: readonly Connection[]): Connection[] {
    const isNew = ({ peer }: Connection): number => (this.#before.has(peer) ? 0 : 1)
    return group.toSorted((a, b) => isNew(a) - isNew(b))
  }

  #round(): void {
    const start = performance.now()
    const ended = this.look()
    const took = performance.now() - start
    const pause = ended > 0 ? took : Math.max(LOOK_MS, took / SHARE)
    this.#cancel = this.#clock.after(pause, () => this.#round())
  }
}

/** The most that each of these may have so that all of them together have `room`: who has few keeps them. */
function fairShare(sizes: readonly number[], room: number): number {
  let left = Math.max(0, room)
  const ascending = sizes.toSorted((a, b) => a - b)
  for (const [at, size] of ascending.entries()) {
    const each = Math.floor(left / (ascending.length - at))
    if (size > each) return each
    left -= size
  }
  return Infinity
}
