/** Headers of the PROXY protocol, both versions, whole, in parts and wrong. */
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { addressBytes } from '../../src/net/address.ts'
import { readProxyHeader } from '../../src/net/proxy-protocol.ts'

const v1 = (text: string) => readProxyHeader(Buffer.from(text, 'latin1'))
const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

function v2(command: number, family: number, source: string, extras = 0): Buffer {
  const addresses = source === '' ? [] : [...addressBytes(source), ...addressBytes(source), 0, 80, 1, 187]
  const length = addresses.length + extras
  const head = [command, family, length >> 8, length & 255]
  return Buffer.concat([SIGNATURE, Buffer.from([...head, ...addresses]), Buffer.alloc(extras)])
}

describe('version 1', () => {
  test.each([
    ['PROXY TCP4 192.0.2.7 198.51.100.1 56324 5223\r\n<rest', '192.0.2.7'],
    ['PROXY TCP6 2001:DB8::7 2001:db8::1 56324 5223\r\n', '2001:db8::7'],
    ['PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n', '192.0.2.7'],
    ['PROXY UNKNOWN\r\n', undefined],
    ['PROXY UNKNOWN whatever 1 2 3\r\n', undefined],
  ])('%j', (text, client) => {
    expect(v1(text)).toEqual({ kind: 'whole', length: text.indexOf('\n') + 1, client })
  })

  test.each([
    '<stream:stream',
    'GET / HTTP/1.1\r\n',
    'PROXX TCP4 1.1.1.1 2.2.2.2 1 2\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 192.0.2.7 192.0.2.8 1 2\r\n',
    'PROXY TCP4 127.1 192.0.2.8 1 2\r\n',
    'PROXY TCP4 127.0.0.1.evil.test 192.0.2.8 1 2\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.8 1\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.8 1 65536\r\n',
    'PROXY TCP4 192.0.2.7 192.0.2.8 1 2 3\r\n',
    'PROXY TCP5 192.0.2.7 192.0.2.8 1 2\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(100)}`,
    '\u0016\u0003\u0001',
  ])('%j is refused', (text) => expect(v1(text).kind).toBe('bad'))
})

describe('version 2', () => {
  test.each([
    [v2(0x21, 0x11, '192.0.2.7'), '192.0.2.7'],
    [v2(0x21, 0x21, '2001:db8::7', 300), '2001:db8::7'],
    [v2(0x20, 0x00, ''), undefined],
    [v2(0x20, 0x11, '192.0.2.7'), undefined],
    [v2(0x21, 0x31, '', 216), undefined],
    [v2(0x21, 0x00, ''), undefined],
  ])('case %#', (bytes, client) => {
    expect(readProxyHeader(Buffer.concat([bytes, Buffer.from('more')]))).toEqual({
      kind: 'whole',
      length: bytes.length,
      client,
    })
  })

  test.each([
    v2(0x11, 0x11, '192.0.2.7'),
    v2(0x22, 0x11, '192.0.2.7'),
    v2(0x21, 0x21, '192.0.2.7'),
    v2(0x21, 0x11, '192.0.2.7', 60_000),
  ])('wrong case %#', (bytes) => expect(readProxyHeader(bytes).kind).toBe('bad'))
})

test('any header may come in any two parts', () => {
  const headers = [
    Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 5223\r\n'),
    v2(0x21, 0x11, '192.0.2.7', 20),
    v2(0x21, 0x21, '2001:db8::7'),
  ]
  for (const header of headers)
    for (let at = 0; at < header.length; at++)
      expect(readProxyHeader(header.subarray(0, at)).kind).toBe('part')
})

test('no bytes do anything but give an answer', () => {
  const start = fc.constantFrom(Buffer.alloc(0), SIGNATURE, Buffer.from('PROXY '), Buffer.from('PROXY TCP4 '))
  fc.assert(
    fc.property(start, fc.uint8Array({ maxLength: 200 }), (head, tail) => {
      expect(readProxyHeader(Buffer.concat([head, tail])).kind).toBeOneOf(['part', 'bad', 'whole'])
    }),
  )
})
