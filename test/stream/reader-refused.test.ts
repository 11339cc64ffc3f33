/** What ends a stream before it is an element: broken XML, what XMPP leaves out of XML, and what is too large. */
import { describe, expect, test } from 'bun:test'
import { Reader } from '../../src/xml/reader.ts'
import { StreamError } from '../../src/xmpp/errors.ts'
import { bytes, cut, HEADER, LIMITS, read, readAll, refusal, stanza } from './xml-support.ts'

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
