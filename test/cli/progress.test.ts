/** Progress as a terminal and as a log see it. */
import { expect, test } from 'bun:test'
import { Progress, timeLeft } from '../../src/cli/progress.ts'

const MIB = 1024 * 1024

function shown(columns?: number, unit = 'bytes') {
  let time = 0
  const written: string[] = []
  const progress = new Progress({
    label: 'copying',
    unit,
    columns,
    write: (text) => void written.push(text),
    now: () => time,
  })
  return { progress, written, pass: (ms: number) => void (time += ms) }
}

test('a terminal has one line, drawn at most ten times a second, and nothing is left of it', () => {
  const { progress, written, pass } = shown(100)
  for (let i = 0; i <= 50; i++) {
    progress.update(i * MIB, 100 * MIB)
    pass(20)
  }
  progress.end()
  expect(written).toHaveLength(12)
  expect(written[10]).toBe(
    '\r\x1b[Kcopying  [##########----------]  50 %  50 MB of 100 MB  50 MB/s  1 s left',
  )
  expect(written.join('')).not.toContain('\n')
  expect(written.at(-1)).toBe('\r\x1b[K')
})

test('a line never wraps, and a narrow terminal has no bar', () => {
  const { progress, written } = shown(30)
  progress.update(MIB, 4 * MIB)
  expect(written).toEqual(['\r\x1b[Kcopying  25 %  1.0 MB of 4.0 '])
})

test('elsewhere there are plain lines, one in ten seconds and one for each part', () => {
  const { progress, written, pass } = shown(undefined, 'messages')
  for (let i = 0; i < 25; i++) {
    progress.update(i * 1000, 100_000)
    pass(1000)
  }
  progress.update(25_000, 100_000, 'checking\u001b[2J')
  progress.end()
  expect(written).toEqual([
    'copying  0 %  0 messages of 100000 messages\n',
    'copying  10 %  10000 messages of 100000 messages  1000 messages/s  1 min 30 s left\n',
    'copying  20 %  20000 messages of 100000 messages  1000 messages/s  1 min 20 s left\n',
    'checking\\u001b[2J  25 %  25000 messages of 100000 messages\n',
  ])
})

test('work whose size nobody knows shows what is done', () => {
  const { progress, written, pass } = shown()
  progress.update(0)
  pass(10_000)
  progress.update(20 * MIB)
  expect(written).toEqual(['copying  0.0 MB\n', 'copying  20 MB  2.0 MB/s\n'])
})

test.each([
  [0.2, '1 s'],
  [190, '3 min 10 s'],
  [7500, '2 h 5 min'],
])('%d seconds are %s', (seconds, text) => {
  expect(timeLeft(seconds)).toBe(text)
})
