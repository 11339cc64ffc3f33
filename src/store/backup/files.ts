/** Files of a backup: copied or linked, on disk before anybody relies on them, and known again by their checksums. */
import { createHash } from 'node:crypto'
import {
  closeSync,
  copyFileSync,
  fdatasyncSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { codeOf } from '../../log.ts'
import type { Pace } from './pace.ts'

const PIECE = 1 << 20

/** Regular files below a directory, with slashes; none where it is not there. */
export function filesBelow(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(directory.length + 1))
      .sort()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return []
    throw error
  }
}

export function sumOf(file: string, piece: (bytes: number) => void = () => {}): string {
  const hash = createHash('sha256')
  const fd = openSync(file, 'r')
  try {
    const buffer = Buffer.allocUnsafe(PIECE)
    for (let read; (read = readSync(fd, buffer, 0, PIECE, null)) > 0;) {
      hash.update(buffer.subarray(0, read))
      piece(read)
    }
  } finally {
    closeSync(fd)
  }
  return hash.digest('hex')
}

/** File systems without links, other ones, and files that have too many. */
const NO_LINK: ReadonlySet<unknown> = new Set(['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])

/** Puts `source` at `target`; false where it was removed meanwhile. A link needs no room, but both are then one file. */
export function place(source: string, target: string, link: boolean): boolean {
  mkdirSync(dirname(target), { recursive: true, mode: 0o700 })
  try {
    if (link && linked(source, target)) return true
    copyFileSync(source, target)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && !statSync(source, { throwIfNoEntry: false })) return false
    throw error
  }
  const fd = openSync(target, 'r')
  try {
    fdatasyncSync(fd)
  } finally {
    closeSync(fd)
  }
  return true
}

function linked(source: string, target: string): boolean {
  try {
    linkSync(source, target)
    return true
  } catch (error) {
    if (NO_LINK.has(codeOf(error))) return false
    throw error
  }
}

/** Names in directories outlive a power cut only once the directory is on disk. */
export function syncDirectories(root: string): void {
  const inner = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
  for (const directory of [...inner, root]) syncDirectory(directory)
}

export function syncDirectory(directory: string): void {
  const fd = openSync(directory, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

/** One pass over many files, paced and told as one. */
export function sums(
  root: string,
  paths: readonly string[],
  pace: Pace,
  label: string,
  known: (path: string) => string | undefined = () => undefined,
): { readonly path: string; readonly size: number; readonly sha256: string }[] {
  const sizes = paths.map((path) => statSync(join(root, path)).size)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  let done = 0
  return paths.map((path, at) => {
    const size = sizes[at] ?? 0
    const sha256 =
      known(path) ??
      sumOf(join(root, path), (bytes) => {
        done += bytes
        pace.piece(bytes, { label, done, total })
      })
    return { path, size, sha256 }
  })
}
