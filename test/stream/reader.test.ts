import { describe, expect, test } from 'bun:test'
import { Reader } from '../../src/stream/reader.ts'
import { StreamError } from '../../src/xmpp/errors.ts'
import { bytes, cut, HEADER, LIMITS, plain, read, readAll, shape } from './xml-support.ts'

const STREAMS = 'http://etherx.jabber.org/streams'

/** The condition that a stanza ends the stream with; undefined where it is accepted. */
function refusal(stanza: string | Uint8Array | number[]): unknown {
  const result = readAll([bytes(HEADER), bytes(stanza)])
  const last = result[result.length - 1]
  return typeof last === 'string' ? last : undefined
}

/** The tree of one stanza inside an ordinary client stream. */
function stanza(text: string): unknown {
  const reader = new Reader(LIMITS)
  reader.feed(bytes(HEADER + text))
  reader.next()
  const event = reader.next()
  return event?.kind === 'element' ? shape(event.element) : event
}

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
      expect(reader.buffered).toBe(0)
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
    expect(reader.buffered).toBe(0)
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
    expect(reader.buffered).toBe(2)
    expect(reader.discard()).toBe(1)
    expect(reader.buffered).toBe(0)
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
    expect([reader.next(), reader.buffered, reader.idle]).toEqual([null, 0, false])
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

