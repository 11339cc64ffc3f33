import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import {
  derivedProperty,
  nickname,
  nicknameKey,
  opaqueString,
  PrecisError,
  usernameCaseMapped,
} from '../../src/xmpp/precis.ts'
import { isVirama, mapWidth } from '../../src/xmpp/unicode-tables.ts'

const refused = (apply: () => string): void => expect(apply).toThrow(PrecisError)

describe('RFC 8265', () => {
  test.each([
    ['1', 'juliet@example.com', 'juliet@example.com'],
    ['2', 'fussball', 'fussball'],
    ['3', 'fu\u00DFball', 'fu\u00DFball'],
    ['4', '\u03C0', '\u03C0'],
    ['5', '\u03A3', '\u03C3'],
    ['6', '\u03C3', '\u03C3'],
    ['7', '\u03C2', '\u03C2'],
  ])('§3.5 example %s: UsernameCaseMapped %s', (_, input, output) => {
    expect(usernameCaseMapped(input)).toBe(output)
  })
  test.each([
    ['8', 'foo bar'],
    ['9', ''],
    ['10', 'henry\u2163'],
    ['11', '\u221E'],
  ])('§3.5 example %s: not a username: "%s"', (_, input) => {
    refused(() => usernameCaseMapped(input))
  })
  test.each([
    ['12', 'correct horse battery staple', 'correct horse battery staple'],
    ['13', 'Correct Horse Battery Staple', 'Correct Horse Battery Staple'],
    ['14', '\u03C0\u00DF\u00E5', '\u03C0\u00DF\u00E5'],
    ['15', 'Jack of \u2666s', 'Jack of \u2666s'],
    ['16', 'foo\u1680bar', 'foo bar'],
  ])('§4.3 example %s: OpaqueString %s', (_, input, output) => {
    expect(opaqueString(input)).toBe(output)
  })
  test.each([
    ['17', ''],
    ['18', 'my cat is a \u0009by'],
  ])('§4.3 example %s: not an OpaqueString: "%s"', (_, input) => refused(() => opaqueString(input)))
})

describe('RFC 8266', () => {
  test.each([
    ['1', 'Foo', 'Foo', 'foo'],
    ['2', 'foo', 'foo', 'foo'],
    ['3', 'Foo Bar', 'Foo Bar', 'foo bar'],
    ['4', 'foo bar', 'foo bar', 'foo bar'],
    ['5', '\u03A3', '\u03A3', '\u03C3'],
    ['6', '\u03C3', '\u03C3', '\u03C3'],
    ['7', '\u03C2', '\u03C2', '\u03C2'],
    ['8', '\u265A', '\u265A', '\u265A'],
    ['9', 'Richard \u2163', 'Richard IV', 'richard iv'],
  ])('§3 example %s: %s', (_, input, shown, compared) => {
    expect(nickname(input)).toBe(shown)
    expect(nicknameKey(input)).toBe(compared)
  })
  test('§2.1: spaces are trimmed, mapped and joined; nothing is not a nickname', () => {
    expect(nickname('  Swan \u00A0\u3000 of   Avon  ')).toBe('Swan of Avon')
    for (const input of ['', ' ', '\u3000 ']) refused(() => nickname(input))
  })
  test('§2.3: applied until it is stable', () => {
    expect(nickname('\u00A8')).toBe(nickname(nickname('\u00A8')))
  })
})

describe('usernames', () => {
  test.each([
    ['A\u030A', '\u00E5'],
    ['\uFF21\uFF24\uFF2D\uFF29\uFF2E', 'admin'],
    ['\u1E61', '\u1E61'],
    ['\u0410', '\u0430'],
    ['\uFF76\uFF9E', '\u30AC'],
    ['\u05D0\u05D1', '\u05D0\u05D1'],
    ['\u05D01', '\u05D01'],
    ['\u0391\u03A3', '\u03B1\u03C2'],
    ['l\u00B7l', 'l\u00B7l'],
  ])('%s is %s', (input, output) => expect(usernameCaseMapped(input)).toBe(output))
  test.each([
    ['a space', 'a b'],
    ['a space behind', 'admin '],
    ['a control character', 'a\u0000'],
    ['a symbol', '\u265A'],
    ['a ligature', '\uFB00'],
    ['the Kelvin sign', '\u212A'],
    ['a superscript', '\u00B2'],
    ['a titlecase letter', '\u01C5'],
    ['a soft hyphen', 'a\u00ADb'],
    ['a zero width space', 'a\u200Bb'],
    ['a word joiner', 'a\u2060b'],
    ['a direction override', 'a\u202Eb'],
    ['tatweel', '\u0628\u0640\u0628'],
    ['old jamo', '\u1160'],
    ['a noncharacter', '\uFDD0'],
    ['an unassigned code point', '\u0378'],
    ['a private use character', '\uE000'],
    ['a lone surrogate', '\uD800'],
    ['a mix of directions', '\u05D0c'],
    ['a combining mark first in a mix', '\u0308\u05D0'],
  ])('%s is refused', (_, input) => {
    refused(() => usernameCaseMapped(input))
  })
})

