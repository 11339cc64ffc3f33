import { expect, test } from 'bun:test'
import { LoopShare } from '../../src/push/outbox/share.ts'

/** A clock whose time passes only by work. */
function working() {
  let now = 1_000
  return { clock: { monotonic: () => now }, work: (ms: number) => (now += ms) }
}

const pass = () => new Promise<void>((resolve) => setImmediate(resolve))

test('a flood of work takes its share of each pass, in however many pieces it comes', async () => {
  const { clock, work } = working()
  const share: LoopShare = new LoopShare(clock, 2, () => (passes++, pump()))
  const done: number[] = []
  let passes = 0
  const pump = (): void => {
    while (done.length < 20) {
      if (share.isUp()) return
      done.push(passes)
      work(0.5)
    }
  }
  // Answers come one by one within a pass, and each would go on.
  for (let i = 0; i < 8; i++) pump()
  expect(done).toEqual([0, 0, 0, 0, 0])
  while (done.length < 20) await pass()
  expect(passes).toBe(3)
})

test('a pass that did not use its share leaves nothing behind', async () => {
  const { clock, work } = working()
  const share = new LoopShare(clock, 2, () => undefined)
  expect(share.isUp()).toBeFalse()
  work(1.9)
  await pass()
  work(1.9)
  expect(share.isUp()).toBeFalse()
})
