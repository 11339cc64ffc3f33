/**
 * Files on disk, below data_dir/uploads: "ab/ab12…", the folder so that none grows too large; a file on its way has
 * ".part" behind it. Names are our own random ones: what a client calls its file never comes near a path.
 */
import { type FileHandle, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises'
import { join } from 'node:path'

export const uploadsDir = (dataDir: string): string => join(dataDir, 'uploads')
export const PART = '.part'

export const folderOf = (dataDir: string, file: string): string => join(uploadsDir(dataDir), file.slice(0, 2))
export const pathOf = (dataDir: string, file: string): string => join(folderOf(dataDir, file), file)

/** A file that is being written. */
export class PartialFile {
  readonly #dataDir: string
  readonly #file: string
  readonly #handle: FileHandle
  written = 0

  private constructor(dataDir: string, file: string, handle: FileHandle) {
    this.#dataDir = dataDir
    this.#file = file
    this.#handle = handle
  }

  static async create(dataDir: string, file: string): Promise<PartialFile> {
    const folder = folderOf(dataDir, file)
    const made = await mkdir(folder, { recursive: true, mode: 0o750 })
    // The folder itself must outlive a power cut, too.
    if (made !== undefined) for (const above of [uploadsDir(dataDir), dataDir]) await syncFolder(above)
    // What a cut connection has left of an earlier try gives way.
    return new PartialFile(dataDir, file, await open(pathOf(dataDir, file) + PART, 'w', 0o640))
  }

  async write(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.byteLength;) {
      const { bytesWritten } = await this.#handle.write(chunk, at, chunk.byteLength - at)
      at += bytesWritten
    }
    this.written += chunk.byteLength
  }

  /** Once this is done it is there whatever happens to the machine. */
  async keep(): Promise<void> {
    await this.#handle.sync()
    await this.#handle.close()
    const path = pathOf(this.#dataDir, this.#file)
    await rename(path + PART, path)
    await syncFolder(folderOf(this.#dataDir, this.#file))
  }

  /** Leaves nothing. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined)
    await removeFile(this.#dataDir, this.#file)
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** By itself with what is left of a try to write it; of `.part` that alone. */
export async function removeFile(dataDir: string, file: string, which: '' | typeof PART = ''): Promise<void> {
  const path = pathOf(dataDir, file)
  for (const left of which === PART ? [path + PART] : [path, path + PART]) await rm(left, { force: true })
}

export async function isThere(dataDir: string, file: string): Promise<boolean> {
  return stat(pathOf(dataDir, file)).then(
    (found) => found.isFile(),
    () => false,
  )
}

/** Bytes that the disk has left for us. */
export async function freeBytes(dataDir: string): Promise<number> {
  const { bavail, bsize } = await statfs(dataDir)
  return bavail * bsize
}