/** RFC 5892 appendix A, through the class that allows the most around them. */
describe('context rules', () => {
  test.each([
    ['A.1', '\u094D\u200C'],
    ['A.1', '\u062C\u200C\u0627'],
    ['A.1', '\u062C\u0610\u200C\u0610\u0627'],
    ['A.1', '\uA872\u200C\u062C'],
    ['A.1', '\u062C\u200C\u062C\u200C\u0627'],
    ['A.2', '\u094D\u200D'],
    ['A.3', 'l\u00B7l'],
    ['A.4', '\u0375\u03B1'],
    ['A.5', '\u05E9\u05F3'],
    ['A.6', '\u05E9\u05F4'],
    ['A.7', 'a\u30FB\u30C5'],
    ['A.7', '\u4E00\u30FB'],
    ['A.8', '\u0661\u0662'],
    ['A.9', '\u06F1\u06F2'],
  ])('%s allows %s', (_, input) => expect(opaqueString(input)).toBe(input))
  test.each([
    ['A.1', '\u200C'],
    ['A.1', 'a\u200C'],
    ['A.1', '\u200C\u0627'],
    ['A.1', '\u062C\u200C'],
    ['A.1', '\u062C\u200C\u0627a\u200C'],
    ['A.1', 'a\u200C\u062C\u200C\u0627'],
    ['A.2', '\u200D'],
    ['A.2', 'a\u200D'],
    ['A.2', '\u062C\u200D\u0627'],
    ['A.3', 'l\u00B7'],
    ['A.3', 'l\u00B7a'],
    ['A.4', '\u0375a'],
    ['A.5', 'a\u05F3'],
    ['A.6', '\u05F4\u05E9'],
    ['A.7', 'abc\u30FBdef'],
    ['A.8', '\u0661\u06F1'],
    ['A.9', '\u06F1\u0661'],
  ])('%s refuses %s', (_, input) => refused(() => opaqueString(input)))
})

test.each([
  ['valid', '~'],
  ['valid', '\u00DF'],
  ['valid', '\u0F0B'],
  ['valid', '\u3007'],
  ['free', ' '],
  ['free', '\u00AA'],
  ['free', '\u00BC'],
  ['free', '\u20AC'],
  ['free', '\u16EE'],
  ['context', '\u200D'],
  ['disallowed', '\u115F'],
  ['disallowed', '\u034F'],
  ['disallowed', '\u3035'],
  ['disallowed', '\u0085'],
  ['disallowed', '\uFFFF'],
  ['unassigned', '\u{E0080}'],
] as const)('RFC 8264 §8: %s: %s', (property, character) => expect(derivedProperty(character)).toBe(property))

test('RFC 8264 §5.2.1: width is mapped one step', () => {
  expect(mapWidth('\uFF21\u3000\uFFE3\uFF70\uFF9E')).toBe('A \u00AF\u30FC\u3099')
  expect(mapWidth('\uFFA0\uFFA1\uFFBE\uFFC2\uFFC7\uFFCA\uFFCF\uFFD2\uFFD7\uFFDA\uFFDC')).toBe(
    '\u3164\u3131\u314E\u314F\u3154\u3155\u315A\u315B\u3160\u3161\u3163',
  )
})

test('the tables and the runtime speak of the same Unicode version', async () => {
  const { default: manifest }: { default: { unicodeVersion: string } } = await import('tr46/package.json')
  expect(manifest.unicodeVersion).toStartWith(process.versions.unicode ?? '17.0')
  expect(isVirama('\u094D')).toBe(true)
})

describe('every profile', () => {
  const text = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.string({ unit: 'binary', maxLength: 8 }),
    fc
      .array(
        fc.constantFrom(
          'a',
          'Σ',
          'ς',
          'ß',
          'İ',
          'ﬁ',
          ' ',
          '\u3000',
          'ｱ',
          'ﾞ',
          'א',
          '1',
          '\u0301',
          '\u200C',
          '·',
          'l',
        ),
        { maxLength: 6 },
      )
      .map((parts) => parts.join('')),
  )
  test.each([
    ['usernameCaseMapped', usernameCaseMapped],
    ['opaqueString', opaqueString],
    ['nickname', nickname],
    ['nicknameKey', nicknameKey],
  ] as const)('%s is idempotent, normalised and fails by PrecisError alone', (_, profile) => {
    fc.assert(
      fc.property(text, (input) => {
        let output: string
        try {
          output = profile(input)
        } catch (error) {
          expect(error).toBeInstanceOf(PrecisError)
          return
        }
        expect(profile(output)).toBe(output)
        expect(output.normalize('NFC')).toBe(output)
        expect(output.isWellFormed()).toBe(true)
      }),
      { numRuns: 1000 },
    )
  })
})
