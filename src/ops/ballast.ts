/**
 * A file that is there only to be given up: on a full disk SQLite cannot even delete, since that is a write too. It is
 * written for real, with bytes that no file system makes smaller, and made again when there is room.
 */
import { open, rm } from 'node:fs/promises'
import { rmSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { getLogger } from '../log.ts'
import type { Random } from '../store/clock.ts'

const log = getLogger('ballast')

const PIECE = 1 << 20
/** Bytes that must stay free beside two of it, so that it does not come and go. */
const SPARE = 64 << 20

export const ballastFile = (dataDir: string): string => join(dataDir, 'ballast')

/** Gives the room back; how many bytes that were. */
export function freeBallast(dataDir: string): number {
  const file = ballastFile(dataDir)
  const bytes = statSync(file, { throwIfNoEntry: false })?.size ?? 0
  rmSync(file, { force: true })
  return bytes
}

export class Ballast {
  readonly #dataDir: string
  readonly #bytes: number
  readonly #random: Random
  #making: Promise<void> | undefined

  constructor(dataDir: string, bytes: number, random: Random) {
    this.#dataDir = dataDir
    this.#bytes = bytes
    this.#random = random
  }

  /** The disk is full. */
  free(): void {
    const bytes = freeBallast(this.#dataDir)
    if (bytes > 0)
      log.error('the disk is full: the ballast was given up, make room before that is used too', { bytes })
  }

  /** To be told now and then: makes it where it is missing and there is room. */
  look(spare = SPARE): Promise<void> {
    this.#making ??= this.#make(spare)
      .catch((error: unknown) => log.warn('the ballast could not be made', { error }))
      .finally(() => (this.#making = undefined))
    return this.#making
  }

  async #make(spare: number): Promise<void> {
    const file = ballastFile(this.#dataDir)
    const there = statSync(file, { throwIfNoEntry: false })?.size ?? 0
    if (there >= this.#bytes) return
    const { bavail, bsize } = statfsSync(this.#dataDir)
    if (bavail * bsize < 2 * this.#bytes + spare) return
    const handle = await open(file, 'w', 0o640)
    try {
      for (let left = this.#bytes; left > 0; left -= PIECE)
        await handle.write(this.#random.bytes(Math.min(PIECE, left)))
      await handle.datasync()
    } catch (error) {
      await rm(file, { force: true })
      throw error
    } finally {
      await handle.close()
    }
    log.info('the ballast is there', { bytes: this.#bytes })
  }
}
