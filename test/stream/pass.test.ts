/** Streams that are readable in one pass of the loop share its time. */
import { expect, test } from 'bun:test'
import { Pass } from '../../src/stream/pass.ts'

test('the first of a pass is served, also where the one before was over; a long one puts the rest off to the next', async () => {
  let now = 0
  const pass = new Pass({ monotonic: () => now })
  for (let round = 0; round < 3; round++) {
    expect(pass.isOver).toBe(false)
    now += 5
    expect(pass.isOver).toBe(false)
    now += 1
    expect([pass.isOver, pass.isOver]).toEqual([true, true])
    await new Promise(setImmediate)
  }
})

test('what is put off to the next pass finds it open', async () => {
  let now = 0
  const pass = new Pass({ monotonic: () => now })
  expect(pass.isOver).toBe(false)
  now += 100
  expect(pass.isOver).toBe(true)
  const later = new Promise<boolean>((resolve) => setImmediate(() => resolve(pass.isOver)))
  expect(await later).toBe(false)
})
