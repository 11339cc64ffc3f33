import { describe, expect, test } from 'bun:test'
import { Reader } from '../../src/xml/reader.ts'
import { StreamError } from '../../src/xmpp/errors.ts'
import { bytes, cut, HEADER, LIMITS, plain, read, readAll, refusal, stanza } from './xml-support.ts'

const STREAMS = 'http://etherx.jabber.org/streams'

describe('stream framing', () => {
  test('the header is an event with its attributes as sent', () => {
    const [open] = read(HEADER.replace('to=', "xml:lang='en' to="))
    expect(open).toEqual({
      kind: 'open',
      element: [
        'stream',
        [
          ['to', 'bix.org'],
          ['version', '1.0'],
          ['xml:lang', 'en'],
          ['xmlns', 'jabber:client'],
          ['xmlns:stream', STREAMS],
        ],
        [],
      ],
      prefix: 'stream',
      xmlns: STREAMS,
      contentNamespace: 'jabber:client',
    })
  })
  test('a header without a content namespace says so', () => {
    expect(read(`<s:stream xmlns:s='${STREAMS}'>`)).toMatchObject([{ prefix: 's', contentNamespace: '' }])
    expect(read(`<stream xmlns='${STREAMS}'>`)).toMatchObject([{ prefix: '', contentNamespace: STREAMS }])
  })
  test('the end tag closes, and what follows is not read', () => {
    expect(read(`${HEADER}</stream:stream><a`).slice(1)).toEqual([{ kind: 'close' }])
  })
  test('a self-closed header opens and closes', () => {
    const reader = new Reader(LIMITS)
    reader.feed(bytes(`<stream:stream xmlns:stream='${STREAMS}'/>`))
    expect(reader.next()?.kind).toBe('open')
    expect(reader.next()).toEqual({ kind: 'close' })
    expect(reader.next()).toBeNull()
  })
  test('an end tag that is not the stream’s own is refused', () => {
    expect(refusal('</stream>')).toBe('not-well-formed')
    expect(refusal('<a><b></a>')).toBe('not-well-formed')
  })
  test('case 23: white space between stanzas is skipped without being kept', () => {
    const reader = new Reader(LIMITS)
    reader.feed(bytes(HEADER))
    reader.next()
    const blanks = bytes(' \n\t\r'.repeat(250_000))
    for (let i = 0; i < 8; i++) {
      reader.feed(blanks)
      expect(reader.next()).toBeNull()
      expect(reader.idle).toBe(true)
    }
    reader.feed(bytes('<a/>'))
    expect(reader.next()?.kind).toBe('element')
  })
  test('other text between stanzas is refused at its first byte', () => {
    for (const input of ['x', 'GET / HTTP/1.1\r\n', '&#32;']) {
      expect(refusal(input)).toBe('not-well-formed')
      expect(read(input)).toEqual(['not-well-formed'])
    }
    expect(read([0x16, 0x03, 0x01])).toEqual(['not-well-formed'])
    expect(refusal('<![CDATA[ ]]>')).toBe('not-well-formed')
  })
  test('an error repeats and drops what waits', () => {
    const reader = new Reader(LIMITS)
    reader.feed(bytes('<!-- -->'))
    expect(() => reader.next()).toThrow(StreamError)
    reader.feed(bytes(HEADER))
    expect(reader.idle).toBe(true)
    expect(() => reader.next()).toThrow(StreamError)
  })
  test('events before an error in the same bytes are delivered first', () => {
    const result = read(`${HEADER}<a/><b>&bogus;</b>`)
    expect(result.slice(1)).toEqual([{ kind: 'element', element: ['a', [], []] }, 'restricted-xml'])
  })
  test('white space behind the last element of the old stream does not spoil the declaration of the new one', () => {
    const reader = new Reader(LIMITS)
    reader.feed(bytes(`${HEADER}<auth/>`))
    reader.next()
    reader.next()
    reader.reset()
    reader.feed(bytes(`\n${HEADER}`))
    expect(reader.next()?.kind).toBe('open')
    reader.feed(bytes("<?xml version='1.0'?>"))
    expect(() => reader.next()).toThrow(StreamError)
  })

  test('reset expects a document and keeps the bytes that wait; discard drops and counts them', () => {
    const reader = new Reader(LIMITS)
    reader.feed(bytes(`${HEADER}<auth/>${HEADER}<iq/> x`))
    reader.next()
    reader.next()
    reader.reset()
    expect(reader.next()?.kind).toBe('open')
    expect(reader.next()?.kind).toBe('element')
    expect(reader.idle).toBe(false)
    expect(reader.discard()).toBe(1)
    expect(reader.idle).toBe(true)
    reader.reset()
    reader.feed(bytes(' \n'))
    expect(reader.discard()).toBe(0)
  })
  test('limits may be replaced while a stanza is being read', () => {
    const reader = new Reader({ ...LIMITS, bytes: 200 })
    reader.feed(bytes(HEADER))
    reader.next()
    reader.feed(bytes(`<a>${'x'.repeat(100)}`))
    expect(reader.next()).toBeNull()
    reader.limits = { ...LIMITS, bytes: 1000 }
    reader.feed(bytes(`${'x'.repeat(200)}</a>`))
    expect(reader.next()?.kind).toBe('element')
  })
})

