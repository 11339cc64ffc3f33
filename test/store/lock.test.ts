import { afterEach, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Locked, takeLock } from '../../src/store/lock.ts'
import { tempDir } from './support.ts'

const CHILD = join(import.meta.dir, 'child.ts')

const children: Bun.Subprocess[] = []

afterEach(async () => {
  for (const child of children.splice(0)) await kill(child)
})

async function kill(child: Bun.Subprocess): Promise<void> {
  child.kill('SIGKILL')
  await child.exited
}

/** A process that tries to take the lock, and the first line it says. */
async function locker(dir: string) {
  const child = Bun.spawn([process.execPath, CHILD, 'lock', dir], { stdout: 'pipe', stderr: 'ignore' })
  children.push(child)
  const reader = child.stdout.getReader()
  const { value } = await reader.read()
  return { child, says: new TextDecoder().decode(value).trim() }
}

test('a second process is refused and told who holds the directory', async () => {
  using dir = tempDir()
  const first = await locker(dir.path)
  expect(first.says).toBe('locked')
  const second = await locker(dir.path)
  expect(second.says).toContain(`${dir.path} is in use by another Belfry (pid ${first.child.pid})`)
  expect(await second.child.exited).toBe(1)
  // The one that was refused has not freed it.
  expect((await locker(dir.path)).says).toContain('in use')
  expect(() => takeLock(dir.path)).toThrow(Locked)
})

test('kill -9 frees it, whatever the pid file says', async () => {
  using dir = tempDir()
  const first = await locker(dir.path)
  await kill(first.child)
  expect(readFileSync(join(dir.path, 'belfry.pid'), 'utf8').trim()).toBe(String(first.child.pid))
  const second = await locker(dir.path)
  expect(second.says).toBe('locked')
  expect(readFileSync(join(dir.path, 'belfry.pid'), 'utf8').trim()).toBe(String(second.child.pid))
})

test('released, it is free at once for another process; a second release does no harm', async () => {
  using dir = tempDir()
  const lock = takeLock(dir.path)
  expect((await locker(dir.path)).says).toContain(`pid ${process.pid}`)
  lock.release()
  expect(existsSync(join(dir.path, 'belfry.pid'))).toBe(false)
  const other = await locker(dir.path)
  expect(other.says).toBe('locked')
  lock.release()
  expect(existsSync(join(dir.path, 'belfry.pid'))).toBe(true)
})

test('an unreadable pid file makes the holder unknown, no more', async () => {
  using dir = tempDir()
  const lock = takeLock(dir.path)
  writeFileSync(join(dir.path, 'belfry.pid'), '')
  expect((await locker(dir.path)).says).toContain('pid unknown')
  lock.release()
})

test('where the pid file cannot be written, the lock is not kept', async () => {
  using dir = tempDir()
  mkdirSync(join(dir.path, 'belfry.pid'))
  expect(() => takeLock(dir.path)).toThrow('EISDIR')
  rmdirSync(join(dir.path, 'belfry.pid'))
  expect((await locker(dir.path)).says).toBe('locked')
})
