/**
 * The one way to a user's address: each connection resolves the name anew and goes to the very address that was
 * checked, so that a name which changes its mind in between gains nothing.
 */
import type { LookupFunction } from 'node:net'
import { connect } from 'node:tls'
import { BoundedMap } from '../../bounded-map.ts'
import { OutsideError } from '../../log.ts'
import { isAddress } from '../../net/address.ts'
import type { Clock } from '../../store/clock.ts'
import { allowedAddress, type Resolve } from '../webhook/address.ts'

export interface ReachOptions {
  readonly allowPrivate: boolean
  readonly resolve: Resolve
  /** PEM of a private certificate authority, beside those that all trust. */
  readonly ca?: string | undefined
  readonly clock: Clock
  readonly connectMs: number
}

/** Time after which a server is asked again for its protocol. */
const KNOWN_MS = 3_600_000
const KEPT = 1_000

export type Speech = 'h2' | 'http/1.1'

export class Reach {
  readonly #options: ReachOptions
  readonly #known = new BoundedMap<string, { readonly speech: Speech; readonly at: number }>(KEPT)

  constructor(options: ReachOptions) {
    this.#options = options
  }

  /** @throws ForbiddenAddress, or whatever the resolver says */
  address(host: string): Promise<string> {
    const { allowPrivate, resolve } = this.#options
    return allowedAddress(host, allowPrivate, resolve)
  }

  /** In place of the system's resolver. It is not asked for an address, which is checked before. */
  readonly lookup: LookupFunction = (host, options, done) => {
    this.address(host).then(
      (address) => {
        const family = address.includes(':') ? 6 : 4
        if (options.all) done(null, [{ address, family }])
        else done(null, address, family)
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), '', 4),
    )
  }

  /** Protocol of the server of an origin: asked by a handshake of its own, and remembered. @throws ForbiddenAddress */
  async speech(origin: string): Promise<Speech> {
    const { protocol, hostname, port } = new URL(origin)
    const host = hostname.replace(/^\[|\]$/g, '')
    const known = this.#known.get(origin)
    const now = this.#options.clock.now()
    // An address is not looked up by whoever connects.
    if (isAddress(host)) await this.address(host)
    if (known && now - known.at < KNOWN_MS && now >= known.at) return known.speech
    if (protocol === 'http:') return 'http/1.1'
    const speech = await this.#shakeHands(host, Number(port || 443))
    this.#known.set(origin, { speech, at: now })
    return speech
  }

  /** Forgets an origin's address: after a failure the name may mean another server. */
  forget(origin: string): void {
    this.#known.delete(origin)
  }

  async #shakeHands(host: string, port: number): Promise<Speech> {
    const address = await this.address(host)
    const { ca, clock, connectMs } = this.#options
    const name = isAddress(host) ? {} : { servername: host }
    const socket = connect({
      host: address,
      port,
      ...name,
      ALPNProtocols: ['h2', 'http/1.1'],
      ...(ca === undefined ? {} : { ca }),
    })
    try {
      return await new Promise<Speech>((resolve, reject) => {
        const cancel = clock.after(connectMs, () =>
          reject(new OutsideError('no handshake within the deadline')),
        )
        const over = (f: () => void) => () => {
          cancel()
          f()
        }
        socket.on(
          'secureConnect',
          over(() => resolve(socket.alpnProtocol === 'h2' ? 'h2' : 'http/1.1')),
        )
        socket.on('error', (error) => over(() => reject(error))())
        socket.on(
          'close',
          over(() => reject(new OutsideError('the connection was closed'))),
        )
      })
    } finally {
      socket.destroy()
    }
  }
}
