import { describe, expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { play } from '../support/world.ts'

const STREAMS = 'http://etherx.jabber.org/streams'

function header(attrs = `to='bix.org' version='1.0'`, client = 'jabber:client', streams = STREAMS): string {
  return `<?xml version='1.0'?><stream:stream xmlns='${client}' xmlns:stream='${streams}' ${attrs}>`
}

const PING = (id: number | string) => `<iq type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`

describe('RFC 6120 §4.9.1.2, §4.9.3: an error has its condition, and a header in front of it', () => {
  const cases: [condition: string, what: string, text: string][] = [
    ['invalid-namespace', 'another stream namespace', header(undefined, undefined, 'urn:x')],
    ['invalid-namespace', 'another content namespace', header(undefined, 'jabber:server')],
    ['invalid-namespace', 'another root element', header().replace('<stream:stream', '<stream:strom')],
    ['invalid-namespace', 'no stream at all', `<iq xmlns='jabber:client' type='get' id='x'/>`],
    ['host-unknown', 'an unknown host', header(`to='elsewhere.example' version='1.0'`)],
    ['host-unknown', 'no host', header(`version='1.0'`)],
    ['host-unknown', 'an account for a host', header(`to='romeo@bix.org' version='1.0'`)],
    ['host-unknown', 'no address', header(`to='@@' version='1.0'`)],
    ['host-unknown', 'an empty one', header(`to='' version='1.0'`)],
    ['unsupported-version', 'no version', header(`to='bix.org'`)],
    ['unsupported-version', 'version 0.9', header(`to='bix.org' version='0.9'`)],
    ['unsupported-version', 'version 0', header(`to='bix.org' version='0.0'`)],
    ['unsupported-version', 'a version that is none', header(`to='bix.org' version='1'`)],
    ['not-well-formed', 'no XML', 'GET / HTTP/1.1\r\nHost: bix.org\r\n\r\n'],
    ['not-well-formed', 'a TLS hello', '\x16\x03\x01\x02\x00\x01'],
    ['not-well-formed', 'an end first', '</stream:stream>'],
    ['restricted-xml', 'a DTD', `<!DOCTYPE x [<!ENTITY a 'b'>]>`],
    ['restricted-xml', 'a processing instruction', `<?php x?>`],
    ['restricted-xml', 'a comment', `<!-- x -->`],
    ['unsupported-encoding', 'another encoding', `<?xml version='1.0' encoding='ISO-8859-1'?>`],
    ['not-well-formed', 'XML 1.1', `<?xml version='1.1'?>`],
  ]
  for (const [condition, what, text] of cases)
    test(`${what}: ${condition}`, async () => {
      using p = play()
      const actor = p.connect()
      actor.sends(text)
      await actor.isCutOff(condition)
      expect(actor.header.version).toBe('1.0')
      expect(actor.header.id).toMatch(/^[\w-]{16}$/)
      expect(actor.header.from).toBe('bix.org')
      expect(actor.transport.closed).toBe(true)
      expect(await p.openStreams()).toBe(0)
    })
})

describe('RFC 6120 §4.7: the header of the server', () => {
  test('names its host, a new id each time, version and language', async () => {
    using p = play()
    const ids = new Set<string | undefined>()
    for (const host of ['bix.org', 'other.example', 'OTHER.example']) {
      const actor = p.connect()
      await actor.opens(host)
      expect(actor.header.from).toBe(host.toLowerCase())
      expect(actor.header.version).toBe('1.0')
      expect(actor.header['xml:lang']).toBe('en')
      expect(actor.header.to).toBeUndefined()
      ids.add(actor.header.id)
    }
    expect(ids.size).toBe(3)
  })

  test('§4.7.2: `to` echoes a `from` that is an address, and nothing else', async () => {
    using p = play()
    for (const [from, to] of [
      ['romeo@bix.org', 'romeo@bix.org'],
      ['@@', undefined],
      ['a&lt;b@bix.org', undefined],
    ] as const) {
      const actor = p.connect()
      actor.sends(header(`to='bix.org' from='${from}' version='1.0'`))
      await actor.next()
      expect(actor.header.to).toBe(to)
    }
  })

  test.each(['1.7', '01.0', '2.0', '9.9', '10.0', '010.1'])(
    '§4.7.5: version %s is spoken to in ours',
    async (version) => {
      using p = play()
      const actor = p.connect()
      actor.sends(header(`to='bix.org' version='${version}'`))
      expect((await actor.next()).name).toBe('features')
      expect(actor.header.version).toBe('1.0')
    },
  )
})

test('RFC 6120 §4.4: the end of the stream is answered, and nothing after it counts', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  romeo.sends(`</stream:stream><message to='juliet@bix.org' type='chat'><body>late</body></message>`)
  await juliet.hearsNothing()
  expect(romeo.ended).toBe(true)
  expect(romeo.heard).toEqual([])
})

