/** A stream that Apple refuses was surely not processed (RFC 9113 §8.7): it is sent again at once, and nobody hears of it. */
import { createServer, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { expect, test } from 'bun:test'
import { createSelfSigned } from '../../src/self-signed.ts'
import { request, senderTo } from '../support/apns.ts'

const pair = createSelfSigned(['127.0.0.1'], Date.now())
const PREFACE = 24
const [DATA, HEADERS, RST_STREAM, SETTINGS] = [0, 1, 3, 4]
const [ACK, END_STREAM, END_HEADERS] = [1, 1, 4]
const REFUSED_STREAM = 7
const INTERNAL_ERROR = 2

/** RFC 9113 §4.1 */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/**
 * Frames by hand: a server of the runtime's own says RST_STREAM in a way that its client cannot read. `codes` are the
 * answers to the first requests; later ones are taken.
 */
async function peer(codes: number[]) {
  const ended: number[] = []
  const server = createServer({ ...pair, ALPNProtocols: ['h2'] }, (socket: TLSSocket) => {
    let rest = Buffer.alloc(0)
    let greeted = false
    socket.on('error', () => undefined)
    socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)))
    socket.on('data', (data: Buffer) => {
      rest = Buffer.concat([rest, data])
      if (!greeted && rest.length >= PREFACE) {
        greeted = true
        rest = rest.subarray(PREFACE)
      }
      while (greeted && rest.length >= 9) {
        const length = rest.readUIntBE(0, 3)
        if (rest.length < 9 + length) return
        const [type, flags, stream] = [rest.readUInt8(3), rest.readUInt8(4), rest.readUInt32BE(5)]
        rest = rest.subarray(9 + length)
        if (type === SETTINGS && !(flags & ACK)) socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)))
        if ((type !== DATA && type !== HEADERS) || !(flags & END_STREAM)) continue
        ended.push(stream)
        const code = codes.shift()
        const reason = Buffer.alloc(4)
        if (code === undefined) {
          // RFC 7541, appendix A: 8 is :status 200.
          socket.write(frame(HEADERS, END_STREAM | END_HEADERS, stream, Buffer.from([0x88])))
        } else {
          reason.writeUInt32BE(code)
          socket.write(frame(RST_STREAM, 0, stream, reason))
        }
      }
    })
  })
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve())
  })
  // A TCP listener has no other form.
  const { port } = server.address() as AddressInfo
  return { url: `https://127.0.0.1:${port}`, ca: pair.cert, ended, close: () => server.close() }
}

test('refused streams are sent again on the same connection until they are taken', async () => {
  const apple = await peer([REFUSED_STREAM, REFUSED_STREAM])
  const sender = senderTo(apple)
  expect(await sender.send(request(1))).toMatchObject({ outcome: 'accepted', apnsId: request(1).apnsId })
  expect(apple.ended).toEqual([1, 3, 5])
  await sender.stop(0)
  apple.close()
})

test('any other reset may come after the push was taken: the caller is told', async () => {
  const apple = await peer([INTERNAL_ERROR])
  const sender = senderTo(apple)
  expect(await sender.send(request(1))).toMatchObject({
    outcome: 'retry',
    reason: 'NoAnswer',
    untouched: false,
  })
  expect(apple.ended).toEqual([1])
  await sender.stop(0)
  apple.close()
})

test('a server that refuses for ever is given up', async () => {
  const apple = await peer(Array.from({ length: 100 }, () => REFUSED_STREAM))
  const sender = senderTo(apple)
  expect(await sender.send(request(1))).toMatchObject({ outcome: 'retry', untouched: true })
  expect(apple.ended).toHaveLength(21)
  await sender.stop(0)
  apple.close()
})
