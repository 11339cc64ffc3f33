/** A database file that is no database, or not all of one, is refused: an empty server would look like a working one. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { existsSync, readFileSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { checkDatabaseFile } from '../../src/store/database-file.ts'
import { make, open, tempDir, trip } from './support.ts'

/** A database that was closed in order. */
function closed(file: string): void {
  const w = open(file)
  trip(w.store, () => make(w.store, 'romeo'))
  w.store.close()
}

for (const [what, spoil, why] of [
  ['an empty file', (file: string) => writeFileSync(file, ''), 'is empty'],
  ['a text', (file: string) => writeFileSync(file, 'no database, '.repeat(50)), 'file is not a database'],
  ['half a header', (file: string) => truncateSync(file, 60), 'file is not a database'],
  ['the first page alone', (file: string) => truncateSync(file, 2048), 'is cut off'],
  [
    'all but the last byte',
    (file: string) => truncateSync(file, readFileSync(file).length - 1),
    'is cut off',
  ],
  [
    'a page size of 3',
    (file: string) => {
      const bytes = readFileSync(file)
      bytes.writeUInt16BE(3, 16)
      writeFileSync(file, bytes)
    },
    'damaged header',
  ],
] as const) {
  test(`${what} is refused in a sentence, and left as it is`, () => {
    using dir = tempDir()
    closed(dir.file)
    spoil(dir.file)
    const before = readFileSync(dir.file)
    expect(() => open(dir.file)).toThrow(why)
    expect(() => open(dir.file)).toThrow('restore a backup')
    expect(readFileSync(dir.file).equals(before)).toBe(true)
  })
}

test('a file that is gone while its log is there is refused', () => {
  using dir = tempDir()
  closed(dir.file)
  writeFileSync(`${dir.file}-wal`, 'frames')
  unlinkSync(dir.file)
  expect(() => open(dir.file)).toThrow('is missing, but its write-ahead log is there')
})

test('what a crash leaves is served', () => {
  using dir = tempDir()
  closed(dir.file)
  using other = new Database(dir.file)
  other.run('CREATE TABLE more (x)')
  other.run('INSERT INTO more VALUES (zeroblob(100000))')
  expect(checkDatabaseFile(dir.file)).toBe(true)
})

test('a new database appears whole, whatever an interrupted start has left', () => {
  using dir = tempDir()
  writeFileSync(`${dir.file}.new`, 'half')
  expect(checkDatabaseFile(dir.file)).toBe(false)
  using w = open(dir.file)
  trip(w.store, () => make(w.store, 'romeo'))
  expect([checkDatabaseFile(dir.file), existsSync(`${dir.file}.new`)]).toEqual([true, false])
})
