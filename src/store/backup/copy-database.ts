/**
 * Copies a database that is in use, page by page as the file has them. A reader's transaction is held open meanwhile, which
 * keeps what the copy needs: frames of the log that it may need are neither overwritten nor copied back beyond its mark,
 * so the file as it was read plus the log as it is at the end is the database as of the end. VACUUM INTO would be one
 * statement that nobody can pace, and three times as much work.
 */
import { Database } from 'bun:sqlite'
import { closeSync, fdatasyncSync, fstatSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import type { Pace } from './pace.ts'

/** Bytes that are read and written at a time. */
const PIECE = 1 << 20
/** Bytes of the log from which on there are no more rests, since it cannot be emptied before the copy is done. */
const LONG_LOG = 128 << 20
/** The header of the log, whose salt changes whenever it begins anew; https://www.sqlite.org/fileformat2.html §4.1. */
const LOG_HEADER = 32

export interface OpenFile {
  readonly file: string
  /**
   * A descriptor for the file that stays open as long as the process has the database open: POSIX drops all locks of a
   * process on a file, those of SQLite too, as soon as any of its descriptors is closed.
   */
  readonly fd: number
}

export function copyDatabase({ file, fd }: OpenFile, target: string, pace: Pace): void {
  const log = `${file}-wal`
  const reader = new Database(file, { readonly: true })
  try {
    reader.run('PRAGMA busy_timeout = 10000')
    reader.run('BEGIN')
    reader.query('SELECT count(*) FROM sqlite_schema').get()
    pace.hurry = () => sizeOf(log) > LONG_LOG
    copy(fd, target, pace)
    if (sizeOf(log) > 0) copyLog(log, `${target}-wal`, pace)
  } finally {
    reader.close()
  }
  fold(target)
}

const sizeOf = (file: string): number => statSync(file, { throwIfNoEntry: false })?.size ?? 0

function copyLog(log: string, target: string, pace: Pace): void {
  const source = openSync(log, 'r')
  try {
    // Where it began anew meanwhile, the copy mixes two; that can happen once, since no frame is copied back before us.
    let salt: string
    do {
      salt = saltOf(source)
      copy(source, target, pace)
    } while (saltOf(source) !== salt)
  } finally {
    closeSync(source)
  }
}

function saltOf(log: number): string {
  const header = Buffer.alloc(LOG_HEADER)
  readSync(log, header, 0, LOG_HEADER, 0)
  return header.toString('hex')
}

function copy(source: number, target: string, pace: Pace): void {
  const total = fstatSync(source).size
  const out = openSync(target, 'w', 0o600)
  try {
    const piece = Buffer.allocUnsafe(PIECE)
    for (let at = 0, read; (read = readSync(source, piece, 0, PIECE, at)) > 0; at += read) {
      writeAll(out, piece.subarray(0, read))
      fdatasyncSync(out)
      pace.piece(read, { label: 'copying the database', done: at + read, total })
    }
  } finally {
    closeSync(out)
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;) at += writeSync(file, bytes, at)
}

/** Brings the log of the copy into it, so that it is one file that any SQLite reads. */
function fold(file: string): void {
  const db = new Database(file, { readwrite: true, create: false })
  try {
    db.run('PRAGMA synchronous = FULL')
    db.query('PRAGMA wal_checkpoint(TRUNCATE)').get()
    db.query('PRAGMA journal_mode = DELETE').get()
  } finally {
    db.close()
  }
}
