/** Streams that are readable in one pass of the loop share its time. */
import { expect, test } from 'bun:test'
import { Pass } from '../../src/stream/pass.ts'

const nextPass = () => new Promise(setImmediate)

test('a long one puts the rest off to the next, whose first is served', async () => {
  let now = 0
  const pass = new Pass()
  for (let round = 0; round < 3; round++) {
    pass.begins(now, 0)
    expect([pass.isOver(now), pass.isOver(now + 5)]).toEqual([false, false])
    now += 6
    expect([pass.isOver(now), pass.isOver(now)]).toEqual([true, true])
    pass.ends(now)
    // Another that is readable meanwhile waits too.
    pass.begins(now, 0)
    expect(pass.isOver(now)).toBe(true)
    pass.ends(now)
    await nextPass()
    pass.begins(now, 0)
    expect(pass.isOver(now)).toBe(false)
    pass.ends(now)
    now += 1
  }
})

test('many short ones one behind the other are one pass', () => {
  const pass = new Pass()
  for (let i = 0; i <= 50; i++) {
    pass.begins(i / 10, 0)
    expect(pass.isOver(i / 10)).toBe(false)
    pass.ends(i / 10 + 0.1)
  }
  pass.begins(5.2, 0)
  expect(pass.isOver(5.2)).toBe(true)
})

test('where the loop has done something else between two, they are two', () => {
  const pass = new Pass()
  pass.begins(0, 0)
  pass.ends(4)
  pass.begins(5, 0)
  expect(pass.isOver(9)).toBe(false)
})

test('one element that takes long is no pause', () => {
  const pass = new Pass()
  pass.begins(0, 0)
  expect(pass.isOver(20)).toBe(true)
})

test('where a turn has ended between two, they are two', () => {
  const pass = new Pass()
  pass.begins(0, 0)
  pass.ends(4.9)
  pass.begins(5, 1)
  expect(pass.isOver(9.9)).toBe(false)
  expect(pass.isOver(10.1)).toBe(true)
})
