import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { parseStored } from '../../src/xmpp/stored.ts'
import { type Element, xml } from '../../src/xmpp/xml.ts'
import { parse } from '../support/xml.ts'

const NAME = fc.constantFrom('a', 'b-c', 'd.e', 'vCard', 'é', '_x')
const TEXT = fc.string({
  unit: fc.constantFrom(
    'a',
    '<',
    '>',
    '&',
    '"',
    "'",
    ';',
    '\n',
    '\r',
    '\t',
    ' ',
    '&amp;',
    '&#13;',
    '😀',
    ']]>',
  ),
})
const ATTRS = fc.dictionary(fc.constantFrom('xmlns', 'id', 'xml:lang', 'by'), TEXT, { maxKeys: 3 })

const { element } = fc.letrec<{ element: Element; node: Element | string }>((tie) => ({
  element: fc
    .tuple(NAME, ATTRS, fc.array(tie('node'), { maxLength: 4 }))
    .map(([name, attrs, nodes]) => xml(name, attrs, ...nodes)),
  // An empty text node is no node once it was written.
  node: fc.oneof(
    { depthSize: 'small' },
    TEXT.filter((text) => text !== ''),
    tie('element'),
  ),
}))

test('what was written is read: the same text comes out again', () => {
  fc.assert(fc.property(element, (el) => parseStored(el.toString()).toString() === el.toString()))
})

test('it agrees with the strict reader', () => {
  const text = `<a xmlns="u:a" n="&lt;&apos;&quot;&amp;amp;"><b>x &gt; y<c xml:lang="de"/></b>tail &amp;lt;</a>`
  const one = parseStored(text)
  expect(one.toString()).toBe(parse(text).toString())
  expect(one.attrs).toEqual(parse(text).attrs)
  expect(one.getText()).toBe('tail &lt;')
  expect(one.parent).toBeNull()
})

test('a damaged row is an error, never half a tree', () => {
  const damaged = [
    '',
    'x',
    '<a>',
    '</a>',
    '<a></b>',
    '<a/><b/>',
    '<a/>x',
    '<a b=c/>',
    '<!--x-->',
    '<a',
    '<a b="',
  ]
  for (const text of damaged) expect(() => parseStored(text)).toThrow('stored XML')
})
