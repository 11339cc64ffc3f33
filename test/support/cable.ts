/** The network between a client and its server, which can be cut: the client notices, the server is not told. */
import { connect, createServer, type Server, type Socket } from 'node:net'

export class Cable implements AsyncDisposable {
  readonly #server: Server
  readonly #ends = new Set<{ client: Socket; server: Socket }>()
  readonly #dead = new Set<Socket>()
  #isCut = false

  private constructor(private readonly target: number) {
    this.#server = createServer((client) => this.#plug(client))
  }

  /** Leads to this port of loopback. */
  static async to(target: number): Promise<Cable> {
    const cable = new Cable(target)
    await new Promise<void>((resolve) => cable.#server.listen(0, '127.0.0.1', resolve))
    return cable
  }

  get port(): number {
    const address = this.#server.address()
    return typeof address === 'object' && address ? address.port : 0
  }

  /** Nothing passes and nobody gets through. The server's sockets stay open, without a FIN, and nobody reads them. */
  cut(): void {
    this.#isCut = true
    for (const { client, server } of this.#ends) {
      server.unpipe(client)
      client.unpipe(server)
      server.pause()
      this.#dead.add(server)
      client.resetAndDestroy()
    }
    this.#ends.clear()
  }

  mend(): void {
    this.#isCut = false
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { client, server } of this.#ends) for (const end of [client, server]) end.destroy()
    for (const server of this.#dead) server.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #plug(client: Socket): void {
    client.on('error', () => undefined)
    if (this.#isCut) return void client.destroy()
    const server = connect(this.target, '127.0.0.1')
    const ends = { client, server }
    this.#ends.add(ends)
    server.on('error', () => client.destroy())
    client.pipe(server)
    server.pipe(client)
    server.on('close', () => {
      this.#ends.delete(ends)
      client.destroy()
    })
    client.on('close', () => {
      if (this.#ends.delete(ends)) server.destroy()
    })
  }
}
