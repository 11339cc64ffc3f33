/** Colour on terminals alone, never against NO_COLOR, and never in what a program reads. */
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { paintFor } from '../../src/cli/colour.ts'

const ESC = '\u001b'

test.each([
  [true, {}, true],
  [true, { NO_COLOR: '1' }, false],
  // https://no-color.org: an empty one says nothing.
  [true, { NO_COLOR: '' }, true],
  [true, { TERM: 'dumb' }, false],
  [false, {}, false],
])('terminal %p with %j: %p', (isTTY, env, coloured) => {
  expect(paintFor({ isTTY }, env)('x', 'red').includes(ESC)).toBe(coloured)
})

test('a list on a real terminal has a bold head, and none where NO_COLOR is set', () => {
  const main = join(import.meta.dir, '../../src/main.ts')
  const shown = (env: Record<string, string>) =>
    Bun.spawnSync(['script', '-qec', `${process.execPath} ${main} help`, '/dev/null'], {
      stdin: 'ignore',
      env: { ...process.env, TERM: 'xterm', NO_COLOR: '', ...env },
    }).stdout.toString()
  expect(shown({})).toMatch(new RegExp(`${ESC}\\[1mTOPIC .*${ESC}\\[0m`))
  expect(shown({ NO_COLOR: '1' })).not.toContain(ESC)
})
