/** Readiness tells the truth of a store that could not write, and notices by itself when it can again. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defaults } from '../../src/config.ts'
import { checkDisk, StoreCheck } from '../../src/ops/readiness.ts'
import { createWorld } from '../../src/routing/world.ts'
import { systemClock, systemRandom } from '../../src/store/clock.ts'
import { openStore } from '../../src/store/store.ts'

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

test('the disk is named with what is left of it', () => {
  expect(checkDisk(tmpdir()).detail).toMatch(/^\d+ MB free$/)
})
