/** A tunnel through an HTTP proxy (CONNECT, RFC 9110 §9.3.6) for connections to Apple. */
import { connect as connectTcp, type LookupFunction, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { OutsideError } from '../../log.ts'
import type { Clock } from '../../store/clock.ts'

/** A proxy's answer is a few lines; more is no answer. */
const LONGEST = 8_192

/** The socket behind the proxy's 2xx, with nothing read from it yet. Rejects with a sentence that names the proxy. */
export function openTunnel(
  proxy: string,
  target: string,
  ms: number,
  clock: Clock,
  lookup?: LookupFunction,
): Promise<Socket> {
  const via = new URL(proxy)
  const to = new URL(target)
  const authority = `${to.hostname}:${to.port || '443'}`
  const secure = via.protocol === 'https:'
  const host = via.hostname.replace(/^\[|\]$/g, '')
  const port = Number(via.port || (secure ? 443 : 80))
  const at = { host, port, ...(lookup ? { lookup } : {}) }
  const socket = secure ? connectTls({ ...at, servername: host }) : connectTcp(at)
  return new Promise((resolve, reject) => {
    const fail = (why: string, cause?: unknown): void => {
      stop()
      socket.destroy()
      reject(new OutsideError(`proxy ${via.host}: ${why}`, { cause }))
    }
    const cancel = clock.after(ms, () => fail('no answer'))
    let head = Buffer.alloc(0)
    const onData = (chunk: Buffer): void => {
      head = Buffer.concat([head, chunk])
      const end = head.indexOf('\r\n\r\n')
      if (end < 0) {
        if (head.length > LONGEST) fail('its answer is too long')
        return
      }
      const line = head.toString('latin1', 0, head.indexOf('\r\n'))
      if (!/^HTTP\/1\.[01] 2\d\d\b/.test(line)) return fail(`refused: ${line.slice(0, 100)}`)
      stop()
      // TLS speaks first from our side, so that nothing can be behind the head.
      socket.pause()
      resolve(socket)
    }
    const onError = (error: Error): void => fail(error.message, error)
    const onClose = (): void => fail('closed the connection')
    const stop = (): void => {
      cancel()
      socket.off('data', onData)
      socket.off('error', onError)
      socket.off('close', onClose)
    }
    socket.on('data', onData)
    socket.on('error', onError)
    socket.on('close', onClose)
    socket.once(secure ? 'secureConnect' : 'connect', () => socket.write(request(authority, via)))
  })
}

function request(authority: string, { username, password }: URL): string {
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`
  const credentials =
    username === '' ? '' : `Proxy-Authorization: Basic ${Buffer.from(pair).toString('base64')}\r\n`
  return `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${credentials}\r\n`
}
