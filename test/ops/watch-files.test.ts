import { expect, test } from 'bun:test'
import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { watchFiles } from '../../src/ops/watch-files.ts'
import { FakeClock } from '../support/clock.ts'

test('a file that is written, replaced, re-linked or gone is noticed within a minute, and only once', () => {
  const directory = mkdtempSync(join(tmpdir(), 'belfry-watch-'))
  using end = new DisposableStack()
  end.defer(() => rmSync(directory, { recursive: true }))
  const path = (name: string) => join(directory, name)
  writeFileSync(path('a'), 'one')
  symlinkSync(path('a'), path('live'))
  const clock = new FakeClock()
  let changes = 0
  const stop = watchFiles(
    clock,
    () => [path('live'), path('missing')],
    () => changes++,
  )
  const noticed = (change: () => void): number => {
    const before = changes
    change()
    clock.advance(120_000)
    return changes - before
  }
  expect(noticed(() => undefined)).toBe(0)
  expect(noticed(() => writeFileSync(path('a'), 'two!'))).toBe(1)
  expect(noticed(() => writeFileSync(path('missing'), 'here'))).toBe(1)
  const relink = () => {
    writeFileSync(path('b'), 'two!')
    symlinkSync(path('b'), path('next'))
    renameSync(path('next'), path('live'))
  }
  expect(noticed(relink)).toBe(1)
  expect(noticed(() => rmSync(path('b')))).toBe(1)
  stop()
  expect(clock.pending).toBe(0)
})