test('RFC 6120 §4.9.1.1: after an error the stream is over', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  romeo.sends(`<message></oops><message to='juliet@bix.org'/>`)
  await romeo.isCutOff('not-well-formed')
  romeo.sends(`<message to='juliet@bix.org'/>`)
  await juliet.hearsNothing()
})

test('RFC 6120 §4.9.3.24: what is no stanza ends the stream', async () => {
  using p = play()
  for (const xml of [
    '<command/>',
    `<message xmlns='jabber:server'/>`,
    `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'/>`,
    `<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
  ]) {
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(xml)
    await romeo.isCutOff('unsupported-stanza-type')
  }
})

test('bytes may come one at a time', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const bytes = Buffer.from(`<iq type='get' id='é'><ping xmlns='urn:xmpp:ping'/></iq>`)
  for (const byte of bytes) romeo.sends(Uint8Array.of(byte))
  expect((await romeo.answer('é')).attrs.type).toBe('result')
})

describe('limits.stanza_bytes: at the limit, one below and one above', () => {
  const stanza = (bytes: number, id = 'x') => {
    const empty = `<message to='juliet@bix.org' type='headline' id='${id}'><body></body></message>`
    return empty.replace('<body>', `<body>${'x'.repeat(bytes - empty.length)}`)
  }
  const toml =
    '[limits]\nrates = false\nstanza_bytes = 1000\nelements = 10\ndepth = 5\nattributes = 4\nnamespaces = 3\n'

  for (const bytes of [999, 1000])
    test(`${bytes}`, async () => {
      using p = play({ toml })
      const juliet = await p.online('juliet@bix.org/balcony')
      const romeo = await p.online('romeo@bix.org/orchard')
      // Several in one chunk: each is counted for itself.
      romeo.sends(stanza(bytes, 'a') + stanza(bytes, 'b'))
      expect([(await juliet.next()).attrs.id, (await juliet.next()).attrs.id]).toEqual(['a', 'b'])
    })

  test('1001: stanza-too-big, before it is complete', async () => {
    using p = play({ toml })
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(stanza(1001).slice(0, -1))
    romeo.sends('>')
    const error = await romeo.isCutOff('policy-violation')
    expect(child(error, 'stanza-too-big', 'urn:xmpp:errors')).toBeDefined()
  })

  const shapes: [what: string, n: number, xml: (n: number) => string][] = [
    ['elements', 10, (n) => `<message>${'<a/>'.repeat(n - 1)}</message>`],
    ['depth', 5, (n) => `<message>${'<a>'.repeat(n - 1)}${'</a>'.repeat(n - 1)}</message>`],
    ['attributes', 4, (n) => `<message ${Array.from({ length: n }, (_, i) => `a${i}='x'`).join(' ')}/>`],
    [
      'namespaces',
      3,
      (n) =>
        `<message><a ${Array.from({ length: n }, (_, i) => `xmlns:n${i}='u:${i}'`).join(' ')}/></message>`,
    ],
  ]
  for (const [what, n, xml] of shapes)
    test(`limits.${what}`, async () => {
      using p = play({ toml })
      const romeo = await p.online('romeo@bix.org/orchard')
      romeo.sends(xml(n))
      await romeo.settles()
      expect(romeo.ended).toBe(false)
      romeo.forget()
      romeo.sends(xml(n + 1))
      await romeo.isCutOff('policy-violation')
    })
})

describe('fairness: a connection is served 32 stanzas a turn', () => {
  test('a thousand in one chunk do not starve another, and its socket is paused meanwhile', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    let order = 0
    const doneAt = { romeo: 0, juliet: 0 }
    romeo.sends(Array.from({ length: 1000 }, (_, i) => PING(`r${i}`)).join(''))
    expect(romeo.transport.paused).toBe(true)
    juliet.sends(PING('j'))
    await Promise.all([
      juliet.answer('j').then(() => (doneAt.juliet = ++order)),
      romeo.answer('r999').then(() => (doneAt.romeo = ++order)),
    ])
    expect(doneAt).toEqual({ juliet: 1, romeo: 2 })
    await romeo.settles()
    expect(romeo.transport.paused).toBe(false)
    expect(romeo.heard.filter((el) => el.attrs.id?.startsWith('r'))).toHaveLength(999)
    // One write per turn, not one per answer.
    expect(romeo.transport.writes).toBeLessThan(100)
  })

  test('what waits is not served after the stream has ended', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    const flood = Array.from({ length: 100 }, () => `<message to='juliet@bix.org' type='headline'/>`)
    romeo.sends(flood.join(''))
    romeo.transport.destroy()
    await juliet.settles()
    await juliet.settles()
    expect(juliet.heard.length).toBeLessThanOrEqual(32 + 1)
  })
})

describe('limits.send_buffer_bytes', () => {
  const toml = '[limits]\nrates = false\nsend_buffer_bytes = 20000\n'
  const headline = (n: number) =>
    `<message to='juliet@bix.org' type='headline'><body>${'x'.repeat(n)}</body></message>`

  test('a client that does not read is dropped, and its contacts hear of it', async () => {
    using p = play({ toml })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.transport.stalled = true
    romeo.sends(headline(15_000))
    await romeo.settles()
    expect(juliet.transport.closed).toBe(false)
    romeo.sends(headline(10_000))
    await romeo.settles()
    await romeo.settles()
    expect(juliet.transport.closed).toBe(true)
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
    await romeo.hearsNothing()
  })

  test('more than that in one turn is no reason, as long as it is read', async () => {
    using p = play({ toml })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    romeo.sends(headline(15_000).repeat(5))
    await romeo.settles()
    await juliet.settles()
    expect(juliet.heard).toHaveLength(5)
    expect(juliet.transport.closed).toBe(false)
  })
})

describe('rates: whoever is too fast is slowed down, not thrown out', () => {
  const limits = (more: string) =>
    `[limits]\nrates = true\nconnections_per_ip = 0\n${more}\n[push]\nsimulator = true\n`
  const MANY = { toml: limits('stanzas_per_second = 10\nstanza_burst = 40') }

  async function flood(p: ReturnType<typeof play>, count: number): Promise<Actor> {
    const romeo = await p.bound('romeo@bix.org/orchard')
    p.clock.advance(60_000)
    romeo.sends(Array.from({ length: count }, (_, i) => PING(i)).join(''))
    return romeo
  }

  async function turns(p: ReturnType<typeof play>): Promise<void> {
    for (let i = 0; i < 5; i++) await p.router.run(() => undefined)
  }

  test('limits.stanza_burst, then limits.stanzas_per_second', async () => {
    using p = play(MANY)
    const romeo = await flood(p, 61)
    await turns(p)
    // The one that runs into debt is served; the next waits until that is paid.
    expect(romeo.heard).toHaveLength(41)
    expect(romeo.transport.paused).toBe(true)
    for (const more of [42, 43]) {
      p.clock.advance(100)
      await turns(p)
      expect(romeo.heard).toHaveLength(more)
    }
    for (let i = 0; i < 20; i++) {
      p.clock.advance(100)
      await turns(p)
    }
    expect(romeo.heard).toHaveLength(61)
    expect(romeo.transport.paused).toBe(false)
  })

  test('limits.bytes_burst and limits.bytes_per_second, also for a stanza that is not finished', async () => {
    using p = play({ toml: limits('bytes_per_second = 1000\nbytes_burst = 5000') })
    const romeo = await flood(p, 0)
    romeo.sends(`<message><body>${'x'.repeat(6000)}`)
    expect(romeo.transport.paused).toBe(true)
    p.clock.advance(1100)
    await turns(p)
    expect(romeo.transport.paused).toBe(false)
  })

  test('white space counts as bytes', async () => {
    using p = play({ toml: limits('bytes_per_second = 1000\nbytes_burst = 5000') })
    const romeo = await flood(p, 0)
    romeo.sends(' '.repeat(6000))
    expect(romeo.transport.paused).toBe(true)
    p.clock.advance(1100)
    await turns(p)
    expect(romeo.transport.paused).toBe(false)
  })

  test('limits.rates = false takes them all away', async () => {
    using p = play()
    const romeo = await flood(p, 1000)
    expect((await romeo.answer('999')).attrs.type).toBe('result')
  })
})
