/** The list of what goes wrong in rooms claims no play that is not there. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'

/** Rows that have to be there, and those of them that no play can show. */
const ROWS = 56
const NOT_PLAYED = [21]

interface Row {
  readonly number: number
  readonly file: string
  readonly title: string
  readonly reason: string
}

function rows(): Row[] {
  const text = readFileSync(join(import.meta.dir, '../rooms.md'), 'utf8')
  const lines = text.split('\n').filter((line) => /^\| \d/.test(line))
  return lines.map((line) => {
    const [number = '', , proof = ''] = line.replace(/^\| | \|$/g, '').split(' | ')
    const [, name = '', title = ''] = /^`([\w./-]+)`: (.+)$/.exec(proof) ?? []
    const file = name.includes('/') ? name : `test/features/rooms/${name}.test.ts`
    return { number: Number(number), file, title, reason: title === '' ? proof : '' }
  })
}

test('each row names a play that is there, by its file and title, or says why there is none', () => {
  const all = rows()
  expect(all.map(({ number }) => number)).toEqual(Array.from({ length: ROWS }, (_, i) => i + 1))
  for (const { number, file, title, reason } of all) {
    if (NOT_PLAYED.includes(number)) {
      expect([number, /^Not played: .{10}/.test(reason)]).toEqual([number, true])
      continue
    }
    expect([number, existsSync(file)]).toEqual([number, true])
    const text = readFileSync(file, 'utf8')
    const isThere = text.includes(`test('${title}'`) || text.includes(`test(\`${title}\``)
    expect([number, title, isThere]).toEqual([number, title, true])
  }
})
