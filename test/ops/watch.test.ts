/** One line when something turns red and one when it is well again, however often it is looked at. */
import { afterEach, expect, test } from 'bun:test'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLogging, stopLogging } from '../../src/log.ts'
import { FileCheck } from '../../src/ops/readiness.ts'
import { ReadinessWatch, StorageWatch } from '../../src/ops/watch.ts'
import { openStore } from '../../src/store/store.ts'
import { FakeClock } from '../support/clock.ts'

afterEach(stopLogging)

function capture(): string[] {
  const lines: string[] = []
  startLogging({ level: 'info', format: 'text', journal: false, write: (line) => lines.push(line) })
  return lines
}

test('a full disk: at the first refusal and, once it is steady, at the recovery, with path and free bytes', () => {
  const lines = capture()
  const clock = new FakeClock()
  const watch = new StorageWatch(clock, join(tmpdir(), 'belfry.db'))
  const store = openStore(':memory:', {
    flushed() {},
    fatal() {},
    fails: (cause) => watch.fails(cause),
    stores: () => watch.stores(),
  })
  const { raw, turn } = store.db
  const write = (bytes: number) => {
    try {
      turn.trip(() => store.settings.set('x', Buffer.alloc(bytes)))
    } catch {
      // Refused.
    }
    turn.end()
  }
  raw.run(
    `PRAGMA max_page_count = ${raw.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count}`,
  )
  for (let i = 0; i < 5; i++) write(1_000_000)
  // What is small still fits, now and then.
  write(1)
  clock.advance(5_000)
  write(1_000_000)
  clock.advance(60_000)
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/level=error .*messages cannot be stored.*belfry\.db.*free_bytes=\d+/)
  raw.run('PRAGMA max_page_count = 1000000')
  for (let i = 0; i < 5; i++) write(1_000_000)
  clock.advance(10_000)
  expect(lines).toHaveLength(2)
  expect(lines[1]).toMatch(/stored again.*free_bytes=\d+/)
  write(1)
  expect(lines).toHaveLength(2)
  store.close()
})

test('every check of readiness', () => {
  const lines = capture()
  const watch = new ReadinessWatch()
  const check = (ok: boolean) =>
    watch.note([
      { name: 'disk', ok, detail: '1 MB free' },
      { name: 'other', ok: true },
    ])
  for (const ok of [true, false, false, false, true, true, false]) check(ok)
  expect(lines.map((line) => /event="?(not ready|ready again)"? check=(\w+)/.exec(line)?.slice(1))).toEqual([
    ['not ready', 'disk'],
    ['ready again', 'disk'],
    ['not ready', 'disk'],
  ])
})

test('the database’s file: deleted or replaced while the server runs', () => {
  const directory = mkdtempSync(join(tmpdir(), 'belfry-file-'))
  try {
    const file = join(directory, 'belfry.db')
    writeFileSync(file, 'x')
    const check = new FileCheck(file)
    expect(check.look().ok).toBe(true)
    renameSync(file, `${file}.away`)
    expect(check.look()).toMatchObject({
      ok: false,
      detail: expect.stringContaining('was deleted') as string,
    })
    writeFileSync(file, 'x')
    expect(check.look()).toMatchObject({
      ok: false,
      detail: expect.stringContaining('was replaced') as string,
    })
    renameSync(`${file}.away`, file)
    expect(check.look().ok).toBe(true)
  } finally {
    rmSync(directory, { recursive: true })
  }
})
