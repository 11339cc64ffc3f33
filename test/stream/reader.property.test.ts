/** The reader against `saxes` on documents that are generated, and on the same documents damaged. */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { bytes, bySaxes, cut, document, HEADER, readAll } from './xml-support.ts'

/** fast-check prints seed and path of a failure; FUZZ_RUNS makes the same properties long. */
const runs = Number(process.env.FUZZ_RUNS ?? 400)

const prefix = fc.constantFrom('', '', '', 'p:', 'q:', 'xml:', 'nope:')
const local = fc.constantFrom('a', 'b', 'message', 'body', '_x', 'é', 'a-b.c', 'constructor', '__proto__')
const uri = fc.constantFrom('u', 'v', 'jabber:client', '', 'http://www.w3.org/XML/1998/namespace')
const piece = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((s) => s.replace(/[<&]/g, '')),
  fc.constantFrom(
    '&lt;',
    '&amp;',
    '&#65;',
    '&#x1F514;',
    '&#0;',
    '&nbsp;',
    '&',
    ']]>',
    ']]',
    '\r\n',
    '\r',
    '\t',
    '🔔',
    '>',
  ),
)
const text = fc.array(piece, { maxLength: 4 }).map((parts) => parts.join(''))
const quoted = text.map((value) => `'${value.replace(/'/g, '')}'`)
const attribute = fc.oneof(
  fc.tuple(prefix, local, quoted).map(([p, name, value]) => `${p}${name}=${value}`),
  fc
    .tuple(fc.constantFrom('xmlns', 'xmlns:p', 'xmlns:q', 'xmlns:xml'), uri)
    .map(([name, u]) => `${name}="${u}"`),
)
const cdata = text.map((inner) => `<![CDATA[${inner.replace(/]]>/g, '')}]]>`)

const { element } = fc.letrec<{ element: string; node: string }>((tie) => ({
  node: fc.oneof({ maxDepth: 4 }, text, cdata, tie('element')),
  element: fc
    .tuple(
      fc.constantFrom('', '', '', 'p:', 'q:'),
      local,
      fc.array(attribute, { maxLength: 4 }),
      fc.array(tie('node'), { maxLength: 4 }),
      fc.boolean(),
    )
    .map(([p, name, attributes, children, short]) => {
      const open = [`<${p}${name}`, ...attributes].join(' ')
      return short && children.length === 0 ? `${open}/>` : `${open}>${children.join('')}</${p}${name}>`
    }),
}))

const damage = fc.constantFrom(
  '<',
  '>',
  '&',
  '"',
  "'",
  '/',
  ']',
  '=',
  ' ',
  ':',
  '\0',
  '\u0001',
  '<!--',
  '<?x',
  '<!D',
  '\uFFFE',
  'é',
)

/** saxes trims the white space around a namespace name; Namespaces in XML §2.2 compares it as it is. */
const TRIMMED = /xmlns[^=<>]*=\s*(?:"(?:\s|[^"]*\s")|'(?:\s|[^']*\s'))/

/** Accepted with the same tree, or refused by both; what XMPP forbids and XML allows is refused by us alone. */
function agrees(input: string): void {
  if (TRIMMED.test(input)) return
  const ours = document(input)
  const theirs = bySaxes(input)
  if (theirs === 'restricted') expect(typeof ours).toBe('string')
  else if (theirs === null) expect(typeof ours).toBe('string')
  else expect(ours).toEqual(theirs)
}

test('generated documents read like saxes reads them', () => {
  let accepted = 0
  fc.assert(
    fc.property(element, (xml) => {
      agrees(xml)
      if (typeof document(xml) !== 'string') accepted++
    }),
    { numRuns: runs },
  )
  expect(accepted).toBeGreaterThan(runs / 20)
})

test('damaged documents are refused by both or read the same', () => {
  const damaged = fc
    .tuple(element, fc.nat(), damage, fc.nat({ max: 3 }))
    .map(([xml, at, insert, drop]) => {
      const position = at % (xml.length + 1)
      return xml.slice(0, position) + insert + xml.slice(position + drop)
    })
    .filter((xml) => xml.isWellFormed())
  fc.assert(fc.property(damaged, agrees), { numRuns: runs * 2 })
})

test('however the bytes are cut, the same events come out', () => {
  const stream = fc.array(fc.oneof(element, fc.constantFrom(' ', '\n', 'x')), { maxLength: 4 })
  fc.assert(
    fc.property(stream, fc.integer({ min: 1, max: 9 }), (parts, size) => {
      const input = bytes(HEADER + parts.join('') + '</stream:stream>')
      const limits = { bytes: 300, depth: 4, elements: 12, attributes: 3, namespaces: 2 }
      expect(readAll(cut(input, size), 'stream', limits)).toEqual(readAll([input], 'stream', limits))
    }),
    { numRuns: runs },
  )
})

test('no bytes at all make it fail in another way than by a stream error', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (input) => {
      const whole = readAll([bytes(HEADER), bytes('<m>'), input])
      expect(readAll([bytes(HEADER), bytes('<m>'), ...cut(input, 1)])).toEqual(whole)
    }),
    { numRuns: runs },
  )
})
