/** The Worker half of maintenance.ts: one order, its steps, its result. */
import { Database } from 'bun:sqlite'
import { statSync } from 'node:fs'
import { isBug } from '../log.ts'
import { createBackup } from './backup/create.ts'
import { type Step, stepBack } from './backup/pace.ts'
import { verifyBackup } from './backup/verify.ts'
import { checkFile } from './check.ts'
import type { Order, Results, Vacuumed, Word } from './maintenance.ts'

declare const self: Worker

const say = (word: Word): void => self.postMessage(word)
const told = (step: Step): void => say({ step })

function carriedOut(order: Order): Results[keyof Results] {
  switch (order.kind) {
    case 'backup':
      stepBack()
      return createBackup(order, told)
    case 'verify':
      stepBack()
      return verifyBackup(order.directory, told, order)
    case 'check':
      stepBack()
      return checkFile(order.file, order.full)
    case 'vacuum':
      return vacuum(order.file)
  }
}

function vacuum(file: string): Vacuumed {
  const db = new Database(file, { readwrite: true, create: false })
  try {
    // A turn of the loop may be open.
    db.run('PRAGMA busy_timeout = 10000')
    db.run('PRAGMA wal_autocheckpoint = 0')
    const before = statSync(file).size
    db.run('VACUUM')
    // The file becomes smaller when the log is copied back.
    db.query('PRAGMA wal_checkpoint(TRUNCATE)').get()
    return { bytes_before: before, bytes: statSync(file).size }
  } finally {
    db.close()
  }
}

self.onmessage = ({ data }: MessageEvent<Order>) => {
  try {
    say({ result: carriedOut(data) })
  } catch (error) {
    const bug = isBug(error)
    const text = error instanceof Error ? (bug ? error.stack || error.message : error.message) : String(error)
    say({ error: text, outside: !bug })
  }
}
