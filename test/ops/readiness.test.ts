/** Readiness tells the truth of a store that could not write, and notices by itself when it can again. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaults } from '../../src/config/config.ts'
import { checkDisk, StoreCheck } from '../../src/ops/readiness.ts'
import { createWorld } from '../../src/routing/world.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import { openStore } from '../../src/store/store.ts'
import { Turn } from '../../src/store/turn.ts'
import { FakeClock } from '../support/clock.ts'

test('red while nothing can be written, green after the next write that works, which it tries itself', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'belfry-ready-'))
  const file = join(directory, 'belfry.db')
  const store = openStore(file, { flushed() {}, fatal() {} })
  try {
    const world = { config: defaults(), store, features: [], clock: systemClock, random: systemRandom }
    const { router } = createWorld(world)
    let now = 0
    const check = new StoreCheck(
      store,
      (f) => router.run(f),
      () => now,
    )
    expect(await check.look()).toEqual({ name: 'store', ok: true, detail: 'writes' })

    const other = new Database(file)
    other.run('BEGIN IMMEDIATE')
    const write = router.run((t) => t.store.settings.set('x', Buffer.from('1')))
    expect(await write.catch(() => 'refused')).toBe('refused')
    expect((await check.look()).ok).toBe(false)

    other.run('ROLLBACK')
    other.close()
    // It was asked a moment ago, and a readiness that writes at each question would be a weapon.
    expect((await check.look()).ok).toBe(false)
    now += 1_000
    expect((await check.look()).ok).toBe(true)
  } finally {
    store.close()
    rmSync(directory, { recursive: true })
  }
})

test('red while the disk does not answer', async () => {
  const db = new Database(':memory:')
  db.run('CREATE TABLE t (x)')
  const clock = new FakeClock()
  const answers: ((error: unknown) => void)[] = []
  const sync = { start: (done: (error: unknown) => void) => void answers.push(done), now() {}, close() {} }
  const turn = new Turn(db, { flushed() {}, fatal() {} }, clock, { sync })
  const other = openStore(':memory:', { flushed() {}, fatal() {} })
  const check = new StoreCheck(
    { turn },
    (f) => Promise.resolve(f({ store: other })),
    () => clock.monotonic(),
  )
  turn.trip(() => {
    turn.writes()
    db.run('INSERT INTO t VALUES (1)')
  })
  while (answers.length === 0) await new Promise(setImmediate)
  clock.advance(4_999)
  expect((await check.look()).ok).toBe(true)
  clock.advance(1)
  expect(await check.look()).toEqual({
    name: 'store',
    ok: false,
    detail: 'the disk has not answered for 5 s',
  })
  answers[0]?.(undefined)
  expect((await check.look()).ok).toBe(true)
  other.close()
})

test('the disk is named with what is left of it', () => {
  expect(checkDisk(tmpdir()).detail).toMatch(/^\d+ MB free$/)
})
