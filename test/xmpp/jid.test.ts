import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { Jid, JidError, prepareDomain, prepareLocal, prepareResource } from '../../src/xmpp/jid.ts'

describe('RFC 7622 §3.5', () => {
  test.each([
    ['1', 'juliet@example.com', ['juliet', 'example.com', '']],
    ['2', 'juliet@example.com/foo', ['juliet', 'example.com', 'foo']],
    ['3', 'juliet@example.com/foo bar', ['juliet', 'example.com', 'foo bar']],
    ['4', 'juliet@example.com/foo@bar', ['juliet', 'example.com', 'foo@bar']],
    ['5', 'foo\\20bar@example.com', ['foo\\20bar', 'example.com', '']],
    ['6', 'fussball@example.com', ['fussball', 'example.com', '']],
    ['7', 'fu\u00DFball@example.com', ['fu\u00DFball', 'example.com', '']],
    ['8', '\u03C0@example.com', ['\u03C0', 'example.com', '']],
    ['9', '\u03A3@example.com/foo', ['\u03C3', 'example.com', 'foo']],
    ['10', '\u03C3@example.com/foo', ['\u03C3', 'example.com', 'foo']],
    ['11', '\u03C2@example.com/foo', ['\u03C2', 'example.com', 'foo']],
    ['12', 'king@example.com/\u265A', ['king', 'example.com', '\u265A']],
    ['13', 'example.com', ['', 'example.com', '']],
    ['14', 'example.com/foobar', ['', 'example.com', 'foobar']],
    ['15', 'a.example.com/b@example.net', ['', 'a.example.com', 'b@example.net']],
  ])('example %s: %s', (_, text, parts) => {
    const jid = Jid.parse(text)
    expect([jid.local, jid.domain, jid.resource]).toEqual(parts)
  })
  test.each([
    ['16', '"juliet"@example.com'],
    ['17', 'foo bar@example.com'],
    ['18', 'juliet@example.com/ foo'],
    ['19', '@example.com/'],
    ['20', 'henry\u2163@example.com'],
    ['21', '\u265A@example.com'],
    ['22', 'juliet@'],
    ['23', '/foobar'],
  ])('example %s is no address: %s', (_, text) => expect(() => Jid.parse(text)).toThrow(JidError))
})

describe('case 45: parts', () => {
  test.each([
    '',
    '@',
    '/',
    '@/',
    '@example.com',
    'example.com/',
    'a@/b',
    'a@b@c',
    'a@.b',
    'a@b..c',
    'a@.',
    'a@b..',
    'a b',
    'a@b c',
    'a@b\u0000',
    '<@b',
    'a&@b',
    'a@b/\u0001',
  ])('no address: %p', (text) => expect(() => Jid.parse(text)).toThrow(JidError))
  test('a part has at most 1023 bytes', () => {
    const local = 'é'.repeat(511)
    expect(Jid.parse(`${local}x@b`).local.length).toBe(512)
    expect(() => Jid.parse(`${local}xx@b`)).toThrow('longer than 1023 bytes')
    expect(Jid.parse(`a@b/${'x'.repeat(1023)}`).resource.length).toBe(1023)
    expect(() => Jid.parse(`a@b/${'x'.repeat(1024)}`)).toThrow(JidError)
    expect(() => Jid.parse(`a@b/${'x'.repeat(1e6)}`)).toThrow(JidError)
    expect(() => Jid.parse(`a@${'x'.repeat(64)}`)).toThrow(JidError)
    expect(() => Jid.parse(`a@${'xx.'.repeat(90)}`)).toThrow(JidError)
  })
  test('the longest input of the dearest characters costs little', () => {
    const dear = ['\u0661', '\u30FB', '\u062C\u200C', '\u062C\u0610', '\u00FC.', '\u00FC', 'xn--a-9']
    const before = performance.now()
    for (const piece of dear) {
      for (const apply of [prepareLocal, prepareDomain, prepareResource]) {
        expect(() => apply(piece.repeat(1023))).toThrow(JidError)
      }
    }
    expect(performance.now() - before).toBeLessThan(1000)
  })
  test('a backslash is a letter like others: XEP-0106 escapes are the client’s', () => {
    expect(prepareLocal('d\\27artagnan')).toBe('d\\27artagnan')
  })
})

describe('cases 46 and 47: look-alikes', () => {
  test('width and case are mapped, so the same account is meant', () => {
    for (const text of [
      'Admin@bix.org',
      '\uFF21\uFF24\uFF2D\uFF29\uFF2E@bix.org',
      'ADMIN@BIX.ORG',
      'admin@bix\u3002org',
    ]) {
      expect(Jid.parse(text).toString()).toBe('admin@bix.org')
    }
  })
  test.each([
    'admin @bix.org',
    '\u212Aing@bix.org',
    'ad\u200Dmin@bix.org',
    'ad\u200Cmin@bix.org',
    'ad\u202Emin@bix.org',
    'a\u05D0@bix.org',
    '\u0301@\u0301',
    'a\u0378@bix.org',
    '\uFF20@bix.org',
    '\uFF0Fa@bix.org',
  ])('refused: %p', (text) => expect(() => Jid.parse(text)).toThrow(JidError))
  test('a resource keeps its case and may be anything printable', () => {
    expect(Jid.parse('a@b/\u212A \u05D0c \u{1F514}').resource).toBe('K \u05D0c \u{1F514}')
  })
})

