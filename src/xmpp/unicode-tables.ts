/**
 * Properties of code points that PRECIS and IDNA2008 ask for. Regular expressions know most of them; the classes
 * of joining and of direction they do not know, and those are the tables that tr46 generated for its own checks
 * from the same Unicode version (17.0, pinned with the package; a test compares it with the runtime's).
 */
import tables from 'tr46/lib/regexes.js'

const { combiningClassVirama, validZWNJ, bidiDomain } = tables

/** Canonical_Combining_Class 9. */
export const isVirama = (character: string): boolean => combiningClassVirama.test(character)

/** A string with exactly one U+200C: may it stand there by its neighbours' joining types (RFC 5892 A.1)? */
export const joinsAcross = (text: string): boolean => validZWNJ.test(text)

/** True where a character of class R, AL or AN makes the direction of the text a question. */
export const hasRightToLeft = (text: string): boolean => bidiDomain.test(text)

/** RFC 5893 §2, the Bidi rule with its six conditions. */
export function obeysBidiRule(text: string): boolean {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0)
  if (tables.bidiS1RTL.test(first)) {
    if (!tables.bidiS2.test(text) || !tables.bidiS3.test(text)) return false
    return !(tables.bidiS4EN.test(text) && tables.bidiS4AN.test(text))
  }
  return tables.bidiS1LTR.test(first) && tables.bidiS5.test(text) && tables.bidiS6.test(text)
}

/** Hangul_Syllable_Type L, V or T: jamo that NFC composes away where they are modern. */
export function isOldHangulJamo(code: number): boolean {
  return (
    (code >= 0x1100 && code <= 0x11ff) ||
    (code >= 0xa960 && code <= 0xa97c) ||
    (code >= 0xd7b0 && code <= 0xd7c6) ||
    (code >= 0xd7cb && code <= 0xd7fb)
  )
}

/** Everything with a <wide> or <narrow> decomposition. */
const WIDTH = /[\u3000\uFF01-\uFFBE\uFFC2-\uFFC7\uFFCA-\uFFCF\uFFD2-\uFFD7\uFFDA-\uFFDC\uFFE0-\uFFE6\uFFE8-\uFFEE]/g

/** RFC 8264 §5.2.1: full-width and half-width characters become what they decompose to, one step and no more. */
export function mapWidth(text: string): string {
  return text.replace(WIDTH, (character) => {
    const code = character.charCodeAt(0)
    // NFKC would go two steps here: to conjoining jamo, and to a space with a macron.
    if (code === 0xffe3) return '\u00AF'
    if (code === 0xffa0) return '\u3164'
    if (code >= 0xffa1 && code <= 0xffdc) return String.fromCharCode(0x3131 + jamoIndex(code))
    return character.normalize('NFKC')
  })
}

/** The half-width vowels stand in groups of six with two places left free before each. */
function jamoIndex(code: number): number {
  const consonants = 0xffbe - 0xffa1 + 1
  if (code <= 0xffbe) return code - 0xffa1
  const offset = code - 0xffc2
  return consonants + offset - 2 * Math.floor(offset / 8)
}
