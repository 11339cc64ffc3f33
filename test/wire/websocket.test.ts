/** RFC 7395 on real sockets. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { child, children } from '../../src/xmpp/xml.ts'
import { PASSWORD, wire, type Wire, WireClient } from './support.ts'
import { FRAMING, RawWeb, WebClient } from './web-support.ts'

const PLAIN = 'plain = true'
const TRUSTED = { 'x-forwarded-for': '192.0.2.7', 'x-forwarded-proto': 'https' }

let own: Wire
beforeAll(async () => {
  own = await wire({ auth: PLAIN })
  for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await own.account(jid)
})
afterAll(() => own[Symbol.asyncDispose]())

const web = (options = {}) => WebClient.connect(own.port('http'), options)
const mechanismsOf = async (options = {}): Promise<string[]> => {
  const client = await web(options)
  const features = await client.opens()
  client.close()
  const list = child(features, 'mechanisms', 'urn:ietf:params:xml:ns:xmpp-sasl')
  return list ? children(list, 'mechanism').map((el) => el.getText()) : []
}

describe('the handshake', () => {
  test('RFC 7395 §3.1: the subprotocol is xmpp, chosen among others', async () => {
    const client = await web({ protocols: ['chat', 'xmpp'] })
    expect(client.protocol).toBe('xmpp')
    client.close()
  })

  test.each([['other'], []])('RFC 7395 §3.1: no stream without it: %p', async (...protocols) => {
    const answer = await fetch(`http://127.0.0.1:${own.port('http')}/xmpp-websocket`, {
      headers: {
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
        ...(protocols.length > 0 ? { 'sec-websocket-protocol': protocols.join(', ') } : {}),
      },
    })
    expect(answer.status).toBe(400)
  })

  test('an ordinary request is told what this is for', async () => {
    const answer = await fetch(`http://127.0.0.1:${own.port('http')}/xmpp-websocket`)
    expect([answer.status, answer.headers.get('upgrade')]).toEqual([426, 'websocket'])
  })
})

describe('RFC 7395 §3.3, §3.4: frames', () => {
  test('<open/> is answered by <open/> and the features, one frame each, with every namespace declared', async () => {
    const client = await web()
    client.send(`<open xmlns='${FRAMING}' to='bix.org' version='1.0'/>`)
    const open = await client.next()
    expect([open.name, open.attrs.xmlns, open.attrs.from, open.attrs.version]).toEqual([
      'open',
      FRAMING,
      'bix.org',
      '1.0',
    ])
    expect(open.attrs.id).toMatch(/^[\w-]{16}$/)
    const features = await client.nextText()
    expect(features).toStartWith(`<stream:features xmlns:stream='http://etherx.jabber.org/streams'>`)
    expect(features).not.toContain('starttls')
    expect(features).not.toContain('-PLUS')
    expect(features).not.toContain('sasl-channel-binding')
    client.close()
  })

  test('stanzas carry their namespace, and those that were stored too', async () => {
    const romeo = await web()
    await romeo.logsIn('romeo')
    romeo.send(
      `<message xmlns='jabber:client' to='juliet@bix.org' type='chat'><body>stored &lt;3</body></message>`,
    )
    await romeo.settles()
    const juliet = await web()
    await juliet.logsIn('juliet')
    juliet.send(`<presence xmlns='jabber:client'/>`)
    romeo.send(`<message xmlns='jabber:client' to='juliet@bix.org' type='chat'><body>live</body></message>`)
    expect([await juliet.body(), await juliet.body()]).toEqual(['stored <3', 'live'])
    for (const frame of juliet.frames.filter((text) => /^<(message|presence|iq)/.test(text))) {
      expect(frame).toMatch(/^<\w+ xmlns='jabber:client'/)
    }
    for (const client of [romeo, juliet]) client.close()
  })

  test.each([
    [
      'two elements',
      `<iq xmlns='jabber:client' type='get' id='a'/><iq xmlns='jabber:client' type='get' id='b'/>`,
      'bad-format',
    ],
    ['half an element', `<message xmlns='jabber:client'><body>`, 'not-well-formed'],
    ['an end tag alone', `</message>`, 'not-well-formed'],
    ['white space', ' ', 'bad-format'],
    ['nothing', '', 'bad-format'],
    ['text', 'hello', 'bad-format'],
    ['text behind the element', `<presence xmlns='jabber:client'/>x`, 'not-well-formed'],
    ['an XML declaration', `<?xml version='1.0'?><presence xmlns='jabber:client'/>`, 'bad-format'],
    ['no namespace', `<presence/>`, 'invalid-namespace'],
    [
      '<open/> in the midst of a stream',
      `<open xmlns='${FRAMING}' to='bix.org' version='1.0'/>`,
      'bad-format',
    ],
    ['a word that framing does not know', `<ajar xmlns='${FRAMING}'/>`, 'bad-format'],
  ])('%s in a frame ends the stream', async (_name, frame, condition) => {
    const client = await web()
    await client.logsIn('romeo')
    client.send(frame)
    await client.isCutOff(condition)
    expect(client.code).toBe(1000)
  })

  test.each([
    [
      'a TCP header',
      `<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='bix.org' version='1.0'>`,
      'not-well-formed',
    ],
    ['a stanza', `<presence xmlns='jabber:client'/>`, 'invalid-namespace'],
    ['<open/> without a namespace', `<open to='bix.org' version='1.0'/>`, 'invalid-namespace'],
    ['an unknown host', `<open xmlns='${FRAMING}' to='elsewhere.example' version='1.0'/>`, 'host-unknown'],
    ['no version', `<open xmlns='${FRAMING}' to='bix.org'/>`, 'unsupported-version'],
  ])('RFC 7395 §3.4: the first frame must open a stream: %s', async (_name, frame, condition) => {
    const client = await web()
    client.send(frame)
    // §3.5: our <open/> goes in front of the error.
    expect((await client.next()).name).toBe('open')
    await client.isCutOff(condition)
  })

  test('a binary frame is refused with 1003', async () => {
    const client = await web()
    client.send(new Uint8Array(Buffer.from(`<open xmlns='${FRAMING}' to='bix.org' version='1.0'/>`)))
    expect(await client.end()).toBe(1003)
  })
})

describe('RFC 7395 §3.6: the end', () => {
  test('<close/> is answered by <close/>, then the socket closes', async () => {
    const client = await web()
    await client.logsIn('romeo')
    client.send(`<close xmlns='${FRAMING}'/>`)
    expect(await client.nextText()).toBe(`<close xmlns='${FRAMING}'/>`)
    expect(await client.end()).toBe(1000)
  })

  test('a socket that goes without a word takes its session along', async () => {
    const client = await web()
    await client.logsIn('romeo', 'gone')
    client.close()
    const other = await web()
    await other.logsIn('romeo')
    // The resource is free once the server has heard of it; a presence to it then finds nobody.
    let answer = ''
    while (!answer.includes('service-unavailable')) {
      other.send(
        `<iq xmlns='jabber:client' type='get' id='q' to='romeo@bix.org/gone'><query xmlns='jabber:iq:version'/></iq>`,
      )
      await other.settles()
      answer = other.frames.at(-2) ?? ''
    }
    other.close()
  })

  test('a stop says why', async () => {
    await using another = await wire({ auth: PLAIN })
    await another.account('romeo@bix.org')
    const client = await WebClient.connect(another.port('http'))
    await client.logsIn('romeo')
    const [, error] = await Promise.all([another.server.stop(), client.until((el) => el.name === 'error')])
    expect(error.toString()).toContain('system-shutdown')
  })
})

describe('which plain listeners count as secure', () => {
  test('loopback does, and so does TLS of our own', async () => {
    expect(await mechanismsOf()).toEqual(['SCRAM-SHA-256', 'SCRAM-SHA-1', 'PLAIN'])
    const client = await WebClient.connect(own.port('https'), { scheme: 'wss' })
    await client.logsIn('romeo')
    client.close()
  })

  test('a trusted proxy must say https; without it no mechanism is offered and none is taken', async () => {
    expect(await mechanismsOf({ headers: TRUSTED })).toContain('PLAIN')
    const headers = { ...TRUSTED, 'x-forwarded-proto': 'http' }
    expect(await mechanismsOf({ headers })).toEqual([])
    const client = await web({ headers })
    await client.opens()
    client.send(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHJvbWVvAHg=</auth>`)
    expect((await client.nextText()).includes('encryption-required')).toBe(true)
    client.close()
  })

  test('STARTTLS is not to be had by asking', async () => {
    const client = await web({ headers: { ...TRUSTED, 'x-forwarded-proto': 'http' } })
    await client.opens()
    client.send(`<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`)
    await client.isCutOff('unsupported-stanza-type')
  })

  test('c2s.require_tls = false lets SCRAM in there, never PLAIN', async () => {
    await using lax = await wire({ auth: PLAIN })
    lax.config.c2s.require_tls = false
    const client = await WebClient.connect(lax.port('http'), {
      headers: { ...TRUSTED, 'x-forwarded-proto': 'http' },
    })
    const list = (await client.opens()).toString()
    expect(list).toContain('SCRAM-SHA-256')
    expect(list).not.toContain('PLAIN')
    client.close()
  })
})

describe('case 77: pages of other sites', () => {
  const upgraded = (headers: Record<string, string>, port = own.port('http')): Promise<boolean> =>
    WebClient.connect(port, { headers }).then(
      (client) => {
        client.close()
        return true
      },
      () => false,
    )

  test.each([
    ['https://evil.example', false],
    ['null', false],
    ['http://localhost.evil.example', false],
    ['http://bix.org.evil.example', false],
    ['file://', false],
    ['http://127.evil.test', false],
    ['http://127.0.0.1.evil.test', false],
    ['http://[::ffff:192.0.2.1]', false],
    ['https://chat.bix.org', true],
    ['https://CHAT.bix.org:443', true],
    ['http://127.9.9.9', true],
    ['http://[::ffff:127.0.0.1]:1234', true],
    ['http://localhost:3000', true],
    ['http://127.0.0.1:8080', true],
    ['http://[::1]:8080', true],
  ])('case 77: origins = [] and a page of %s', async (origin, allowed) => {
    expect(await upgraded({ origin, host: 'chat.bix.org' }, await publicPort())).toBe(allowed)
  })

  test('case 77: a list names all that may, and nothing else passes', async () => {
    await using listed = await wire({ auth: PLAIN })
    listed.config.http.origins.push('https://web.example')
    const port = listed.port('http')
    expect(await upgraded({ origin: 'https://web.example' }, port)).toBe(true)
    expect(await upgraded({ origin: 'http://web.example' }, port)).toBe(false)
    expect(await upgraded({ origin: 'http://localhost' }, port)).toBe(false)
    expect(await upgraded({}, port)).toBe(true)
    listed.config.http.origins.push('*')
    expect(await upgraded({ origin: 'http://anywhere.example' }, port)).toBe(true)
  })

  test('case 78: a name that was pointed at loopback is not same-origin by that', async () => {
    expect(await upgraded({ origin: 'http://evil.example:5280', host: 'evil.example:5280' })).toBe(false)
  })

  const publicPort = async (): Promise<number> => {
    own.config.http.public_url = 'https://chat.bix.org'
    return own.port('http')
  }
})

describe('limits', () => {
  test('a frame as large as a stanza may be is taken, one larger is told so, one far larger closes', async () => {
    const { stanza_bytes } = own.config.limits
    const message = (size: number): string => {
      const [head, tail] = [
        `<message xmlns='jabber:client' to='juliet@bix.org/none'><body>`,
        `</body></message>`,
      ]
      return head + 'x'.repeat(size - head.length - tail.length) + tail
    }
    const exact = await web()
    await exact.logsIn('romeo')
    exact.send(message(stanza_bytes))
    await exact.settles()
    exact.send(message(stanza_bytes + 1))
    await exact.isCutOff('policy-violation')
    const huge = await web()
    await huge.logsIn('romeo')
    huge.send(message(2 * stanza_bytes + 1))
    expect(await huge.end()).toBe(1009)
  })

  test('connections are counted together with those by TCP', async () => {
    await using narrow = await wire({ limits: 'connections = 2', auth: PLAIN })
    const tcp = await WireClient.tcp(narrow.port('c2s'))
    await tcp.opens('bix.org')
    const first = await WebClient.connect(narrow.port('http'))
    await first.opens()
    const second = await WebClient.connect(narrow.port('http'))
    expect(await second.end()).toBe(1013)
    for (const client of [tcp, first]) client.close()
  })

  test('who does not read is dropped', async () => {
    await using small = await wire({ limits: 'send_buffer_bytes = "100KB"', auth: PLAIN })
    for (const jid of ['romeo@bix.org', 'juliet@bix.org']) await small.account(jid)
    const juliet = await stalled(small.port('http'))
    const romeo = await WebClient.connect(small.port('http'))
    await romeo.logsIn('romeo')
    let bounced = false
    for (let i = 0; i < 200 && !bounced; i++) {
      romeo.send(
        `<iq xmlns='jabber:client' type='get' id='n${i}' to='juliet@bix.org/web'><query xmlns='urn:x'>${'x'.repeat(200_000)}</query></iq>`,
      )
      await romeo.settles()
      bounced = romeo.frames.some((frame) => frame.includes('service-unavailable'))
    }
    expect(bounced).toBe(true)
    romeo.close()
    juliet.socket.destroy()
  })
})

/** A client that logs in as Juliet and then reads no more. */
async function stalled(port: number): Promise<RawWeb> {
  const raw = await RawWeb.connect(port)
  const open = `<open xmlns='${FRAMING}' to='bix.org' version='1.0'/>`
  const plain = Buffer.from(`\0juliet\0${PASSWORD}`).toString('base64')
  const bind = `<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>web</resource></bind>`
  const steps = [
    [open, '</stream:features>'],
    [`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${plain}</auth>`, '<success'],
    [open, '</stream:features>'],
    [`<iq xmlns='jabber:client' type='set' id='b'>${bind}</iq>`, '</iq>'],
  ] as const
  for (const [frame, answer] of steps) {
    raw.frame(frame)
    await raw.hears(answer)
  }
  raw.socket.pause()
  return raw
}
