/** Addresses as values: what is one, whose it is, how it counts. Judged beside node:net's own lists. */
import { BlockList, isIP } from 'node:net'
import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  addressBytes,
  addressOf,
  isAddress,
  isLoopback,
  isNetwork,
  isPublic,
  networkOf,
  Networks,
  plainAddress,
} from '../../src/net/address.ts'

describe('names that look like an address', () => {
  test.each([
    '127.evil.test',
    '127.0.0.1.evil.test',
    '127.1',
    '0x7f.0.0.1',
    '0177.0.0.1',
    '2130706433',
    '127.0.0.1:80',
    '127.0.0.256',
    '::1.evil.test',
    '::ffff:127.evil.test',
    '',
  ])('%s is none', (text) => {
    expect([isAddress(text), isLoopback(text), isPublic(text), isNetwork(text)]).toEqual([
      false,
      false,
      false,
      false,
    ])
    expect(new Networks(['0.0.0.0/0', '::/0']).covers(text)).toBe(false)
    expect(networkOf(text)).toBe(text)
  })
})

test('loopback in every dress', () => {
  const loopback = ['127.0.0.1', '127.255.255.254', '::1', '[::1]', '0:0:0:0:0:0:0:1', '::ffff:127.0.0.1']
  expect([...loopback, '::FFFF:7f00:1'].filter((text) => !isLoopback(text))).toEqual([])
  expect(['128.0.0.1', '::2', '::127.0.0.1', '0.0.0.0', '::'].filter(isLoopback)).toEqual([])
})

test('one spelling per address', () => {
  const spellings = ['2001:DB8:0:0::1', '[2001:db8::1]', ' 2001:0db8::0001 ', '2001:db8::1%eth0']
  expect(new Set(spellings.map(plainAddress))).toEqual(new Set(['2001:db8::1']))
  expect(plainAddress('::ffff:c000:201')).toBe('192.0.2.1')
})

test('IPv6 counts by its /64, IPv4 also in IPv6 clothes as itself', () => {
  expect(networkOf('2001:db8::1:2:3:4')).toBe('2001:db8::/64')
  expect(networkOf('2001:db8:0:1::1')).toBe('2001:db8:0:1::/64')
  expect(['192.0.2.9', '::ffff:192.0.2.9', '::ffff:c000:209'].map(networkOf)).toEqual(
    Array<string>(3).fill('192.0.2.9'),
  )
})

test('the first match of a list wins and "!" denies', () => {
  const list = new Networks([
    '!192.0.2.9',
    '192.0.2.0/24',
    '!2001:db8:1::/48',
    '2001:db8::/32',
    '::ffff:10.0.0.0/104',
  ])
  const covered = ['192.0.2.1', '::ffff:192.0.2.1', '2001:db8::1', '10.9.8.7']
  expect(covered.filter((ip) => !list.covers(ip))).toEqual([])
  expect(
    ['192.0.2.9', '192.0.3.1', '2001:db8:1::1', '2001:db9::', '11.0.0.1'].filter((ip) => list.covers(ip)),
  ).toEqual([])
})

const ipv4 = fc.ipV4()
const ipv6 = fc.ipV6()

test('a list covers what the list of node:net covers', () => {
  const network = fc.oneof(
    fc.tuple(ipv4, fc.integer({ min: 0, max: 32 })),
    fc.tuple(ipv6, fc.integer({ min: 0, max: 95 })),
  )
  fc.assert(
    fc.property(network, fc.oneof(ipv4, ipv6), ([address, bits], ip) => {
      const peer = new BlockList()
      peer.addSubnet(address, bits, isIP(address) === 6 ? 'ipv6' : 'ipv4')
      const plain = plainAddress(ip)
      const expected = peer.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4') && isIP(address) === isIP(plain)
      expect(new Networks([`${address}/${bits}`]).covers(ip)).toBe(expected)
    }),
  )
})

test('an address is its bytes', () => {
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), (ip) => {
      expect(addressOf(Uint8Array.from(addressBytes(ip)))).toBe(plainAddress(ip))
    }),
  )
})
