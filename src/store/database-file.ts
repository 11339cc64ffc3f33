/** The database's file before it is opened: an empty or torn one must not be served as a server without accounts. */
import { closeSync, existsSync, fstatSync, openSync, readSync, statSync } from 'node:fs'
import { OutsideError } from '../log.ts'

/** The header of the first page; https://www.sqlite.org/fileformat.html §1.3. */
const HEADER_BYTES = 100
const MAGIC = 'SQLite format 3\0'
const PAGE_SIZE_AT = 16
const CHANGE_COUNTER_AT = 24
const PAGES_AT = 28
const VALID_FOR_AT = 92

/** Advice in every refusal. */
const MEND = 'restore a backup, or move it away to begin anew'

/**
 * Whether there is a database; false where there never was one.
 * @throws Error with one sentence for the operator where what lies there cannot be served.
 */
export function checkDatabaseFile(file: string): boolean {
  const log = `${file}-wal`
  if (!existsSync(file)) {
    if ((statSync(log, { throwIfNoEntry: false })?.size ?? 0) > 0)
      throw new OutsideError(`${file} is missing, but its write-ahead log is there: ${MEND}`)
    return false
  }
  const fd = openSync(file, 'r')
  try {
    const { size } = fstatSync(fd)
    if (size === 0) throw new OutsideError(`${file} is empty, which no database of Belfry ever is: ${MEND}`)
    const header = Buffer.alloc(HEADER_BYTES)
    const read = readSync(fd, header, 0, HEADER_BYTES, 0)
    if (read < HEADER_BYTES || header.toString('latin1', 0, MAGIC.length) !== MAGIC)
      throw new OutsideError(
        `${file} cannot be used: file is not a database. It is damaged, or an unreleased build made it: ${MEND}`,
      )
    checkSize(file, size, header)
  } finally {
    closeSync(fd)
  }
  return true
}

/** The file holds as many pages as its header counts; fewer while the rest is still in the write-ahead log. */
function checkSize(file: string, size: number, header: Buffer): void {
  const raw = header.readUInt16BE(PAGE_SIZE_AT)
  const page = raw === 1 ? 65_536 : raw
  if (page < 512 || (page & (page - 1)) !== 0) throw new OutsideError(`${file} has a damaged header: ${MEND}`)
  const counted = header.readUInt32BE(VALID_FOR_AT) === header.readUInt32BE(CHANGE_COUNTER_AT)
  const pages = header.readUInt32BE(PAGES_AT)
  const log = statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
  if (counted && log === 0 && size < pages * page)
    throw new OutsideError(`${file} is cut off: ${size} of ${pages * page} bytes are there: ${MEND}`)
}
