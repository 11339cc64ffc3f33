/** Writes to the table of devices, prepared once. */
import { type Db, rawWriter } from './db.ts'
import type { DeviceKind, Tie } from './device-table.ts'

/** Columns that each registration says anew. `options` is JSON. */
export interface Registered {
  readonly [column: string]: string | number | boolean | null
  readonly environment: string
  /** The app has said so itself. */
  readonly pinned: boolean
  readonly sessionKey: string | null
  readonly tie: Tie
  readonly shared: boolean
  readonly node: string | null
  readonly service: string | null
  readonly callAddress: string | null
  readonly options: string
  readonly now: number
}

export function deviceWrites(db: Db) {
  return {
    insert: rawWriter<Registered & { accountId: number; kind: DeviceKind; topic: string; address: string }>(
      db,
      `INSERT INTO devices (account_id, kind, topic, environment, environment_pinned, address, session_key, tie, shared,
         node, service, created_at, refreshed_at, call_address, options)
       VALUES ($accountId, $kind, $topic, $environment, $pinned, $address, $sessionKey, $tie, $shared,
         $node, $service, $now, $now, $callAddress, $options)`,
    ),
    refresh: rawWriter<Registered & { id: number }>(
      db,
      `UPDATE devices SET environment = $environment, environment_pinned = $pinned, session_key = $sessionKey,
         tie = $tie, shared = $shared, node = $node, service = $service, call_address = $callAddress, options = $options,
         refreshed_at = $now WHERE id = $id`,
    ),
    tie: rawWriter<{ id: number; sessionKey: string | null; tie: Tie }>(
      db,
      'UPDATE devices SET session_key = $sessionKey, tie = $tie WHERE id = $id',
    ),
    options: rawWriter<{ id: number; options: string }>(
      db,
      'UPDATE devices SET options = $options WHERE id = $id',
    ),
    delete: rawWriter<{ id: number }>(db, 'DELETE FROM devices WHERE id = $id'),
    forgetCalls: rawWriter<{ id: number; address: string }>(
      db,
      'UPDATE devices SET call_address = NULL WHERE id = $id AND call_address = $address',
    ),
    succeeded: rawWriter<{ id: number; at: number; before: number }>(
      db,
      `UPDATE devices SET last_success = $at, last_reason = NULL
       WHERE id = $id AND (last_success IS NULL OR last_success < $before OR last_reason IS NOT NULL)`,
    ),
    failed: rawWriter<{ id: number; reason: string }>(
      db,
      'UPDATE devices SET last_reason = $reason WHERE id = $id',
    ),
    learned: rawWriter<{ id: number; environment: string }>(
      db,
      'UPDATE devices SET environment = $environment WHERE id = $id AND environment_pinned = 0',
    ),
  }
}
