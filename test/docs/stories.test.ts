import { expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const TEST = join(import.meta.dir, '..')
const read = (...path: string[]): string => readFileSync(join(TEST, ...path), 'utf8')

test('each invariant of stories.md stands in the code under the same words', () => {
  const names = [...read('stories.md').matchAll(/\*\*([^*]+)\*\*/g)].map(([, name = '']) =>
    name.replace(/\s+/g, ' '),
  )
  const files = readdirSync(join(TEST, 'support')).filter((name) =>
    /^(delivery|push|call|phone|room)-/.test(name),
  )
  const code =
    files.map((name) => read('support', name)).join('\n') + read('store', 'deferred-index-model.test.ts')
  expect(names.length).toBeGreaterThan(25)
  expect(names.filter((name) => !code.includes(name))).toEqual([])
})
