/**
 * The least that a relay on this runtime costs: TLS, `@xmpp/xml`, a map of sessions and one write per socket and pass of
 * the loop. No accounts, rules, limits, queues or rows. Arguments: port, file with certificate and key.
 */
import { readFileSync } from 'node:fs'
import { Parser, type Element } from '@xmpp/xml'
import type { Socket } from 'bun'

const [port = '0', pem = ''] = process.argv.slice(2)
const tls = { cert: readFileSync(pem, 'utf8'), key: readFileSync(pem, 'utf8') }
const HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='b' from='localhost' version='1.0'>"

const sessions = new Map<string, Client>()
const dirty = new Set<Client>()

class Client {
  socket: Socket<Client>
  #parser = new Parser()
  #text = ''
  #rest: Buffer | undefined
  #secured = false
  #name = ''

  constructor(socket: Socket<Client>) {
    this.socket = socket
    this.#listen()
  }

  take(bytes: Uint8Array): void {
    this.#parser.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('utf8'))
  }

  send(text: string): void {
    if (dirty.size === 0) setImmediate(flush)
    dirty.add(this)
    this.#text += text
  }

  flush(): void {
    const bytes = Buffer.from(this.#text)
    this.#text = ''
    const all = this.#rest ? Buffer.concat([this.#rest, bytes]) : bytes
    const taken = Math.max(0, this.socket.write(all))
    this.#rest = taken < all.length ? all.subarray(taken) : undefined
  }

  #listen(): void {
    this.#parser = new Parser()
    this.#parser.on('start', () => {
      const mechanisms =
        "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
      const features = !this.#secured
        ? "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls>"
        : this.#name
          ? "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
          : mechanisms
      this.send(`${HEADER}<stream:features>${features}</stream:features>`)
    })
    this.#parser.on('element', (element: Element) => this.#on(element))
  }

  #on(element: Element): void {
    if (element.name === 'message') {
      const to = element.attrs.to as string
      element.attrs.from = `${this.#name}@localhost/bench`
      sessions.get(to.slice(0, to.indexOf('@')))?.send(element.toString())
    } else if (element.name === 'presence') this.send('<presence/>')
    else if (element.name === 'starttls') this.#secure()
    else if (element.name === 'auth') {
      this.#name = Buffer.from(element.getText(), 'base64').toString().split('\0')[1] ?? ''
      sessions.set(this.#name, this)
      this.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")
      this.#listen()
    } else if (element.name === 'iq') this.send(`<iq type='result' id='${String(element.attrs.id)}'></iq>`)
  }

  #secure(): void {
    this.socket.write("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    const options = {
      tls,
      isServer: true,
      data: this as Client,
      socket: {
        data: (_: Socket<Client>, bytes: Uint8Array) => this.take(bytes),
        drain: () => this.flush(),
        close: () => void sessions.delete(this.#name),
      },
    }
    const pair = this.socket.upgradeTLS(options)
    this.#secured = true
    this.socket = pair[1]
    this.#listen()
  }

  get isSecured(): boolean {
    return this.#secured
  }
}

function flush(): void {
  for (const client of dirty) client.flush()
  dirty.clear()
}

Bun.listen<Client | undefined>({
  hostname: '127.0.0.1',
  port: Number(port),
  socket: {
    open(socket) {
      socket.data = new Client(socket as Socket<Client>)
    },
    data(socket, bytes) {
      // After the upgrade the raw twin still gets the ciphertext.
      if (!socket.data?.isSecured) socket.data?.take(bytes)
    },
  },
})
