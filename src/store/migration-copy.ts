/** Copy of the database as it was before an upgrade changed it: the way back to the program of before. */
import { Database } from 'bun:sqlite'
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { getLogger, OutsideError } from '../log.ts'
import { SCHEMA, userVersion } from './migrations.ts'

const log = getLogger('store')

/** Copies that are kept, the newest schemas. */
const KEPT = 2
/** Place of user_version, four bytes; https://www.sqlite.org/fileformat2.html §1.3. */
const VERSION_AT = 60

/**
 * Makes it where the schema is to change. No connection of this process may be open: closing a descriptor drops its locks.
 * Returns the path. @throws OutsideError where there is no room, before anything has changed
 */
export function copyBeforeMigration(file: string, newest = SCHEMA): string | undefined {
  // The log may hold a newer one, never an older.
  if (!isOlder(writtenVersion(file), newest)) return undefined
  const version = foldedVersion(file)
  if (!isOlder(version, newest)) return undefined
  const copy = `${file}.schema-${version}`
  const { bavail, bsize } = statfsSync(dirname(file))
  const { size } = statSync(file)
  if (bavail * bsize < size)
    throw new OutsideError(
      `${dirname(file)} has no room for a copy of the database before it is upgraded: ${size} bytes are needed`,
    )
  copyFileSync(file, `${copy}.part`, constants.COPYFILE_FICLONE)
  sync(`${copy}.part`)
  renameSync(`${copy}.part`, copy)
  sync(dirname(file))
  for (const old of copiesOf(file).slice(KEPT)) rmSync(old)
  log.info('the database was copied before its upgrade', { copy, schema: version, to: newest })
  return copy
}

const isOlder = (version: number, newest: number): boolean => version > 0 && version < newest

function writtenVersion(file: string): number {
  const fd = openSync(file, 'r')
  try {
    const bytes = Buffer.alloc(4)
    return readSync(fd, bytes, 0, 4, VERSION_AT) === 4 ? bytes.readUInt32BE() : 0
  } finally {
    closeSync(fd)
  }
}

/** With the log copied into the file. */
function foldedVersion(file: string): number {
  const raw = new Database(file, { readwrite: true, create: false })
  try {
    raw.run('PRAGMA busy_timeout = 10000')
    raw.run('PRAGMA wal_checkpoint(TRUNCATE)')
    return userVersion(raw)
  } finally {
    raw.close()
  }
}

/** Newest first. */
function copiesOf(file: string): string[] {
  const name = `${basename(file)}.schema-`
  const numberOf = (path: string): number => Number(path.slice(path.lastIndexOf('-') + 1))
  return readdirSync(dirname(file))
    .filter((entry) => entry.startsWith(name) && /^\d+$/.test(entry.slice(name.length)))
    .map((entry) => join(dirname(file), entry))
    .toSorted((a, b) => numberOf(b) - numberOf(a))
}

function sync(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