describe('refused', () => {
  const restricted = [
    '<!DOCTYPE a [<!ENTITY b "c"><!ENTITY d "&b;&b;">]><a>&d;</a>',
    '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://x/">%p;]><a/>',
    '<?php x?><a/>',
    '<?xml-stylesheet href="x"?><a/>',
    '<!-- x --><a/>',
    '<!ELEMENT a ANY>',
  ]
  test.each(restricted)('cases 1–5, RFC 6120 §11.1: %s', (input) => {
    expect(read(input)).toEqual(['restricted-xml'])
    expect(readAll(cut(bytes(input), 1))).toEqual(['restricted-xml'])
    expect(refusal(input)).toBe('restricted-xml')
    expect(refusal(`<m>${input}</m>`)).toBe('restricted-xml')
  })
  test('case 6: CDATA cannot smuggle an end tag', () => {
    expect(stanza('<m><![CDATA[</m></stream:stream>]] >]]></m>')).toEqual([
      'm',
      [],
      ['</m></stream:stream>]] >'],
    ])
    expect(refusal('<m><![cdata[x]]></m>')).toBe('not-well-formed')
  })
  test('case 7: other versions and encodings', () => {
    for (const encoding of ['UTF-16', 'ISO-8859-1', 'utf8', 'x-user']) {
      expect(read(`<?xml version='1.0' encoding='${encoding}'?>`)).toEqual(['unsupported-encoding'])
    }
    for (const encoding of ['UTF-8', 'utf-8', 'Utf-8']) {
      expect(
        read(`<?xml version="1.0"  encoding = '${encoding}' standalone='yes' ?>${HEADER.slice(21)}`),
      ).toMatchObject([{ kind: 'open' }])
    }
    for (const declaration of [
      "version='1.1'",
      "version='2.0'",
      "encoding='UTF-8'",
      'version=1.0',
      "version='1.0' x='y'",
    ]) {
      expect(read(`<?xml ${declaration}?>`)).toEqual(['not-well-formed'])
    }
  })
  test('case 8: a declaration anywhere but at the very start', () => {
    expect(refusal("<?xml version='1.0'?>")).toBe('restricted-xml')
    expect(read(" <?xml version='1.0'?>")).toEqual(['restricted-xml'])
    expect(read("<?xml version='1.0'?><?xml version='1.0'?>")).toEqual(['restricted-xml'])
  })
  test('case 9: UTF-16 and byte order marks', () => {
    for (const start of [
      [0xfe, 0xff, 0, 0x3c],
      [0xff, 0xfe, 0x3c, 0],
      [0x3c, 0],
      [0, 0x3c],
    ]) {
      expect(read(start)).toEqual(['unsupported-encoding'])
      expect(readAll(cut(bytes(start), 1))).toEqual(['unsupported-encoding'])
    }
    expect(read([0xef, 0xbb, 0xbf, 0x3c, 0x61])).toEqual(['not-well-formed'])
  })
  const broken = [
    [0xc0, 0xaf],
    [0xed, 0xa0, 0x80],
    [0xf5, 0x80, 0x80, 0x80],
    [0xf4, 0x90, 0x80, 0x80],
    [0x80],
    [0xe2, 0x82],
    [0xff],
  ]
  test.each(broken.map((sequence) => [sequence]))('case 10: not UTF-8: %p', (sequence) => {
    const places = [
      [...bytes('<m>'), ...sequence, ...bytes('</m>')],
      [...bytes("<m a='"), ...sequence, ...bytes("'/>")],
      [...bytes('<m'), ...sequence, ...bytes('/>')],
      [...bytes('<m><![CDATA['), ...sequence, ...bytes(']]></m>')],
    ]
    for (const place of places) {
      expect(refusal(place)).toBe('unsupported-encoding')
      expect(readAll([bytes(HEADER), ...cut(bytes(place), 1)]).pop()).toBe('unsupported-encoding')
    }
  })
  test('case 10: a sequence may be cut anywhere', () => {
    const text = bytes("<m a='é€🔔'>é€🔔\uFEFF<ü/></m>")
    for (let size = 1; size < 8; size++) {
      expect(readAll([bytes(HEADER), ...cut(text, size)])[1]).toEqual({
        kind: 'element',
        element: ['m', [['a', 'é€🔔']], ['é€🔔\uFEFF', ['ü', [], []]]],
      })
    }
  })
  test('case 11: characters that XML does not have', () => {
    for (const ref of [
      '&#0;',
      '&#8;',
      '&#xFFFE;',
      '&#xD800;',
      '&#x110000;',
      '&#99999999999999999999;',
      '&#x;',
      '&#;',
      '&#xG;',
      '&#-1;',
      '& ',
      '&',
      '&amp',
      '&;',
      '&1;',
    ]) {
      expect(refusal(`<m>${ref}</m>`)).toBe('not-well-formed')
      expect(refusal(`<m a='${ref}'/>`)).toBe('not-well-formed')
    }
    for (const char of ['\0', '\x01', '\x0b', '\x0c', '\x1f', '\uFFFE', '\uFFFF']) {
      expect(refusal(`<m>${char}</m>`)).toBe('not-well-formed')
      expect(refusal(`<m a='${char}'/>`)).toBe('not-well-formed')
      expect(refusal(`<m${char}/>`)).toBe('not-well-formed')
    }
    expect(refusal('<m>&nbsp;</m>')).toBe('restricted-xml')
    expect(stanza('<m>&#x9;&#00000065;&#x10FFFF;\x7f</m>')).toEqual(['m', [], ['\tA\u{10FFFF}\x7f']])
  })
  test('case 12: an attribute twice, also under two prefixes', () => {
    expect(refusal("<m a='1' a='2'/>")).toBe('not-well-formed')
    expect(refusal("<m xmlns='a' xmlns='a'/>")).toBe('not-well-formed')
    expect(refusal("<m xmlns:p='a' xmlns:p='a'/>")).toBe('not-well-formed')
    expect(refusal("<m xmlns:p='u' xmlns:q='u' p:a='1' q:a='2'/>")).toBe('not-well-formed')
    expect(refusal("<m xmlns:p='u' xmlns:q='v' p:a='1' q:a='2' a='3'/>")).toBeUndefined()
  })
  const namespaces = [
    '<p:m/>',
    "<m p:a='1'/>",
    "<m xmlns:xml='urn:x'/>",
    "<m xmlns:p='http://www.w3.org/XML/1998/namespace'/>",
    "<m xmlns='http://www.w3.org/XML/1998/namespace'/>",
    "<m xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
    "<m xmlns:p='http://www.w3.org/2000/xmlns/'/>",
    "<m xmlns='http://www.w3.org/2000/xmlns/'/>",
    "<m xmlns:p=''/>",
    '<xmlns:m/>',
    '<a:b:c/>',
    '<:a/>',
    '<a:/>',
    '<a:1/>',
    "<p:1 xmlns:p='u'/>",
    "<m xmlns:p='u' p:-b.c='1'/>",
  ]
  test.each(namespaces)('case 13, RFC 6120 §11.3: %s', (input) => {
    expect(refusal(input)).toBe('not-well-formed')
  })
  test('case 13: xml may be declared as what it is', () => {
    expect(refusal("<m xmlns:xml='http://www.w3.org/XML/1998/namespace' xml:lang='de'/>")).toBeUndefined()
  })
  test('case 14: separators in a namespace name confuse nothing', () => {
    expect(refusal("<m xmlns:p='u&#10;a' xmlns:q='u' p:b='1' q:a='2'/>")).toBeUndefined()
    expect(stanza("<m xmlns='a}b&#10;c'/>")).toEqual(['m', [['xmlns', 'a}b\nc']], []])
    expect(refusal("<m xmlns='a\x0cb'/>")).toBe('not-well-formed')
  })
  const tags = [
    '< m/>',
    '<1/>',
    '<m a/>',
    '<m a=/>',
    '<m a=1/>',
    "<m a='1'b='2'/>",
    "<m a='<'/>",
    '<m / >',
    '<m//>',
    '</m/>',
    '<m></m a>',
    '<m></ m>',
    '<m><',
    '<m>]]></m>',
    "<m 'a'/>",
    '<m =""/>',
    '<>',
    '</>',
    '<-a/>',
    '<m/',
    '<m a="1\'/>',
  ]
  test.each(tags)('tags: %s', (input) => {
    expect(refusal(`${input}<x>`)).toBe('not-well-formed')
  })
  test('names by XML 1.0, 5th edition', () => {
    for (const name of ['a-b', '_a', 'a.1', 'é', 'a·', '\u200Ca', '\u{10400}', 'Ω'])
      expect(refusal(`<${name}/>`)).toBeUndefined()
    for (const name of ['a×', '÷', '.a', '·a', 'a;', 'a\u037E', '\u2190', 'a{'])
      expect(refusal(`<${name}/>`)).toBe('not-well-formed')
  })
})

