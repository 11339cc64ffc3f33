/**
 * Backups that are encrypted by a passphrase: a whole backup with its own manifest as a tar archive inside one age file,
 * so that `age -d contents.tar.age | tar -x` gives a plain one back. Outside stands a manifest with what a list needs.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  fdatasyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { OutsideError } from '../../log.ts'
import { AgeWriter, readAge } from './age.ts'
import { isInside, MANIFEST, type Manifest, readManifest, SEALED } from './manifest.ts'
import type { Pace } from './pace.ts'
import { paddingOf, readTar, TAR_END, tarHeader } from './tar.ts'

const PIECE = 1 << 20

/** Makes of the plain backup in `source` the file of an encrypted one. */
export function seal(
  source: string,
  target: string,
  passphrase: string,
  manifest: Manifest,
  pace: Pace,
): void {
  const out = openSync(target, 'wx', 0o600)
  try {
    const age = new AgeWriter(out, passphrase)
    const mtime = Math.floor(Date.parse(manifest.created) / 1000)
    let done = 0
    const told = (bytes: number): void => {
      fdatasyncSync(out)
      done += bytes
      pace.piece(bytes, { label: 'encrypting', done, total: Math.max(done, manifest.bytes) })
    }
    // The manifest last, like the word that a backup is whole.
    for (const path of [...manifest.files.map((file) => file.path), MANIFEST]) {
      const { size } = statSync(join(source, path))
      age.write(tarHeader(path, size, mtime))
      if (append(join(source, path), age, told) !== size)
        throw new OutsideError(`${path} became another while it was encrypted`)
      age.write(Buffer.alloc(paddingOf(size)))
    }
    age.write(TAR_END)
    age.end()
    fdatasyncSync(out)
  } finally {
    closeSync(out)
  }
}

function append(file: string, age: AgeWriter, told: (bytes: number) => void): number {
  const from = openSync(file, 'r')
  try {
    const piece = Buffer.allocUnsafe(PIECE)
    let at = 0
    for (let read; (read = readSync(from, piece, 0, PIECE, at)) > 0; at += read) {
      age.write(piece.subarray(0, read))
      told(read)
    }
    return at
  } finally {
    closeSync(from)
  }
}

export interface Unsealed {
  readonly manifest: Manifest
  readonly problems: readonly string[]
}

/**
 * Opens an encrypted backup, compares everything in it with its own manifest, and writes the files that are kept below
 * `target`. @throws OutsideError with one sentence where it cannot be opened
 */
export function unseal(
  directory: string,
  { passphrase, target, keep }: { passphrase: string; target: string; keep: (path: string) => boolean },
  pace: Pace,
): Unsealed {
  const fd = openSync(join(directory, SEALED), 'r')
  try {
    const total = statSync(join(directory, SEALED)).size
    let done = 0
    const told = (bytes: number): void => {
      done += bytes
      pace.piece(bytes, { label: 'decrypting', done, total })
    }
    const found = new Map<string, { readonly size: number; readonly sha256: string }>()
    readTar(readAge(fd, passphrase, told), ({ path, size }) => {
      if ((path !== MANIFEST && !isInside(path)) || found.has(path))
        throw new OutsideError(`its archive has a file that is in no backup: ${path}`)
      const file = path === MANIFEST || keep(path) ? new Kept(join(target, path)) : undefined
      const hash = createHash('sha256')
      return {
        take(bytes) {
          hash.update(bytes)
          file?.write(bytes)
        },
        end() {
          file?.end()
          found.set(path, { size, sha256: hash.digest('hex') })
        },
      }
    })
    const manifest = readManifest(target)
    const problems = manifest.files.flatMap(({ path, size, sha256 }) => {
      const now = found.get(path)
      if (!now) return [`${path} is missing`]
      return now.size === size && now.sha256 === sha256
        ? []
        : [`${path} was changed: its checksum is another`]
    })
    return { manifest, problems }
  } catch (error) {
    if (!(error instanceof OutsideError)) throw error
    throw new OutsideError(`${join(directory, SEALED)} cannot be opened: ${error.message}`, { cause: error })
  } finally {
    closeSync(fd)
  }
}

class Kept {
  readonly #fd: number

  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    this.#fd = openSync(path, 'wx', 0o600)
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.byteLength;) at += writeSync(this.#fd, bytes, at)
  }

  end(): void {
    fdatasyncSync(this.#fd)
    closeSync(this.#fd)
  }
}

const WORKROOM = /^backup-work\.(\d+)$/

/** A directory in `parent` for what is not encrypted for the moment; it goes afterwards, and those of killed processes now. */
export function workroom(parent: string): { readonly path: string } & Disposable {
  for (const name of readdirSync(parent)) {
    const pid = Number(WORKROOM.exec(name)?.[1])
    // A process has one at a time, so one of ours is left from a process that had our number.
    if (pid > 0 && (pid === process.pid || !isRunning(pid))) remove(join(parent, name))
  }
  const path = join(parent, `backup-work.${process.pid}`)
  mkdirSync(path, { mode: 0o700 })
  return { path, [Symbol.dispose]: () => remove(path) }
}

const remove = (path: string): void => rmSync(path, { recursive: true, force: true })

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
