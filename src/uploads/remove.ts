/** The end of files: their rows in a trip, their bytes after its commit. What a crash leaves between is swept up. */
import { getLogger } from '../log.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Upload } from '../store/uploads.ts'
import { removeFile } from './files.ts'

const log = getLogger('uploads')

/** Rows that one trip looks at. */
const BATCH = 500

export function removeUploads(t: Trip, rows: readonly Upload[]): number {
  const removed = t.store.uploads.delete(rows)
  const files = rows.map(({ file }) => file)
  const { data_dir } = t.config
  if (removed > 0) t.after(() => void removeAll(data_dir, files))
  return removed
}

/** Everything of an account. */
export function removeFilesOf(t: Trip, { id }: Account): void {
  let rows: Upload[]
  do {
    rows = t.store.uploads.ofOwner(id, BATCH)
    removeUploads(t, rows)
  } while (rows.length === BATCH)
}

export async function removeAll(dataDir: string, files: readonly string[]): Promise<void> {
  for (const file of files)
    await removeFile(dataDir, file).catch((error: unknown) =>
      log.warn('a file could not be removed', { file, error }),
    )
}