describe('document framing', () => {
  test('every top-level element has its own namespaces and declaration', () => {
    const open = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='bix.org'/>"
    const message = "<?xml version='1.0'?><message xmlns='jabber:client'><body>x</body></message>"
    expect(read(open + message, 'documents')).toEqual([
      {
        kind: 'element',
        element: [
          'open',
          [
            ['to', 'bix.org'],
            ['xmlns', 'urn:ietf:params:xml:ns:xmpp-framing'],
          ],
          [],
        ],
      },
      { kind: 'element', element: ['message', [], [['body', [], ['x']]]] },
    ])
  })
  test('no namespace at all is written down, and a child of another namespace keeps its own', () => {
    expect(read('<a/>', 'documents')).toEqual([{ kind: 'element', element: ['a', [['xmlns', '']], []] }])
    expect(
      read(
        "<body xmlns='http://jabber.org/protocol/httpbind'><message xmlns='jabber:client'/></body>",
        'documents',
      ),
    ).toEqual([
      {
        kind: 'element',
        element: [
          'body',
          [['xmlns', 'http://jabber.org/protocol/httpbind']],
          [['message', [['xmlns', 'jabber:client']], []]],
        ],
      },
    ])
  })
  test('a document ends where it ends', () => {
    expect(read('</a>', 'documents')).toEqual(['not-well-formed'])
    const reader = new Reader(LIMITS, 'documents')
    reader.feed(bytes('<a>'))
    expect([reader.next(), reader.idle]).toEqual([null, false])
    reader.feed(bytes('</a>'))
    expect([reader.next()?.kind, reader.idle]).toEqual(['element', true])
  })
})

