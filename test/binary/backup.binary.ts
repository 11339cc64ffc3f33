/** Backups by the executable, away from the tree that it was built from; one that is killed leaves none. */
import { afterAll, beforeAll, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isBackupName } from '../../src/store/backup/manifest.ts'
import { build } from './support.ts'

let built: ReturnType<typeof build>
beforeAll(() => void (built = build()))
afterAll(() => built.remove())

const start = (...args: string[]) =>
  Bun.spawn([built.program, ...args], {
    cwd: built.home,
    stdout: 'pipe',
    stderr: 'pipe',
    env: { PATH: '/bin' },
  })
const whole = (): string[] => readdirSync(join(built.home, 'data/backups')).filter(isBackupName)

test('the Worker makes one that it verifies, and what kill -9 leaves is never taken for one', async () => {
  const killed = start('backup', 'create')
  while (!existsSync(join(built.home, 'data/backups')) && killed.exitCode === null) await Bun.sleep(0)
  killed.kill('SIGKILL')
  await killed.exited
  expect(whole()).toEqual([])

  const made = start('backup', 'create')
  expect(await made.exited).toBe(0)
  const [name = ''] = whole()
  expect(readdirSync(join(built.home, 'data/backups'))).toEqual([name])
  expect(await start('backup', 'verify', name).exited).toBe(0)
  expect(await start('db', 'check', '--full').exited).toBe(0)
})
