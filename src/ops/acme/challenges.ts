/** Proofs to an authority that the names are ours, for as long as it asks: by HTTP (RFC 8555 §8.3) or TLS (RFC 8737). */
import { createSecureContext, createServer, type SecureContext } from 'node:tls'
import type { Config } from '../../config/config.ts'
import type { ListenAddress } from '../../config/values.ts'
import type { Pems } from '../../self-signed.ts'
import { bindError } from '../bind-error.ts'
import { each, type Place, shownPlace } from '../families.ts'

export const CHALLENGE_PATH = '/.well-known/acme-challenge/'

/** Seconds that a connection to a listener of challenges may be silent. */
const IDLE = 10

const everywhere = (port: number): ListenAddress[] => ['0.0.0.0', '::'].map((host) => ({ host, port }))

export class Challenges {
  readonly #byToken = new Map<string, string>()
  readonly #byName = new Map<string, SecureContext>()

  answerHttp(token: string, answer: string): void {
    this.#byToken.set(token, answer)
  }

  answerTls(name: string, { cert, key }: Pems): void {
    this.#byName.set(name.toLowerCase(), createSecureContext({ cert, key }))
  }

  /** The answer to a token that is asked for now. */
  find(token: string): string | undefined {
    return this.#byToken.get(token)
  }

  /** Listens for challenges while `work` is under way, so that a port is free at all other times. */
  async during<T>({ challenge, listen }: Config['acme'], work: () => Promise<T>): Promise<T> {
    const opened = new AsyncDisposableStack()
    try {
      const isHttp = challenge === 'http-01'
      await each(listen ?? everywhere(isHttp ? 80 : 443), (place) =>
        isHttp ? this.#listenHttp(place, opened) : this.#listenTls(place, opened),
      )
      return await work()
    } finally {
      await opened.disposeAsync()
      this.#byToken.clear()
      this.#byName.clear()
    }
  }

  #listenHttp(place: Place, opened: AsyncDisposableStack): void {
    const { host, port, ipv6Only } = place
    try {
      const server = Bun.serve({
        hostname: host,
        port,
        ipv6Only: ipv6Only === true,
        idleTimeout: IDLE,
        maxRequestBodySize: 1024,
        fetch: ({ url }) => {
          const { pathname } = new URL(url)
          const answer =
            pathname.startsWith(CHALLENGE_PATH) && this.find(pathname.slice(CHALLENGE_PATH.length))
          return answer ? new Response(answer) : new Response('not here\n', { status: 404 })
        },
      })
      opened.defer(() => server.stop(true))
    } catch (error) {
      throw bindError('the challenge of [acme]', shownPlace(place), '[acme] listen', error)
    }
  }

  async #listenTls(place: Place, opened: AsyncDisposableStack): Promise<void> {
    const server = createServer(
      {
        ALPNProtocols: ['acme-tls/1'],
        handshakeTimeout: IDLE * 1000,
        SNICallback: (name, done) => done(null, this.#byName.get(name.toLowerCase())),
      },
      // RFC 8737 §3: the handshake was all.
      (socket) => void socket.end(),
    )
    server.on('tlsClientError', (_error, socket) => socket.destroy())
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    server.once('error', reject)
    server.listen({ host: place.host, port: place.port, ipv6Only: place.ipv6Only === true }, resolve)
    await promise.catch((error: unknown) => {
      throw bindError('the challenge of [acme]', shownPlace(place), '[acme] listen', error)
    })
    opened.defer(() => void server.close())
  }
}
