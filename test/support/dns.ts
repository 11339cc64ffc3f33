/** A DNS server for one test: answers what it was given by UDP on loopback, and that there is no such name for all else. */
import { createSocket } from 'node:dgram'
import { isIPv4 } from 'node:net'

/** "bix.org A" → "192.0.2.1"; SRV as "5 0 5222 chat.bix.org", CAA as "letsencrypt.org". */
export type Records = Readonly<Record<string, readonly string[]>>

const TYPES: Readonly<Record<number, string>> = { 1: 'A', 5: 'CNAME', 28: 'AAAA', 33: 'SRV', 257: 'CAA' }
const NO_SUCH_NAME = 3

export interface DnsServer {
  /** As BELFRY_RESOLVER has it. */
  readonly address: string
  /** "bix.org A", in the order in which they came. */
  readonly asked: string[]
  stop(): void
}

export async function serveDns(records: Records): Promise<DnsServer> {
  const socket = createSocket('udp4')
  const asked: string[] = []
  socket.on('message', (query, from) => {
    const { name, end } = readName(query)
    const type = query.readUInt16BE(end)
    const key = `${name} ${TYPES[type] ?? type}`
    asked.push(key)
    const answers = records[key] ?? []
    const head = Buffer.from(query.subarray(0, 12))
    const known = Object.keys(records).some((other) => other.startsWith(`${name} `))
    head.writeUInt16BE(0x8180 | (known ? 0 : NO_SUCH_NAME), 2)
    head.writeUInt16BE(answers.length, 6)
    head.writeUInt16BE(0, 8)
    head.writeUInt16BE(0, 10)
    const rows = answers.map((text) => {
      const data = dataOf(TYPES[type] ?? '', text)
      const row = Buffer.alloc(12)
      // A pointer to the question's own name (RFC 1035 §4.1.4).
      row.writeUInt16BE(0xc00c, 0)
      row.writeUInt16BE(type, 2)
      row.writeUInt16BE(1, 4)
      row.writeUInt32BE(60, 6)
      row.writeUInt16BE(data.length, 10)
      return Buffer.concat([row, data])
    })
    socket.send(Buffer.concat([head, query.subarray(12, end + 4), ...rows]), from.port, from.address)
  })
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  return { address: `127.0.0.1:${socket.address().port}`, asked, stop: () => void socket.close() }
}

function readName(query: Buffer): { name: string; end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += length + 1
  }
  return { name: labels.join('.').toLowerCase(), end: at + 1 }
}

function nameOf(name: string): Buffer {
  const labels = name.split('.').filter(Boolean)
  return Buffer.concat([
    ...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])),
    Buffer.from([0]),
  ])
}

function dataOf(type: string, text: string): Buffer {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number))
  if (type === 'AAAA') return sixteen(text)
  if (type === 'CNAME') return nameOf(text)
  if (type === 'CAA') return Buffer.concat([Buffer.from([0, 5]), Buffer.from(`issue${text}`, 'latin1')])
  const [priority = 0, weight = 0, port = 0] = text.split(' ').slice(0, 3).map(Number)
  const numbers = Buffer.alloc(6)
  ;[priority, weight, port].forEach((n, i) => numbers.writeUInt16BE(n, 2 * i))
  return Buffer.concat([numbers, nameOf(text.split(' ')[3] ?? '')])
}

function sixteen(text: string): Buffer {
  const [left = '', right] = text.split('::')
  const parts = (side: string): string[] => side.split(':').filter(Boolean)
  const zeros = 8 - parts(left).length - parts(right ?? '').length
  const words = [
    ...parts(left),
    ...Array.from({ length: right === undefined ? 0 : zeros }, () => '0'),
    ...parts(right ?? ''),
  ]
  return Buffer.from(words.map((word) => word.padStart(4, '0')).join(''), 'hex')
}
