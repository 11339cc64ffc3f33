/** Tokens of a phone beside its own: one for each activity, widget, control, and whatever else Apple gives one out for. */
import { asc, desc, eq, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { type Db, rawWriter, type Write } from './db.ts'
import { type Device, devices } from './device-table.ts'

export const deviceTokens = sqliteTable('device_tokens', {
  id: integer('id').primaryKey(),
  deviceId: integer('device_id').notNull(),
  /** push/direct/types.ts TOKEN_KINDS */
  kind: text('kind').notNull(),
  /** Activity, attributes type or control; empty where there is but one. */
  name: text('name').notNull(),
  token: text('token').notNull(),
  createdAt: integer('created_at').notNull(),
  refreshedAt: integer('refreshed_at').notNull(),
})

export type DeviceToken = typeof deviceTokens.$inferSelect

export class DeviceTokens {
  readonly #of
  readonly #get
  readonly #at
  readonly #put: Write<Pick<DeviceToken, 'deviceId' | 'kind' | 'name' | 'token'> & { now: number }>
  readonly #delete: Write<{ id: number }>

  constructor(db: Db) {
    const { orm } = db
    const p = sql.placeholder
    this.#of = orm
      .select()
      .from(deviceTokens)
      .where(eq(deviceTokens.deviceId, p('deviceId')))
      .orderBy(asc(deviceTokens.refreshedAt), asc(deviceTokens.id))
      .prepare()
    this.#get = orm
      .select()
      .from(deviceTokens)
      .where(eq(deviceTokens.id, p('id')))
      .prepare()
    this.#at = orm
      .select({ token: deviceTokens, device: devices })
      .from(deviceTokens)
      .innerJoin(devices, eq(devices.id, deviceTokens.deviceId))
      .where(eq(deviceTokens.token, p('token')))
      .orderBy(desc(deviceTokens.refreshedAt), desc(deviceTokens.id))
      .prepare()
    this.#put = rawWriter(
      db,
      `INSERT INTO device_tokens (device_id, kind, name, token, created_at, refreshed_at)
       VALUES ($deviceId, $kind, $name, $token, $now, $now)
       ON CONFLICT (device_id, kind, name) DO UPDATE SET token = excluded.token, refreshed_at = excluded.refreshed_at`,
    )
    this.#delete = rawWriter(db, 'DELETE FROM device_tokens WHERE id = $id')
  }

  /** Of one device, the one not refreshed for longest first. */
  of(deviceId: number): DeviceToken[] {
    return this.#of.all({ deviceId })
  }

  get(id: number): DeviceToken | undefined {
    return this.#get.get({ id })
  }

  /** Registrations of a token, the newest first: accounts of one phone may have it in common. */
  at(token: string): { readonly token: DeviceToken; readonly device: Device }[] {
    return this.#at.all({ token })
  }

  /** Registers, or puts a new token in the place of the one of that name; beyond `max` the oldest of the device gives way. */
  put(
    deviceId: number,
    what: Pick<DeviceToken, 'kind' | 'name' | 'token'>,
    now: number,
    max: number,
  ): DeviceToken {
    const isSame = ({ kind, name }: DeviceToken) => kind === what.kind && name === what.name
    const others = this.of(deviceId).filter((one) => !isSame(one))
    for (const { id } of others.slice(0, Math.max(0, others.length + 1 - max))) this.delete(id)
    this.#put({ deviceId, ...what, now })
    const made = this.of(deviceId).find(isSame)
    if (!made) throw new Error('a token just registered is not there')
    return made
  }

  delete(id: number): boolean {
    return this.#delete({ id }) > 0
  }

  /** Its service called the token dead at `before` (ms); what was registered since stays. */
  forget(id: number, token: string, before: number): boolean {
    const found = this.get(id)
    return found?.token === token && found.refreshedAt <= before && this.delete(id)
  }
}
