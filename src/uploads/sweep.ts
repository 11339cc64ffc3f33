/** The end of files whose time is over, and of what a crash has left: rows without files, files without rows. */
import { getLogger } from '../log.ts'
import type { World } from '../routing/transit.ts'
import type { RunTrip } from '../store/tx.ts'
import { PURPOSES, type Upload } from '../store/uploads.ts'
import { PART } from './files.ts'
import { keepOf, underWayOf } from './quota.ts'
import { removeUploads } from './remove.ts'
import { storageOf } from './storage-of.ts'

const log = getLogger('uploads')

/** Between two looks for files whose time is over; nobody is given one meanwhile. */
const EXPIRE_MS = 60_000
/** Between two looks at all files, and before the first. */
const TIDY_MS = 24 * 3_600_000
const FIRST_MS = 5_000
/** Rows of one trip or one look. */
const BATCH = 500
/** Time for which a slot that nobody has used is remembered, so that who comes late is told so. */
const REMEMBERED_MS = 3_600_000
const OURS = /^[0-9a-f]{32}(?:\.part)?$/

export class UploadSweep {
  readonly #world: World
  readonly #run: RunTrip

  constructor(world: World, run: RunTrip) {
    this.#world = world
    this.#run = run
  }

  /** From now on; the result ends it. */
  start(): () => void {
    const { clock } = this.#world
    const cancels = new Set<() => void>()
    let stopped = false
    const every = (first: number, work: () => Promise<number>): void => {
      const cancel = clock.after(first, () => {
        cancels.delete(cancel)
        work()
          .catch((error: unknown) => {
            log.warn('files could not be swept', { error })
            return EXPIRE_MS
          })
          .then(
            (next) => void (stopped || every(next, work)),
            () => undefined,
          )
      })
      cancels.add(cancel)
    }
    every(FIRST_MS, async () => ((await this.expire()) ? 100 : EXPIRE_MS))
    every(FIRST_MS, async () => {
      await this.tidy()
      return TIDY_MS
    })
    return () => {
      stopped = true
      for (const cancel of cancels) cancel()
    }
  }

  /** Files whose time is over, and old slots; true where there may be more. */
  expire(): Promise<boolean> {
    const { config } = this.#world
    const moving = underWayOf(this.#world)
    return this.#run((t) => {
      const { uploads } = t.store
      const now = this.#world.now()
      const old = PURPOSES.flatMap((purpose) => {
        const keep = keepOf(config, purpose)
        return Number.isFinite(keep) ? uploads.olderThan(purpose, now - keep, BATCH) : []
      })
      const slots = uploads
        .oldSlots(now - config.upload.slot_life - REMEMBERED_MS, BATCH)
        // A slow network may take longer than its slot lives.
        .filter(({ file }) => !moving.has(file))
      const gone = [...old, ...uploads.ended(now, BATCH), ...slots]
      removeUploads(t, storageOf(this.#world), gone)
      return gone.length >= BATCH
    })
  }

  /** Makes rows and files one again. */
  async tidy(): Promise<void> {
    const storage = storageOf(this.#world)
    let [there, removed] = [0, 0]
    for await (const name of storage.names()) {
      if (!OURS.test(name)) continue
      there++
      if (this.#isWanted(name)) continue
      const file = name.replace(PART, '')
      // Of a stored file only what is left of a try before it can be here.
      await (name === file ? storage.remove(file) : storage.removePart(file))
      removed++
    }
    if (removed > 0) log.info('files that belong to nobody were removed', { files: removed })
    // A disk that is not mounted, or another bucket, must not cost what is there.
    if (there > 0) await this.#forgetMissing()
    else if (this.#world.store.uploads.total() > 0)
      log.error('the files that were sent are not there: data_dir/uploads, or the bucket of [upload.s3]')
  }

  #isWanted(name: string): boolean {
    const file = name.replace(PART, '')
    return underWayOf(this.#world).has(file) || (name === file && this.#world.store.uploads.isStored(file))
  }

  async #forgetMissing(): Promise<void> {
    const { store } = this.#world
    const storage = storageOf(this.#world)
    let rows: Upload[]
    let after = 0
    do {
      rows = store.uploads.page(after, BATCH)
      after = rows.at(-1)?.id ?? after
      const missing: Upload[] = []
      for (const row of rows) if (!(await storage.has(row.file))) missing.push(row)
      if (missing.length === 0) continue
      log.error('files that were stored are missing', { files: missing.length })
      await this.#run((t) => removeUploads(t, storage, missing))
    } while (rows.length === BATCH)
  }
}