describe('case 48: domains', () => {
  test.each([
    ['EXAMPLE.com', 'example.com'],
    ['example.com.', 'example.com'],
    ['xn--bcher-kva.example', 'b\u00FCcher.example'],
    ['B\u00DCCHER.example', 'b\u00FCcher.example'],
    ['bu\u0308cher.example', 'b\u00FCcher.example'],
    ['\uFF45xample\u3002com', 'example.com'],
    ['fa\u00DF.de', 'fa\u00DF.de'],
    ['\u05D0\u05D1.example', '\u05D0\u05D1.example'],
    ['localhost', 'localhost'],
    ['192.168.1.1', '192.168.1.1'],
    ['[::1]', '[::1]'],
    ['[2001:DB8:0:0::1]', '[2001:db8::1]'],
    ['a--b.example', 'a--b.example'],
  ])('%s is %s', (input, output) => {
    expect(prepareDomain(input)).toBe(output)
    expect(Jid.parse(input)).toBe(Jid.parse(input))
  })
  test.each([
    '',
    '.',
    'a..b',
    '-a.example',
    'a-.example',
    '-\u00FC.example',
    'a_b',
    'xn--a',
    'xn--\u00FC',
    'xn--example-.com',
    '\u265A.example',
    '\u{1F514}.example',
    'a\u200Cb',
    '[::1',
    '::1',
    '[::1]:80',
    '[1.2.3.4]',
    '[fe80::1%eth0]',
    '[]',
    'a\u05D0.example',
    '\u0301a',
    'ex\u2044ample',
    'a b.example',
  ])('refused: %p', (input) => expect(() => prepareDomain(input)).toThrow(JidError))
})

describe('the object', () => {
  test('knows its bare form', () => {
    const full = Jid.parse('Juliet@bix.org/Balcony')
    expect([full.isFull, full.isBare, full.bare, full.toString()]).toEqual([
      true,
      false,
      'juliet@bix.org',
      'juliet@bix.org/Balcony',
    ])
    expect(full.toBare().isBare).toBe(true)
    expect(full.toBare()).toBe(full.toBare())
    expect(full.toBare().toString()).toBe('juliet@bix.org')
  })
  test('is built from parts that are prepared', () => {
    expect(Jid.of('ROMEO', 'Bix.Org', 'a\u00A0b').toString()).toBe('romeo@bix.org/a b')
    expect(Jid.of('', 'bix.org').toString()).toBe('bix.org')
    expect(Jid.parse('romeo@bix.org').withResource('x').toString()).toBe('romeo@bix.org/x')
    expect(() => Jid.parse('romeo@bix.org').withResource('')).toThrow('The resource is empty.')
    expect(() => Jid.of('a@b', 'bix.org')).toThrow(JidError)
  })
  test('says in a sentence what is wrong', () => {
    expect(() => Jid.parse('foo bar@bix.org')).toThrow(
      'The part before "@" contains U+0020, which is not allowed.',
    )
    expect(() => Jid.parse('@bix.org')).toThrow('The part before "@" is empty.')
    expect(() => Jid.parse('a@b_c')).toThrow('The domain is not a valid domain name.')
  })
  test('more addresses than are remembered are parsed all the same', () => {
    for (let i = 0; i < 20_000; i++) expect(Jid.parse(`u${i}@bix.org`).local).toBe(`u${i}`)
    expect(Jid.parse('u0@bix.org').bare).toBe('u0@bix.org')
  })
})

test.each([' x', '\u2003x', '\u00A0', '\u3000x'])(
  'a resource that begins with a space is none: %j',
  (resource) => {
    expect(() => Jid.parse(`a@a/${resource}`)).toThrow(JidError)
    expect(() => Jid.of('a', 'a', resource)).toThrow(JidError)
  },
)

test('an address reads back as itself, and fails by JidError alone', () => {
  const part = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 6 }),
    fc.string({ unit: 'binary', maxLength: 4 }),
    fc.constantFrom('a', 'ß', 'Σ', 'א', 'xn--bcher-kva', 'İ', '.', '\uFF0E'),
  )
  fc.assert(
    fc.property(part, part, part, (local, domain, resource) => {
      for (const text of [`${local}@${domain}/${resource}`, `${local}@${domain}.example`, domain]) {
        let jid: Jid
        try {
          jid = Jid.parse(text)
        } catch (error) {
          expect(error).toBeInstanceOf(JidError)
          continue
        }
        const again = Jid.of(jid.local, jid.domain, jid.resource)
        expect(again.toString()).toBe(jid.toString())
        expect(Jid.parse(jid.toString())).toEqual(jid)
      }
    }),
    { numRuns: 2000 },
  )
})
