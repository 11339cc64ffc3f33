/** Connections to listeners and to others, each for a moment. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { isAnyAddress } from '../../net/address.ts'
import type { ListenAddress } from '../../config/values.ts'
import { NS } from '../../xmpp/namespaces.ts'

/** Milliseconds, shorter than a check may take. */
const WITHIN = 4_000

/** One that this machine reaches it under. */
const reachable = ({ host, port }: Pick<ListenAddress, 'host' | 'port'>) => ({
  host: isAnyAddress(host) ? (host.includes(':') ? '::1' : '127.0.0.1') : host,
  port,
})

/** Hands the socket to `use` and closes it, whatever comes. */
async function briefly<T>(socket: Socket, what: string, use: (done: (value: T) => void) => void): Promise<T> {
  try {
    return await new Promise<T>((resolve, reject) => {
      socket.setTimeout(WITHIN, () => reject(new Error(`${what} does not answer`)))
      socket.once('error', (error) => reject(new Error(`${what}: ${error.message}`, { cause: error })))
      socket.once('close', () => reject(new Error(`${what} closed the connection`)))
      use(resolve)
    })
  } finally {
    // Errors of a socket that nobody needs any more.
    socket.on('error', () => {})
    socket.destroy()
  }
}

const shown = ({ host, port }: { host: string; port: number }): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`

/** Whether a TCP connection comes about. @throws Error that says why not */
export function touch(host: string, port: number): Promise<void> {
  const socket = connectTcp({ host, port })
  return briefly<void>(socket, shown({ host, port }), (done) => socket.once('connect', () => done()))
}

/** SHA-256 fingerprint of the certificate that a listener hands out for a name. */
export function servedCertificate(address: ListenAddress, servername: string): Promise<string> {
  const target = reachable(address)
  // Whether it is trusted is another question; this one is whether it is the right one.
  const socket = connectTls({
    ...target,
    servername,
    rejectUnauthorized: false,
    ALPNProtocols: ['xmpp-client'],
  })
  return briefly<string>(socket, shown(target), (done) =>
    socket.once('secureConnect', () => done(socket.getPeerCertificate().fingerprint256)),
  )
}

export type StartTls = 'none' | 'offered' | 'required'

/** The offer in the stream features (RFC 6120 §5.3.1). */
export function startTlsOf(address: ListenAddress, host: string): Promise<StartTls> {
  const target = reachable(address)
  const socket = connectTcp(target)
  return briefly<StartTls>(socket, shown(target), (done) => {
    let text = ''
    socket.setEncoding('utf8')
    socket.once('connect', () =>
      socket.write(
        `<stream:stream xmlns='${NS.client}' xmlns:stream='${NS.streams}' to='${host.replace(/[<&']/g, '')}' version='1.0'>`,
      ),
    )
    socket.on('data', (part: string) => {
      text += part
      if (!/<\/stream:features>|<\/stream:stream>/.test(text)) return
      const offer = /<starttls\b[^>]*?(?:\/>|>([\s\S]*?)<\/starttls>)/.exec(text)
      done(!offer ? 'none' : offer[1]?.includes('<required') ? 'required' : 'offered')
    })
  })
}
