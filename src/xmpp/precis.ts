/** PRECIS: which strings may be names and passwords, and which of them are the same (RFC 8264, 8265, 8266). */
import {
  hasRightToLeft,
  isOldHangulJamo,
  isVirama,
  joinsAcross,
  mapWidth,
  obeysBidiRule,
} from './unicode-tables.ts'

/** The message completes "The name …" and holds code points, never the string. */
export class PrecisError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PrecisError'
  }
}

type Property = 'valid' | 'free' | 'context' | 'disallowed' | 'unassigned'

/** RFC 8264 §9.6, the exceptions; the context rules of §9.6 and §9.8 are in `contextAllows`. */
const EXCEPTIONS = new Map<number, Property>([
  ...[0xdf, 0x3c2, 0x6fd, 0x6fe, 0xf0b, 0x3007].map((code): [number, Property] => [code, 'valid']),
  ...[0xb7, 0x375, 0x5f3, 0x5f4, 0x30fb].map((code): [number, Property] => [code, 'context']),
  ...[0x640, 0x7fa, 0x302e, 0x302f, 0x3031, 0x3032, 0x3033, 0x3034, 0x3035, 0x303b].map(
    (code): [number, Property] => [code, 'disallowed'],
  ),
])
for (let digit = 0; digit < 10; digit++) {
  EXCEPTIONS.set(0x660 + digit, 'context')
  EXCEPTIONS.set(0x6f0 + digit, 'context')
}

/** RFC 8264 §8: the derived property, in the order of its table. BackwardCompatible (§9.7) is empty. */
export function derivedProperty(character: string): Property {
  const code = character.codePointAt(0) ?? 0
  const exception = EXCEPTIONS.get(code)
  if (exception) return exception
  if (/^\p{Cn}$/u.test(character) && !/^\p{Noncharacter_Code_Point}$/u.test(character)) return 'unassigned'
  if (code >= 0x21 && code <= 0x7e) return 'valid'
  if (code === 0x200c || code === 0x200d) return 'context'
  if (isOldHangulJamo(code)) return 'disallowed'
  if (/^[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Cc}]$/u.test(character))
    return 'disallowed'
  if (character.normalize('NFKC') !== character) return 'free'
  if (/^[\p{Ll}\p{Lu}\p{Lo}\p{Nd}\p{Lm}\p{Mn}\p{Mc}]$/u.test(character)) return 'valid'
  if (/^[\p{Lt}\p{Nl}\p{No}\p{Me}\p{Zs}\p{S}\p{P}]$/u.test(character)) return 'free'
  return 'disallowed'
}

/** RFC 8264 §4.2 and §4.3: refuses what the class does not hold. */
export function checkClass(text: string, stringClass: 'identifier' | 'freeform'): void {
  const characters = [...text]
  let around: Surroundings | undefined
  for (const [index, character] of characters.entries()) {
    const property = derivedProperty(character)
    if (property === 'valid' || (property === 'free' && stringClass === 'freeform')) continue
    if (property === 'context' && contextAllows(characters, index, (around ??= surroundings(text)))) continue
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    throw new PrecisError(
      property === 'context'
        ? `has U+${code} in a place where it is not allowed`
        : `contains U+${code}, which is not allowed`,
    )
  }
}

/** Answers that some rules ask of the whole string, found once so that a long string stays cheap. */
interface Surroundings {
  kana: boolean
  mixedDigits: boolean
}

function surroundings(text: string): Surroundings {
  return {
    // The middle dot is not of these scripts, so it does not answer for itself.
    kana: /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u.test(text),
    mixedDigits: /[\u0660-\u0669]/.test(text) && /[\u06F0-\u06F9]/.test(text),
  }
}

/** RFC 5892 appendix A. */
function contextAllows(characters: string[], index: number, around: Surroundings): boolean {
  const before = characters[index - 1] ?? ''
  const after = characters[index + 1] ?? ''
  const code = characters[index]?.codePointAt(0) ?? 0
  switch (code) {
    case 0x200c:
      return isVirama(before) || joinsAcross(aroundOnly(characters, index))
    case 0x200d:
      return isVirama(before)
    case 0xb7:
      return before === 'l' && after === 'l'
    case 0x375:
      return /^\p{Script=Greek}$/u.test(after)
    case 0x5f3:
    case 0x5f4:
      return /^\p{Script=Hebrew}$/u.test(before)
    case 0x30fb:
      return around.kana
    default:
      // Arabic-Indic digits and the extended ones look alike: not both in one string.
      return !around.mixedDigits
  }
}

/** The text around one U+200C up to the next ones, so that no other can be the match. */
function aroundOnly(characters: string[], index: number): string {
  const from = characters.lastIndexOf('\u200C', index - 1) + 1
  const next = characters.indexOf('\u200C', index + 1)
  return characters.slice(index === 0 ? 0 : from, next === -1 ? undefined : next).join('')
}

const ASCII = /^[\x21-\x7E]+$/

/** RFC 8265 §3.3 */
export function usernameCaseMapped(text: string): string {
  if (ASCII.test(text)) return text.toLowerCase()
  return stable(text, username)
}

function username(text: string): string {
  const prepared = mapWidth(text)
  checkClass(prepared, 'identifier')
  const result = prepared.toLowerCase().normalize('NFC')
  if (hasRightToLeft(result) && !obeysBidiRule(result)) {
    throw new PrecisError('mixes directions of writing in a way that is not allowed')
  }
  return result
}

/** RFC 8265 §4.2: passwords, and the resources of addresses. */
export function opaqueString(text: string): string {
  if (/^[\x20-\x7E]+$/.test(text)) return text
  return stable(text, (input) => {
    checkClass(input, 'freeform')
    return input.replace(/\p{Zs}/gu, ' ').normalize('NFC')
  })
}

/** RFC 8266 §2.3: how a nickname is shown. */
export function nickname(text: string): string {
  return stable(text, nicknameOnce)
}

/** RFC 8266 §2.4: two nicknames are the same where this is. */
export function nicknameKey(text: string): string {
  return stable(text, (input) => nicknameOnce(nicknameOnce(input).toLowerCase()))
}

function nicknameOnce(text: string): string {
  checkClass(text, 'freeform')
  const spaced = text.replace(/\p{Zs}+/gu, ' ').replace(/^ | $/g, '')
  return spaced.normalize('NFKC')
}

/** RFC 8264 §7: the rules are applied until nothing changes; what does not come to rest is refused. */
function stable(text: string, apply: (text: string) => string): string {
  let current = text
  for (let round = 0; round < 4; round++) {
    if (current === '') throw new PrecisError('is empty')
    const next = apply(current)
    if (next === current) return current
    current = next
  }
  throw new PrecisError('has no stable form')
}
