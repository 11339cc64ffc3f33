/** Files in data_dir/uploads. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { freeBytes, isThere, PART, PartialFile, pathOf, removeFile, uploadsDir } from './files.ts'
import type { Incoming, Part, Storage } from './storage.ts'

export class DiskStorage implements Storage {
  readonly #dataDir: string

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  create(file: string): Promise<Incoming> {
    return PartialFile.create(this.#dataDir, file)
  }

  has(file: string): Promise<boolean> {
    return isThere(this.#dataDir, file)
  }

  async read(file: string, part?: Part): Promise<Blob | undefined> {
    if (!(await this.has(file))) return undefined
    const all = Bun.file(pathOf(this.#dataDir, file))
    return part ? all.slice(part.start, part.end) : all
  }

  remove(file: string): Promise<void> {
    return removeFile(this.#dataDir, file)
  }

  removePart(file: string): Promise<void> {
    return removeFile(this.#dataDir, file, PART)
  }

  async *names(): AsyncGenerator<string, undefined> {
    const top = uploadsDir(this.#dataDir)
    for (const folder of await readdir(top).catch(() => []))
      yield* await readdir(join(top, folder)).catch(() => [])
  }

  free(): Promise<number> {
    return freeBytes(this.#dataDir)
  }
}
