/** A file system of its own that can really be full: a tmpfs, which only root may mount. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface SmallDisk extends Disposable {
  readonly path: string
  /** Takes all the room there is but leaves `left` bytes; the result gives it back. */
  fillUp(left?: number): () => void
}

const runs = (...command: string[]): boolean =>
  Bun.spawnSync(command, { stdout: 'ignore', stderr: 'ignore' }).exitCode === 0

/** `size` as mount takes it, such as "2m". Undefined where this user may not mount. */
export function smallDisk(size: string): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'belfry-disk-'))
  if (process.getuid?.() !== 0 || !runs('mount', '-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', path)) {
    rmSync(path, { recursive: true })
    return undefined
  }
  return {
    path,
    fillUp(left = 0) {
      const [filler, rest] = [join(path, 'filler'), join(path, 'rest')]
      writeFileSync(rest, Buffer.alloc(left))
      fill(filler)
      rmSync(rest)
      return () => rmSync(filler)
    },
    [Symbol.dispose]() {
      // Lazily: Bun keeps a database open until its prepared statements are collected.
      runs('umount', '-l', path)
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** Leaves files that are mapped already alone. */
function fill(file: string): void {
  for (let bytes = 4 * 1024 * 1024; bytes >= 4096; bytes /= 2) {
    try {
      writeFileSync(file, Buffer.alloc(bytes), { flag: 'a' })
      bytes *= 2
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }
  }
}

/** Whether this user may mount one; in CI a missing right is a failure, elsewhere a printed reason. */
export function mayMount(): boolean {
  using disk = smallDisk('64k')
  if (disk) return true
  if (process.env.CI) throw new Error('the right to mount a tmpfs is needed in CI')
  console.log('skipped: the right to mount a tmpfs is needed')
  return false
}
