/**
 * The owner of a data directory is the holder of an exclusive lock on DATA_DIR/lock.db. The kernel frees it on kill -9,
 * unlike a pid file; `belfry.pid` beside it only tells a person who the holder is. Nothing else in this process may
 * open lock.db: POSIX drops a process's locks on a file as soon as any of its descriptors for it is closed.
 */
import { Database } from 'bun:sqlite'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Another process owns the data directory. */
export class Locked extends Error {
  constructor(
    readonly dataDir: string,
    readonly holder: string,
  ) {
    super(`${dataDir} is in use by another Belfry (pid ${holder}): stop it first, or choose another data_dir`)
  }
}

export interface DataLock {
  release(): void
}

/** Kept here, since a connection that nobody refers to is collected, and its lock with it. */
const taken = new Set<Database>()

/** Takes the lock or throws Locked. */
export function takeLock(dataDir: string): DataLock {
  const pidFile = join(dataDir, 'belfry.pid')
  const db = new Database(join(dataDir, 'lock.db'), { create: true })
  try {
    db.run('PRAGMA busy_timeout = 0')
    db.run('PRAGMA locking_mode = EXCLUSIVE')
    db.run('BEGIN EXCLUSIVE')
    // A write makes SQLite keep the lock after COMMIT; a mere read lock would be shared.
    db.run('CREATE TABLE IF NOT EXISTS holder (pid INTEGER)')
    db.run('DELETE FROM holder')
    db.run('INSERT INTO holder VALUES (?)', [process.pid])
    db.run('COMMIT')
  } catch (error) {
    db.close()
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY')) {
      throw new Locked(dataDir, readHolder(pidFile))
    }
    throw error
  }
  try {
    writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o640 })
  } catch (error) {
    db.close()
    throw error
  }
  taken.add(db)
  return {
    release() {
      if (!taken.delete(db)) return
      rmSync(pidFile, { force: true })
      db.close()
    },
  }
}

function readHolder(pidFile: string): string {
  try {
    return readFileSync(pidFile, 'utf8').trim() || 'unknown'
  } catch {
    return 'unknown'
  }
}
