/**
 * End of the certificate in a PKCS #12 file. The runtime reads such a file for TLS and does not give its parts away,
 * so it is asked the way a peer would: a handshake with ourselves, in memory.
 */
import { duplexPair } from 'node:stream'
import { connect, TLSSocket, type TLSSocketOptions } from 'node:tls'
import { OutsideError } from '../../log.ts'

/** ms since the epoch. Rejects where the file holds no certificate with its key. */
export async function certificateEnd(pfx: Buffer, passphrase: string): Promise<number> {
  const [near, far] = duplexPair()
  const ended = Promise.withResolvers<number>()
  // The types know no `pfx` beside `isServer`; the constructor takes what createSecureContext does.
  const options = { isServer: true, pfx, passphrase } as TLSSocketOptions
  const server = new TLSSocket(far, options)
  // The chain is not verified: it is the operator's own file.
  const client = connect({ socket: near, rejectUnauthorized: false })
  for (const side of [server, client]) side.on('error', ended.reject)
  client.on('secureConnect', () => {
    const end = Date.parse(client.getPeerCertificate().valid_to)
    if (Number.isFinite(end)) ended.resolve(end)
    else ended.reject(new OutsideError('no certificate was shown'))
  })
  try {
    return await ended.promise
  } finally {
    client.destroy()
    server.destroy()
  }
}
