import { expect, test } from 'bun:test'
import { Reader } from '../../src/xml/reader.ts'
import { elements } from '../../src/xmpp/xml.ts'
import { type Call, startHttp } from './support.ts'

const PATH = '/.well-known/host-meta'
const LIMITS = { bytes: 10_000, depth: 10, elements: 100, attributes: 10, namespaces: 10 }
const TLS = { kind: 'tcp', address: '192.0.2.1', tls: true } as const
const PROXY = { kind: 'tcp', address: '127.0.0.1', tls: false } as const

interface Links {
  readonly links: { rel: string; href: string }[]
}

/** The links as both formats tell them, which must be the same. */
async function links(publicUrl: string | undefined, call: Call): Promise<Record<string, string>> {
  using w = await startHttp((config) => {
    config.http.public_url = publicUrl
  })
  const [xml, json] = [await w.call('GET', PATH, call), await w.call('GET', `${PATH}.json`, call)]
  expect([xml.status, json.status]).toEqual([200, 200])
  const reader = new Reader(LIMITS, 'documents')
  reader.feed(Buffer.from(await xml.text()))
  const event = reader.next()
  if (event?.kind !== 'element') throw new Error('no XRD')
  expect([event.element.name, event.element.attrs.xmlns]).toEqual([
    'XRD',
    'http://docs.oasis-open.org/ns/xri/xrd-1.0',
  ])
  const told = ((await json.json()) as Links).links
  expect(
    elements(event.element).map(({ attrs }) => ({ rel: attrs.rel ?? '', href: attrs.href ?? '' })),
  ).toEqual(told)
  return Object.fromEntries(told.map(({ rel, href }) => [rel.replace('urn:xmpp:alt-connections:', ''), href]))
}

test('XEP-0156 §2: the public address, whoever asks, with the path in front of which a proxy put us', async () => {
  expect(await links('https://chat.bix.org', { peer: TLS, headers: { host: 'elsewhere.example' } })).toEqual({
    websocket: 'wss://chat.bix.org/xmpp-websocket',
    xbosh: 'https://chat.bix.org/http-bind',
  })
  expect(await links("https://bix.org:8443/a&'b/", { peer: TLS })).toEqual({
    websocket: "wss://bix.org:8443/a&'b/xmpp-websocket",
    xbosh: "https://bix.org:8443/a&'b/http-bind",
  })
})

test('without one each virtual host names itself', async () => {
  const ask = (host: string) => links(undefined, { peer: TLS, headers: { host } })
  expect((await ask('bix.org')).websocket).toBe('wss://bix.org/xmpp-websocket')
  expect((await ask('other.example:5281')).xbosh).toBe('https://other.example:5281/http-bind')
  const headers = { host: 'bix.org', 'x-forwarded-for': '192.0.2.1', 'x-forwarded-proto': 'https' }
  expect((await links(undefined, { peer: PROXY, headers })).websocket).toBe('wss://bix.org/xmpp-websocket')
})

test('a name that is not ours gets nothing to repeat', async () => {
  using w = await startHttp()
  for (const host of ['evil.example', 'bix.org.evil.example', '192.0.2.4', "bix.org'>"]) {
    expect((await w.call('GET', PATH, { peer: TLS, headers: { host } })).status).toBe(404)
  }
})

test('XEP-0156 §2.2: only TLS is ever told of', async () => {
  expect(await links('http://chat.bix.org', { peer: TLS })).toEqual({})
  expect(await links(undefined, { peer: PROXY, headers: { host: 'bix.org' } })).toEqual({})
  // Who is no trusted proxy cannot claim it either.
  const headers = { host: 'bix.org', 'x-forwarded-proto': 'https' }
  const stranger = { kind: 'tcp', address: '192.0.2.9', tls: false } as const
  expect(await links(undefined, { peer: stranger, headers })).toEqual({})
})

test('XEP-0156 §3: any page may read it, in its own types', async () => {
  using w = await startHttp((config) => {
    config.http.public_url = 'https://chat.bix.org'
  })
  const headers = { origin: 'https://any.example' }
  const [xml, json] = [
    await w.call('GET', PATH, { headers }),
    await w.call('GET', `${PATH}.json`, { headers }),
  ]
  expect([xml, json].map((answer) => answer.headers.get('access-control-allow-origin'))).toEqual(['*', '*'])
  expect(xml.headers.get('content-type')).toBe('application/xrd+xml; charset=utf-8')
  expect(json.headers.get('content-type')).toBe('application/json')
})
