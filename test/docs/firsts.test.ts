/** The page of firsts claims nothing that no test shows. */
import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'bun:test'
import { TOPICS } from '../../src/cli/help.ts'

/** File and title of each line's test. */
function named(): { what: string; file: string; title: string }[] {
  const rows = (TOPICS.firsts?.text ?? '').split('\n').filter((line) => /^\| (?!What|-)/.test(line))
  return rows.map((row) => {
    const [what = '', , proof = ''] = row.replace(/^\| | \|$/g, '').split(' | ')
    const [, file = '', title = ''] = /^`(test\/[\w./-]+)`: (.+)$/.exec(proof.trim()) ?? []
    return { what, file, title }
  })
}

test('each line of the page names a test that is there, by its file and title', () => {
  const all = named()
  expect(all.length).toBeGreaterThan(0)
  for (const { what, file, title } of all) {
    expect([what, existsSync(file)]).toEqual([what, true])
    const text = readFileSync(file, 'utf8')
    expect([what, text.includes(`test('${title}'`)]).toEqual([what, true])
  }
})

test('no two lines are shown by the same test', () => {
  const proofs = named().map(({ file, title }) => `${file} ${title}`)
  expect(new Set(proofs).size).toBe(proofs.length)
})
