import { describe, expect, test } from 'bun:test'
import { cleanName } from '../../src/push/rules/names.ts'

describe('a name on a lock screen', () => {
  const rows: readonly [what: string, name: string | null, shown: string | undefined][] = [
    ['is shown as it is', 'Romeo Montague', 'Romeo Montague'],
    ['of another script', '罗密欧', '罗密欧'],
    ['of emoji alone', '👩‍👩‍👧‍👦❤️', '👩‍👩‍👧‍👦❤️'],
    ['of a script that needs joiners', 'می\u200cخواهم', 'می\u200cخواهم'],
    ['on one line', 'Romeo\n\nBank: your\tcode', 'Romeo Bank: your code'],
    ['without marks that turn what stands behind them', '\u202eoemoR\u202c \u2067x\u2069', 'oemoR x'],
    ['without what nobody sees', 'Ro\u200bmeo\ufeff\u{e0041}', 'Ro meo'],
    ['without controls', '\u0000Romeo\u0007\u009b', 'Romeo'],
    ['of blanks is none', ' \u00a0\u2003\u200b\u202e ', undefined],
    ['that is empty is none', '', undefined],
    ['that is not there is none', null, undefined],
  ]
  for (const [what, name, shown] of rows) test(what, () => expect(cleanName(name)).toBe(shown))

  test('of two kilobytes is cut between graphemes', () => {
    const family = '👩‍👩‍👧‍👦'
    const shown = cleanName(family.repeat(100)) ?? ''
    expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(200)
    expect(shown.replaceAll(family, '')).toBe('…')
  })
})
