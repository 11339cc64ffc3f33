/** The Worker half of checkpoint.ts: copies WAL frames into the database file while the loop goes on. */
import { Database } from 'bun:sqlite'
import type { CheckpointReport } from './checkpoint.ts'

declare const self: Worker

let db: Database | undefined

self.onmessage = (event: MessageEvent<{ open?: string; checkpoint?: boolean }>) => {
  if (event.data.open) {
    db = new Database(event.data.open, { create: false, readwrite: true })
    db.run('PRAGMA busy_timeout = 0')
    return
  }
  const row = db
    ?.query<{ busy: number; log: number; checkpointed: number }, []>('PRAGMA wal_checkpoint(PASSIVE)')
    .get()
  const report: CheckpointReport = { frames: row?.log ?? 0, copied: row?.checkpointed ?? 0 }
  self.postMessage(report)
}
