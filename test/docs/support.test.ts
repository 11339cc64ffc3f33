import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaults } from '../../src/config/config.ts'
import { supportTable } from './support.ts'
import { features } from '../../src/features/index.ts'

const readme = readFileSync(join(import.meta.dir, '../../README.md'), 'utf8')

test('the README’s support table is what the features say of themselves', () => {
  const table = supportTable(features(defaults()))
  expect(table).not.toContain('| ? |')
  // To mend it: print supportTable(...) between the two markers.
  expect(readme.split('<!-- support -->\n')[1]?.split('\n<!-- /support -->')[0]).toBe(table)
})
