/** For whoever asks why a phone rang for a room, or did not: the room of a verdict, and the rule that held there. */
import { type Db, rawWriter, type Write } from './db.ts'

export interface RoomVerdict {
  /** The message as the account's verdicts know it. */
  readonly messageId: number
  /** Bare JID. */
  readonly room: string
  /** The message's id in the room's archive. */
  readonly saidId: number
  readonly rule: string
  /** By the account; else it is what is so in rooms of that kind. */
  readonly chosen: boolean
  readonly mentioned: boolean
}

export class RoomVerdicts {
  readonly #note: Write<
    Record<'messageId' | 'saidId' | 'chosen' | 'mentioned', number> & { room: string; rule: string }
  >
  readonly #mentions
  readonly #purge: Write<{ before: number; limit: number }>

  constructor(db: Db) {
    // Decided anew, a message is still the same; the newest rule is what has decided.
    this.#note = rawWriter(
      db,
      `INSERT INTO room_verdicts (message_id, room, said_id, rule, chosen, mentioned)
       VALUES ($messageId, $room, $saidId, $rule, $chosen, $mentioned)
       ON CONFLICT DO UPDATE SET rule = excluded.rule, chosen = excluded.chosen`,
    )
    this.#mentions = db.raw.prepare<unknown, [number]>(
      'SELECT 1 FROM room_verdicts WHERE message_id = ? AND mentioned',
    )
    this.#purge = rawWriter(
      db,
      `DELETE FROM room_verdicts WHERE message_id IN
         (SELECT message_id FROM room_verdicts WHERE message_id < $before ORDER BY message_id LIMIT $limit)`,
    )
  }

  note({ chosen, mentioned, ...rest }: RoomVerdict): void {
    this.#note({ ...rest, chosen: Number(chosen), mentioned: Number(mentioned) })
  }

  /** Whether a message of a room named the account. */
  mentions(messageId: string): boolean {
    return this.#mentions.get(Number(messageId)) !== null
  }

  /** Deletes up to `limit` of before `time` (ms); returns how many. Ids may run ahead of the clock, never behind it. */
  purge(time: number, limit: number): number {
    return this.#purge({ before: time * 1000, limit })
  }
}