describe('the tree', () => {
  test('adjacent text is one node, CDATA included', () => {
    expect(stanza('<m><b>a&lt;<![CDATA[<b>&amp;]]>c</b></m>')).toEqual([
      'm',
      [],
      [['b', [], ['a<<b>&amp;c']]],
    ])
    expect(stanza('<m>a<![CDATA[]]></m>')).toEqual(['m', [], ['a']])
  })
  test('xmlns stands exactly where the namespace differs from the parent’s', () => {
    expect(stanza("<iq><q xmlns='a'><x xmlns='a'><y xmlns='jabber:client'/></x></q></iq>")).toEqual([
      'iq',
      [],
      [['q', [['xmlns', 'a']], [['x', [], [['y', [['xmlns', 'jabber:client']], []]]]]]],
    ])
  })
  test('prefixes of elements are resolved and dropped', () => {
    expect(stanza("<iq xmlns:p='a'><p:q><p:r/><s/></p:q></iq>")).toEqual([
      'iq',
      [],
      [
        [
          'q',
          [['xmlns', 'a']],
          [
            ['r', [], []],
            ['s', [['xmlns', 'jabber:client']], []],
          ],
        ],
      ],
    ])
    expect(stanza('<stream:error/>')).toEqual(['error', [['xmlns', STREAMS]], []])
    expect(stanza("<c:iq xmlns:c='jabber:client'/>")).toEqual(['iq', [], []])
  })
  test('prefixed attributes carry their declaration with them', () => {
    expect(stanza("<iq xmlns:p='a'><q p:x='1' xml:lang='en'/></iq>")).toEqual([
      'iq',
      [],
      [
        [
          'q',
          [
            ['p:x', '1'],
            ['xml:lang', 'en'],
            ['xmlns:p', 'a'],
          ],
          [],
        ],
      ],
    ])
  })
  test('a declaration ends with its element', () => {
    expect(refusal("<iq><q xmlns:p='a'/><p:r/></iq>")).toBe('not-well-formed')
    expect(stanza("<iq xmlns:p='a'><q xmlns:p='b'/><p:r/></iq>")).toEqual([
      'iq',
      [],
      [
        ['q', [], []],
        ['r', [['xmlns', 'a']], []],
      ],
    ])
  })
  test('attributes with the names of object members are attributes', () => {
    const reader = new Reader(LIMITS)
    reader.feed(bytes(`${HEADER}<a __proto__='1' constructor='2' toString='3'/>`))
    reader.next()
    const event = reader.next()
    const attrs = event?.kind === 'element' ? event.element.attrs : {}
    expect(Object.entries(attrs)).toEqual([
      ['__proto__', '1'],
      ['constructor', '2'],
      ['toString', '3'],
    ])
    expect('hasOwnProperty' in attrs).toBe(false)
    expect(refusal("<a __proto__='1' __proto__='2'/>")).toBe('not-well-formed')
  })
  test('white space in values becomes spaces, line ends become newlines', () => {
    expect(stanza("<a b='1\t2\n3\r\n4&#10;5'>x\r\ny\rz&#13;</a>")).toEqual([
      'a',
      [['b', '1 2 3 4\n5']],
      ['x\ny\nz\r'],
    ])
  })
  test('what was read is written and read again as the same tree', () => {
    const text = `<iq xmlns:p='a&amp;b'><p:q p:x="&lt;'&quot;" xml:lang='en'>1 &lt; 2 &amp;&#x1F514;</p:q><__proto__/></iq>`
    const reader = new Reader(LIMITS)
    reader.feed(bytes(HEADER + text))
    reader.next()
    const event = reader.next()
    const written = event?.kind === 'element' ? event.element.toString() : ''
    expect(stanza(written)).toEqual(stanza(text))
  })
})

test('one byte at a time gives the same events', () => {
  const text = bytes(
    `${HEADER}\n<message to='a@b' xml:lang='en'><body>1 &lt; 2 é🔔<![CDATA[]]]]></body>` +
      `<p:x xmlns:p='u' p:a="v"/></message> <iq/><presence></presence></stream:stream>`,
  )
  const whole = readAll([text])
  expect(whole.length).toBe(5)
  for (const size of [1, 2, 3, 5, 17]) expect(readAll(cut(text, size))).toEqual(whole)
})

test('a chunk of many stanzas is not copied for the last one, and a slow one costs no more', () => {
  const reader = new Reader({ ...LIMITS, bytes: 1e7 })
  reader.feed(bytes(HEADER))
  reader.next()
  const body = bytes(`<m>${'x'.repeat(300_000)}</m>`)
  let last: ReturnType<typeof reader.next> = null
  for (const piece of cut(body, 1)) {
    reader.feed(piece)
    last = reader.next()
  }
  expect(last && plain(last)).toEqual({ kind: 'element', element: ['m', [], ['x'.repeat(300_000)]] })
})