describe('caps', () => {
  const tooMuch = 'policy-violation'
  test('case 16: a header that never closes', () => {
    expect(read(`<stream:stream ${'a'.repeat(1 << 20)}`)).toEqual([tooMuch])
    expect(read(`<?xml version='1.0'${' '.repeat(1 << 20)}`)).toEqual([tooMuch])
  })
  test('case 17: depth', () => {
    expect(refusal('<a>'.repeat(64) + '</a>'.repeat(64))).toBeUndefined()
    expect(refusal('<a>'.repeat(65))).toBe(tooMuch)
    expect(refusal(`${'<a>'.repeat(64)}<a/>`)).toBe(tooMuch)
    const deep = { ...LIMITS, bytes: 1e7, depth: 1e6, elements: 1e6 }
    const text = bytes('<a>'.repeat(1e5) + '</a>'.repeat(1e5))
    const reader = new Reader(deep, 'documents')
    reader.feed(text)
    expect(reader.next()?.kind).toBe('element')
  })
  test('case 18: attributes and declarations of one tag', () => {
    const attributes = (n: number): string => Array.from({ length: n }, (_, i) => `a${i}='1'`).join(' ')
    const declarations = (n: number): string =>
      Array.from({ length: n }, (_, i) => `xmlns:a${i}='u${i}'`).join(' ')
    expect(refusal(`<m ${attributes(64)} ${declarations(32)}/>`)).toBeUndefined()
    expect(refusal(`<m ${attributes(65)}/>`)).toBe(tooMuch)
    expect(refusal(`<m ${declarations(33)}/>`)).toBe(tooMuch)
    expect(refusal(`<m ${attributes(1e4)}/>`)).toBe(tooMuch)
  })
  test('case 19: siblings', () => {
    expect(refusal(`<m>${'<a/>'.repeat(1999)}</m>`)).toBeUndefined()
    expect(refusal(`<m>${'<a/>'.repeat(2000)}</m>`)).toBe(tooMuch)
  })
  test('case 20: one huge text, value, CDATA section or end tag', () => {
    const huge = 'x'.repeat(1 << 20)
    for (const input of [
      `<m>${huge}`,
      `<m a='${huge}`,
      `<m><![CDATA[${huge}`,
      `<m></m${huge}`,
      `<m>${'&#32;'.repeat(1e5)}`,
    ]) {
      expect(refusal(input)).toBe(tooMuch)
      expect(readAll([bytes(HEADER), ...cut(bytes(input), 4096)]).pop()).toBe(tooMuch)
    }
  })
  test('case 21: exactly at the limit, one less, one more, however it is cut', () => {
    const limits = { ...LIMITS, bytes: 200 }
    const build = (size: number): Uint8Array => bytes(`<m><b>é</b>${'x'.repeat(size - 16)}</m>`)
    for (const [size, accepted] of [
      [199, true],
      [200, true],
      [201, false],
    ] as const) {
      expect(build(size).length).toBe(size)
      for (const step of [1, 7, 1000]) {
        const result = readAll(
          [bytes(HEADER), ...cut(Buffer.concat([build(size), bytes(' <z/>')]), step)],
          'stream',
          limits,
        )
        expect(result.pop()).toEqual(accepted ? { kind: 'element', element: ['z', [], []] } : tooMuch)
      }
    }
  })
  test('the error names the condition of XEP-0205 §4 that fits', () => {
    const reader = new Reader({ ...LIMITS, bytes: 10 })
    reader.feed(bytes('<aaaaaaaaaaaaaaa'))
    try {
      reader.next()
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(StreamError)
      expect(String(error instanceof StreamError && error.toElement())).toContain(
        '<stanza-too-big xmlns="urn:xmpp:errors"/>',
      )
    }
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
