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

/** Bytes that wait while the disk is busy, so that it is given much at once; then the sender waits. */
const WAITING_BYTES = 1 << 18
/** The same in pieces, of which one call takes 1,024 (IOV_MAX). */
const WAITING_PIECES = 512
/** Bytes after which the disk is made to take them, beside the writing: the last sync is short, nobody's waits for all. */
const SYNC_BYTES = 32 << 20

/** A file that is being written. */
export class PartialFile {
  readonly #dataDir: string
  readonly #file: string
  readonly #handle: FileHandle
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #writing: Promise<void> | undefined
  #unsynced = 0
  #syncing: Promise<void> | undefined
  /** The first thing that went wrong: the kernel tells it once. */
  #failure: Error | undefined
  /** Bytes that were taken so far. */
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

  /** Takes the memory of `chunk`, too. Settles when there is room for the next. */
  async write(chunk: Uint8Array): Promise<void> {
    this.#waiting.push(chunk)
    this.#waitingBytes += chunk.byteLength
    this.written += chunk.byteLength
    this.#writing ??= this.#writeAll()
    if (this.#waitingBytes >= WAITING_BYTES || this.#waiting.length >= WAITING_PIECES) await this.#writing
    this.#check()
  }

  /** Once this is done it is there whatever happens to the machine. */
  async keep(): Promise<void> {
    await this.#settled()
    this.#check()
    await this.#handle.datasync()
    await this.#handle.close()
    const path = pathOf(this.#dataDir, this.#file)
    await rename(path + PART, path)
    await syncFolder(folderOf(this.#dataDir, this.#file))
  }

  /** Leaves nothing. */
  async discard(): Promise<void> {
    // The number of a closed file may be another's when a call that is under way gets to it.
    await this.#settled()
    await this.#handle.close().catch(() => undefined)
    await removeFile(this.#dataDir, this.#file)
  }

  async #settled(): Promise<void> {
    await this.#writing
    await this.#syncing
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Never rejects. */
  async #writeAll(): Promise<void> {
    try {
      while (this.#waiting.length > 0 && this.#failure === undefined) {
        const [chunks, bytes] = [this.#waiting, this.#waitingBytes]
        this.#waiting = []
        this.#waitingBytes = 0
        await this.#writeThese(chunks)
        this.#unsynced += bytes
        if (this.#unsynced >= SYNC_BYTES) this.#syncing ??= this.#sync()
      }
    } catch (error) {
      this.#failure ??= asError(error)
    } finally {
      this.#writing = undefined
    }
  }

  async #writeThese(chunks: readonly Uint8Array[]): Promise<void> {
    for (let left = chunks; left.length > 0;) {
      const { bytesWritten } = await this.#handle.writev(left)
      left = behind(left, bytesWritten)
    }
    for (const chunk of chunks) free(chunk)
  }

  /** Never rejects. */
  async #sync(): Promise<void> {
    this.#unsynced = 0
    try {
      await this.#handle.datasync()
    } catch (error) {
      this.#failure ??= asError(error)
    } finally {
      this.#syncing = undefined
    }
  }
}

/** The rest of `chunks` once `bytes` of them are written. */
function behind(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let over = bytes
  return chunks.flatMap((chunk) => {
    const gone = Math.min(over, chunk.byteLength)
    over -= gone
    return gone === chunk.byteLength ? [] : [chunk.subarray(gone)]
  })
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** Gives memory back at once: the collector does not see how much of it a fast upload leaves behind. */
function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0)
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
