/** The Worker half of checkpoint.ts: copies WAL frames into the database file while the loop goes on. */
import { Database } from 'bun:sqlite'
import type { CheckpointReport, CheckpointRequest } from './checkpoint.ts'

declare const self: Worker

let db: Database | undefined

function copy(file: string): CheckpointReport {
  if (!db) {
    db = new Database(file, { create: false, readwrite: true })
    db.run('PRAGMA busy_timeout = 0')
  }
  const row = db.query<{ log: number; checkpointed: number }, []>('PRAGMA wal_checkpoint(PASSIVE)').get()
  return { frames: row?.log ?? 0, copied: row?.checkpointed ?? 0 }
}

self.onmessage = (event: MessageEvent<CheckpointRequest>) => {
  let report: CheckpointReport
  try {
    report = copy(event.data.file)
  } catch (error) {
    // Said instead of thrown: an uncaught error would end the Worker, and with it every later checkpoint.
    report = { frames: 0, copied: 0, error: String(error) }
  }
  self.postMessage(report)
}
