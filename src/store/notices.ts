/** Notices on the screens of phones whose apps take them off, and when each phone was last woken for that. */
import { type Db, rawWriter, type Write } from './db.ts'
import { Remembered } from './remembered.ts'

export interface ShownNotice {
  /** Name of it on the phone. */
  readonly collapseId: string
  /** The newest message that it tells of. */
  readonly messageId: number
  /** A push that says that it has gone was taken. */
  readonly told: boolean
}

export class Notices {
  readonly #rows: Remembered<number, readonly ShownNotice[]>
  readonly #times: Remembered<number, number>
  readonly #of
  readonly #at
  readonly #put: Write<{ deviceId: number; collapseId: string; messageId: number; at: number }>
  readonly #renew: Write<{ deviceId: number; collapseId: string; messageId: number }>
  readonly #tell: Write<{ deviceId: number; collapseId: string }>
  readonly #delete: Write<{ deviceId: number; collapseId: string }>
  readonly #wake: Write<{ deviceId: number; at: number }>

  constructor(db: Db) {
    const { raw } = db
    this.#rows = new Remembered(db.turn)
    this.#times = new Remembered(db.turn)
    this.#of = raw.prepare<{ collapseId: string; messageId: number; told: number }, [number]>(
      `SELECT collapse_id AS collapseId, message_id AS messageId, told FROM notices WHERE device_id = ?
       ORDER BY at, message_id`,
    )
    this.#at = raw.prepare<{ at: number }, [number]>('SELECT at FROM device_removals WHERE device_id = ?')
    this.#put = rawWriter(
      db,
      `INSERT INTO notices (device_id, collapse_id, message_id, at) VALUES ($deviceId, $collapseId, $messageId, $at)
       ON CONFLICT DO UPDATE SET message_id = excluded.message_id, told = 0, at = excluded.at`,
    )
    this.#renew = rawWriter(
      db,
      `UPDATE notices SET message_id = $messageId, told = 0 WHERE device_id = $deviceId AND collapse_id = $collapseId`,
    )
    this.#tell = rawWriter(
      db,
      'UPDATE notices SET told = 1 WHERE device_id = $deviceId AND collapse_id = $collapseId',
    )
    this.#delete = rawWriter(
      db,
      'DELETE FROM notices WHERE device_id = $deviceId AND collapse_id = $collapseId',
    )
    this.#wake = rawWriter(
      db,
      `INSERT INTO device_removals (device_id, at) VALUES ($deviceId, $at)
       ON CONFLICT DO UPDATE SET at = excluded.at`,
    )
  }

  /** Those of one phone and account, the oldest first. */
  of(deviceId: number): readonly ShownNotice[] {
    return this.#rows.get(deviceId, () =>
      this.#of.all(deviceId).map(({ told, ...rest }) => ({ ...rest, told: told !== 0 })),
    )
  }

  /** A phone shows one more; beyond `most` the oldest are forgotten. */
  show(
    deviceId: number,
    { collapseId, messageId }: Omit<ShownNotice, 'told'>,
    at: number,
    most: number,
  ): void {
    this.#rows.forget(deviceId)
    this.#put({ deviceId, collapseId, messageId, at })
    const all = this.of(deviceId)
    if (all.length <= most) return
    this.#rows.forget(deviceId)
    for (const old of all.slice(0, all.length - most)) this.#delete({ deviceId, collapseId: old.collapseId })
  }

  /** A push that takes the place of one is about to be sent: from here on the older one has not gone. */
  renew(deviceId: number, collapseId: string, messageId: number): void {
    // Pushes that are about no message have words for ids.
    if (!Number.isSafeInteger(messageId)) return
    if (!this.of(deviceId).some((notice) => notice.collapseId === collapseId)) return
    this.#rows.forget(deviceId)
    this.#renew({ deviceId, collapseId, messageId })
  }

  /** The provider has taken a push that says that these have gone. */
  tell(deviceId: number, collapseIds: readonly string[]): void {
    this.#rows.forget(deviceId)
    for (const collapseId of collapseIds) this.#tell({ deviceId, collapseId })
  }

  /** Time of the last push that woke the phone for that (ms); 0: never. */
  wokenAt(deviceId: number): number {
    return this.#times.get(deviceId, () => this.#at.get(deviceId)?.at ?? 0)
  }

  woken(deviceId: number, at: number): void {
    this.#times.forget(deviceId)
    this.#wake({ deviceId, at })
  }

  /** The device is about to go, and its rows with it: another may get its number. */
  leave(deviceId: number): void {
    this.#rows.forget(deviceId)
    this.#times.forget(deviceId)
  }
}
