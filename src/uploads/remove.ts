/** The end of files: their rows in a trip, their bytes after its commit. What a crash leaves between is swept up. */
import { getLogger } from '../log.ts'
import type { Account } from '../store/accounts.ts'
import type { WriteTx } from '../store/tx.ts'
import type { Upload } from '../store/uploads.ts'
import type { Storage } from './storage.ts'

const log = getLogger('uploads')

/** Rows that are looked at together. */
const BATCH = 500

export function removeUploads({ store }: WriteTx, storage: Storage, rows: readonly Upload[]): void {
  if (rows.length === 0) return
  store.uploads.delete(rows)
  store.turn.after(() => void removeAll(storage, rows))
}

/** Everything of an account. */
export function removeFilesOf(t: WriteTx, storage: Storage, { id }: Account): void {
  let rows: Upload[]
  do {
    rows = t.store.uploads.ofOwner(id, BATCH)
    removeUploads(t, storage, rows)
  } while (rows.length === BATCH)
}

async function removeAll(storage: Storage, rows: readonly Upload[]): Promise<void> {
  for (const { file } of rows)
    await storage
      .remove(file)
      .catch((error: unknown) => log.warn('a file could not be removed', { file, error }))
}
