/** Bad input before the login, by WebSocket: each ends that stream with a condition, and nobody else notices. */
import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test'
import { wire, type Wire } from './support.ts'
import { FRAMING, RawWeb, WebClient } from './web-support.ts'

const OPEN = `<open xmlns='${FRAMING}' to='bix.org' version='1.0'/>`
const open = (attrs: string) => `<open xmlns='${FRAMING}' ${attrs}/>`
/** In a namespace that is heard before the login. */
const auth = (inner: string, attrs = '') =>
  `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN' ${attrs}>${inner}</auth>`

let own: Wire
let witness: WebClient
beforeAll(async () => {
  own = await wire({ auth: 'plain = true', limits: 'preauth_timeout = "2s"' })
  await own.account('romeo@bix.org')
  witness = await WebClient.connect(own.port('http'))
  await witness.logsIn('romeo')
})
// Whoever was connected before still is, and is served.
afterEach(() => witness.settles())
afterAll(() => own[Symbol.asyncDispose]())

test.each([
  [
    'case 1: a DOCTYPE with nested entities',
    `<!DOCTYPE a [<!ENTITY b "&c;&c;"><!ENTITY c "d">]>${OPEN}`,
    'restricted-xml',
  ],
  ['case 2: an external entity', `<!DOCTYPE a SYSTEM "file:///etc/passwd">${OPEN}`, 'restricted-xml'],
  ['case 4: a processing instruction', `<?php x?>`, 'bad-format'],
  ['case 4: one inside', auth('<?php x?>'), 'restricted-xml'],
  ['case 5: a comment', auth('<!-- x -->'), 'restricted-xml'],
  ['case 6: CDATA with an end tag behind', auth('<![CDATA[</auth>'), 'not-well-formed'],
  ['case 7: XML 1.1', `<?xml version='1.1'?>${OPEN}`, 'bad-format'],
  ['case 8: a declaration inside', auth(`<?xml version='1.0'?>`), 'restricted-xml'],
  ['case 9: a byte order mark', `\ufeff\ufeff${OPEN}`, 'bad-format'],
  ['case 11: U+0000 as a reference', auth('&#0;'), 'not-well-formed'],
  ['case 11: a surrogate as a reference', auth('&#xD800;'), 'not-well-formed'],
  ['case 11: beyond Unicode', auth('&#x110000;'), 'not-well-formed'],
  ['case 12: an attribute twice', auth('', `a='1' a='2'`), 'not-well-formed'],
  ['case 13: an unbound prefix', `<x:auth/>`, 'not-well-formed'],
  ['case 13: xml rebound', auth('', `xmlns:xml='urn:x'`), 'not-well-formed'],
  ['case 17: depth', auth('<a>'.repeat(1000)), 'policy-violation'],
  [
    'case 18: attributes',
    auth('', Array.from({ length: 200 }, (_, i) => `a${i}=''`).join(' ')),
    'policy-violation',
  ],
  [
    'case 18: namespaces',
    auth('', Array.from({ length: 100 }, (_, i) => `xmlns:a${i}='urn:x'`).join(' ')),
    'policy-violation',
  ],
  ['case 19: siblings', auth('<a/>'.repeat(100)), 'policy-violation'],
  ['case 20: one large text', auth('x'.repeat(100_000)), 'policy-violation'],
  ['case 20: one large attribute', auth('', `a='${'x'.repeat(100_000)}'`), 'policy-violation'],
  ['case 23: white space between frames', ' '.repeat(100), 'bad-format'],
  ['case 27: a stanza', `<message xmlns='jabber:client' to='romeo@bix.org'/>`, 'not-authorized'],
])('%s', async (_name, frame, condition) => {
  const client = await WebClient.connect(own.port('http'))
  await client.opens()
  client.send(frame)
  await client.isCutOff(condition)
})

test.each([
  ['no host', open(`version='1.0'`), 'host-unknown'],
  ['an unknown host', open(`to='evil.example' version='1.0'`), 'host-unknown'],
  ['version 0.9', open(`to='bix.org' version='0.9'`), 'unsupported-version'],
  ['another namespace', `<open xmlns='urn:x' to='bix.org' version='1.0'/>`, 'invalid-namespace'],
])('case 15: a first frame with %s', async (_name, frame, condition) => {
  const client = await WebClient.connect(own.port('http'))
  client.send(frame)
  await client.isCutOff(condition)
})

test('case 16: a header of 1 MB never reaches the reader', async () => {
  const client = await WebClient.connect(own.port('http'))
  client.send(open(`to='${'x'.repeat(1_000_000)}'`))
  expect(await client.end()).toBe(1009)
})

test('case 21: before login 8 kB, and one byte more', async () => {
  const pad = (size: number): string => {
    const empty = auth('')
    return auth('x'.repeat(size - empty.length))
  }
  const client = await WebClient.connect(own.port('http'))
  await client.opens()
  client.send(pad(8192))
  expect((await client.next()).name).toBe('failure')
  client.send(pad(8193))
  await client.isCutOff('policy-violation')
})

test('case 22: who opens a socket and says nothing, or trickles, is let go', async () => {
  const silent = await WebClient.connect(own.port('http'))
  const raw = await RawWeb.connect(own.port('http'))
  // A frame that never ends: its length is told, its bytes come one at a time.
  raw.socket.write(Buffer.from([0x81, 0x80 | 126, 0x10, 0x00, 0, 0, 0, 0]))
  const drip = setInterval(() => raw.socket.write('x'), 50)
  await silent.isCutOff('connection-timeout')
  await raw.end()
  clearInterval(drip)
}, 15_000)

test('case 3: an element in fragments of one byte is one frame', async () => {
  const raw = await RawWeb.connect(own.port('http'))
  const bytes = Buffer.from(OPEN)
  bytes.forEach((byte, i) => {
    const last = i === bytes.length - 1
    raw.frame(Buffer.from([byte]), (last ? 0x80 : 0) | (i === 0 ? 1 : 0))
  })
  expect(await raw.hears('</stream:features>')).toContain('<open ')
  raw.socket.destroy()
})

test.each([
  ['case 10: text that is not UTF-8', Buffer.from([0x3c, 0xc0, 0xaf]), 0x81, true],
  ['case 10: half a character', Buffer.from([0x3c, 0xe2, 0x82]), 0x81, true],
  ['case 24: a frame without a mask', Buffer.from(OPEN), 0x81, false],
  ['case 24: a reserved opcode', Buffer.from(OPEN), 0x83, true],
  ['case 24: a continuation of nothing', Buffer.from(OPEN), 0x80, true],
  ['case 24: a compressed frame that nobody agreed to', Buffer.from(OPEN), 0xc1, true],
] as const)('%s', async (_name, payload, first, masked) => {
  const raw = await RawWeb.connect(own.port('http'))
  raw.frame(payload, first, masked)
  await raw.end()
})

test('RFC 6455 §5.5.2: a ping is answered while the stream waits', async () => {
  const raw = await RawWeb.connect(own.port('http'))
  raw.frame('hello', 0x89)
  expect(await raw.hears('hello')).toStartWith('\x8a\x05')
  raw.socket.destroy()
})
