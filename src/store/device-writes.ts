/** What is written to the table of devices, prepared once. */
import { type Db, rawWriter } from './db.ts'
import type { PushEnvironment, Tie } from './device-table.ts'

/** What each registration says anew. `options` is JSON. */
export interface Registered {
  readonly [column: string]: string | number | boolean | null
  readonly environment: PushEnvironment
  /** The app has said so itself. */
  readonly pinned: boolean
  readonly sessionKey: string | null
  readonly tie: Tie
  readonly shared: boolean
  readonly node: string | null
  readonly service: string | null
  readonly voipToken: string | null
  readonly options: string
  readonly now: number
}

export function deviceWrites(db: Db) {
  return {
    insert: rawWriter<Registered & { accountId: number; topic: string; token: string }>(
      db,
      `INSERT INTO devices (account_id, kind, topic, environment, environment_pinned, token, session_key, tie, shared,
         node, service, created_at, refreshed_at, voip_token, options)
       VALUES ($accountId, 'apns', $topic, $environment, $pinned, $token, $sessionKey, $tie, $shared,
         $node, $service, $now, $now, $voipToken, $options)`,
    ),
    refresh: rawWriter<Registered & { id: number }>(
      db,
      `UPDATE devices SET environment = $environment, environment_pinned = $pinned, session_key = $sessionKey,
         tie = $tie, shared = $shared, node = $node, service = $service, voip_token = $voipToken, options = $options,
         refreshed_at = $now WHERE id = $id`,
    ),
    tie: rawWriter<{ id: number; sessionKey: string | null; tie: Tie }>(
      db,
      'UPDATE devices SET session_key = $sessionKey, tie = $tie WHERE id = $id',
    ),
    delete: rawWriter<{ id: number }>(db, 'DELETE FROM devices WHERE id = $id'),
    forgetVoip: rawWriter<{ id: number; token: string }>(
      db,
      'UPDATE devices SET voip_token = NULL WHERE id = $id AND voip_token = $token',
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
    learned: rawWriter<{ id: number; environment: PushEnvironment }>(
      db,
      'UPDATE devices SET environment = $environment WHERE id = $id AND environment_pinned = 0',
    ),
  }
}
