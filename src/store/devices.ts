/** Registered phones. A token belongs to the account that registered it last; registrations outlive sessions. */
import { and, asc, count, eq, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { EventName } from '../config/events.ts'
import { type Db, type Write, writer } from './db.ts'
import type { Events } from './events.ts'
import { Remembered } from './remembered.ts'

export type PushEnvironment = 'production' | 'sandbox'

/** Which messages of one room ring (tigase:push:filter:groupchat:0). */
export interface RoomFilter {
  /** Bare JID. */
  readonly jid: string
  readonly allow: 'always' | 'mentioned'
  /** With 'mentioned': the name that counts. */
  readonly nick?: string
}

/** What an app asked for when it registered. Whatever is absent was not asked for, and the server's own rules hold. */
export interface DeviceOptions {
  /** Ring at once also while sessions are there but all of them say `away` or `xa` (tigase:push:away:0). */
  readonly away?: true
  /** The app wants a push's importance to follow its content (tigase:push:priority:0). */
  readonly byContent?: true
  /** The app takes calls (tigase:push:jingle:0). */
  readonly calls?: true
  /** Woken unseen instead of alerted: the app says itself what there is. */
  readonly silent?: true
  /** 'normal' lets the phone save power (apns-priority 5). */
  readonly importance?: 'high' | 'normal'
  /** Instead of the app's. */
  readonly sound?: string
  readonly category?: string
  readonly mutableContent?: true
  /** Nothing of those who are no contacts. */
  readonly ignoreUnknown?: true
  /** Bare JIDs that do not ring. */
  readonly muted?: readonly string[]
  /** Rooms that ring; absent: the server's rules hold for every room. */
  readonly rooms?: readonly RoomFilter[]
  /** Less than the app's policy lets Apple see. */
  readonly hides?: 'body' | 'sender'
  /** Content is readable with this key only, base64 of 16 bytes. Never shown to anybody. */
  readonly encryption?: { readonly scheme: 'aes-128-gcm'; readonly key: string; readonly maxSize?: number }
  /** The app reads the keys that Tigase's push service writes. */
  readonly dialect?: 'tigase'
}

export const devices = sqliteTable('devices', {
  id: integer('id').primaryKey(),
  accountId: integer('account_id').notNull(),
  kind: text('kind').$type<'apns'>().notNull(),
  topic: text('topic').notNull(),
  environment: text('environment').$type<PushEnvironment>().notNull(),
  environmentPinned: integer('environment_pinned', { mode: 'boolean' }).notNull(),
  token: text('token').notNull(),
  sessionKey: text('session_key'),
  node: text('node'),
  service: text('service'),
  createdAt: integer('created_at').notNull(),
  refreshedAt: integer('refreshed_at').notNull(),
  lastSuccess: integer('last_success'),
  lastReason: text('last_reason'),
  voipToken: text('voip_token'),
  options: text('options', { mode: 'json' }).$type<DeviceOptions>().notNull(),
})

export type Device = typeof devices.$inferSelect

export interface Registration {
  readonly topic: string
  /** What the app said; without it `assumed` holds until Apple knows better. */
  readonly environment?: PushEnvironment | undefined
  readonly assumed: PushEnvironment
  readonly token: string
  readonly sessionKey?: string | undefined
  readonly node?: string | undefined
  readonly service?: string | undefined
  readonly voipToken?: string | undefined
  /** They replace those of the registration before; undefined leaves them as they are. */
  readonly options?: DeviceOptions | undefined
}

/** What disables a registration: all fields that are given must match. */
export interface DeviceMatch {
  readonly topic?: string | undefined
  readonly token?: string | undefined
  readonly node?: string | undefined
  readonly service?: string | undefined
  readonly sessionKey?: string | undefined
}

/** A success is noted at most this often: it is for people who look, not for the sender. */
const NOTE_SUCCESS_EVERY = 60_000

export class Devices {
  /** Set by the outbox: hears of each device before it goes, and what waits for it with it. Within a trip. */
  leaving: ((device: Device) => void) | undefined

  readonly #db: Db
  readonly #accounts: Remembered<number, readonly Device[]>
  readonly #events: Events
  readonly #byToken
  readonly #byAccount
  readonly #byId
  readonly #insert: Write<Omit<Device, 'id' | 'lastSuccess' | 'lastReason'>>
  readonly #refresh: Write<{
    id: number
    environment: PushEnvironment
    pinned: boolean
    sessionKey: string | null
    node: string | null
    service: string | null
    voipToken: string | null
    options: string
    now: number
  }>
  readonly #delete: Write<{ id: number }>
  readonly #forgetVoip: Write<{ id: number; token: string }>
  readonly #succeeded: Write<{ id: number; at: number; before: number }>
  readonly #failed: Write<{ id: number; reason: string }>
  readonly #learned: Write<{ id: number; environment: PushEnvironment }>

  constructor(db: Db, events: Events) {
    this.#db = db
    this.#accounts = new Remembered(db.turn)
    this.#events = events
    const { orm } = db
    const p = sql.placeholder
    const byId = eq(devices.id, p('id'))
    this.#byToken = orm
      .select()
      .from(devices)
      .where(and(eq(devices.kind, 'apns'), eq(devices.topic, p('topic')), eq(devices.token, p('token'))))
      .prepare()
    this.#byAccount = orm
      .select()
      .from(devices)
      .where(eq(devices.accountId, p('accountId')))
      .orderBy(asc(devices.refreshedAt), asc(devices.id))
      .prepare()
    this.#byId = orm.select().from(devices).where(byId).prepare()
    this.#insert = writer(
      db,
      orm
        .insert(devices)
        .values({
          accountId: p('accountId'),
          kind: p('kind'),
          topic: p('topic'),
          environment: p('environment'),
          environmentPinned: p('environmentPinned'),
          token: p('token'),
          sessionKey: p('sessionKey'),
          node: p('node'),
          service: p('service'),
          createdAt: p('createdAt'),
          refreshedAt: p('refreshedAt'),
          voipToken: p('voipToken'),
          options: p('options'),
        })
        .prepare(),
    )
    this.#refresh = writer(
      db,
      orm
        .update(devices)
        .set({
          environment: sql`${p('environment')}`,
          environmentPinned: sql`${p('pinned')}`,
          sessionKey: sql`${p('sessionKey')}`,
          node: sql`${p('node')}`,
          service: sql`${p('service')}`,
          voipToken: sql`${p('voipToken')}`,
          options: sql`${p('options')}`,
          refreshedAt: sql`${p('now')}`,
        })
        .where(byId)
        .prepare(),
    )
    this.#delete = writer(db, orm.delete(devices).where(byId).prepare())
    this.#forgetVoip = writer(
      db,
      orm
        .update(devices)
        .set({ voipToken: null })
        .where(and(byId, eq(devices.voipToken, p('token'))))
        .prepare(),
    )
    this.#succeeded = writer(
      db,
      orm
        .update(devices)
        .set({ lastSuccess: sql`${p('at')}`, lastReason: null })
        .where(
          and(
            byId,
            sql`(${devices.lastSuccess} IS NULL OR ${devices.lastSuccess} < ${p('before')} OR ${devices.lastReason} IS NOT NULL)`,
          ),
        )
        .prepare(),
    )
    this.#failed = writer(
      db,
      orm
        .update(devices)
        .set({ lastReason: sql`${p('reason')}` })
        .where(byId)
        .prepare(),
    )
    this.#learned = writer(
      db,
      orm
        .update(devices)
        .set({ environment: sql`${p('environment')}` })
        .where(and(byId, eq(devices.environmentPinned, false)))
        .prepare(),
    )
  }

  /**
   * Registers or refreshes, as often as the app likes: counters and a learned environment stay. A token that another
   * account had moves, and takes nothing of the old account's queue with it. Beyond `max` the registration that was
   * not refreshed for longest gives way: it is the phone most likely to be in a drawer.
   */
  enable(accountId: number, registration: Registration, now: number, max: number): Device {
    const { topic, token, environment, assumed } = registration
    const sessionKey = registration.sessionKey ?? null
    const node = registration.node ?? null
    const service = registration.service ?? null
    const known = this.find(topic, token)
    const own = known?.accountId === accountId ? known : undefined
    // An app that names no token for calls may have named it by another door; a new set of options is whole.
    const voipToken = registration.voipToken ?? own?.voipToken ?? null
    const options = registration.options ?? own?.options ?? {}
    if (own) {
      this.#refresh({
        id: own.id,
        environment: environment ?? own.environment,
        pinned: environment !== undefined || own.environmentPinned,
        sessionKey,
        node,
        service,
        voipToken,
        options: JSON.stringify(options),
        now,
      })
    } else {
      if (known) {
        this.#drop(known)
      }
      this.#replace(accountId, registration)
      this.#makeRoom(accountId, max)
      this.#insert({
        accountId,
        kind: 'apns',
        topic,
        environment: environment ?? assumed,
        environmentPinned: environment !== undefined,
        token,
        sessionKey,
        node,
        service,
        createdAt: now,
        refreshedAt: now,
        voipToken,
        options,
      })
    }
    this.#accounts.forget(accountId)
    const device = this.find(topic, token)
    if (!device) throw new Error('a device just registered is not there')
    if (!own) {
      const from = known && { from: this.#events.jidOf(known.accountId) }
      this.#tell(known ? 'device.moved' : 'device.registered', device, from)
    }
    return device
  }

  /** Removes the account's registrations that match; returns how many. */
  disable(accountId: number, match: DeviceMatch): number {
    let removed = 0
    for (const device of this.of(accountId)) {
      if (match.topic !== undefined && device.topic !== match.topic) continue
      if (match.token !== undefined && device.token !== match.token) continue
      if (match.node !== undefined && device.node !== match.node) continue
      if (match.service !== undefined && device.service !== match.service) continue
      if (match.sessionKey !== undefined && device.sessionKey !== match.sessionKey) continue
      if (this.#remove(device, 'disabled')) removed++
    }
    return removed
  }

  delete(id: number): boolean {
    const device = this.get(id)
    return device !== undefined && this.#remove(device, 'deleted')
  }

  /** The account's devices, the one not refreshed for longest first. */
  of(accountId: number): readonly Device[] {
    return this.#accounts.get(accountId, () => this.#byAccount.all({ accountId }))
  }

  find(topic: string, token: string): Device | undefined {
    return this.#byToken.get({ topic, token })
  }

  get(id: number): Device | undefined {
    return this.#byId.get({ id })
  }

  count(): number {
    return this.#db.orm.select({ n: count() }).from(devices).get()?.n ?? 0
  }

  /**
   * Apple called the token dead at `before` (ms). A registration that is newer knows better and stays: a 410 comes
   * late by design.
   */
  forget(id: number, before: number): boolean {
    const device = this.get(id)
    return device !== undefined && device.refreshedAt <= before && this.#remove(device, 'dead')
  }

  /** Apple called the token for calls dead; one that came since stays. */
  forgetVoip(id: number, token: string): void {
    this.#changes(id)
    this.#forgetVoip({ id, token })
  }

  succeeded({ id, accountId, lastSuccess, lastReason }: Device, at: number): void {
    const before = at - NOTE_SUCCESS_EVERY
    if (lastReason === null && lastSuccess !== null && lastSuccess >= before) return
    this.#accounts.forget(accountId)
    this.#succeeded({ id, at, before })
  }

  failed(id: number, reason: string): void {
    this.#changes(id)
    this.#failed({ id, reason })
  }

  learned(id: number, environment: PushEnvironment): void {
    this.#changes(id)
    this.#learned({ id, environment })
  }

  /**
   * XEP-0357 §5: of one service and node the last registration holds. Some apps call it the same everywhere, so the app
   * must be the same too.
   */
  #replace(accountId: number, { topic, service, node, sessionKey }: Registration): void {
    if (service === undefined || node === undefined || sessionKey === undefined) return
    for (const device of this.of(accountId))
      if (
        device.topic === topic &&
        device.service === service &&
        device.node === node &&
        device.sessionKey === sessionKey
      )
        this.#remove(device, 'replaced')
  }

  #makeRoom(accountId: number, max: number): void {
    const all = this.of(accountId)
    for (const device of all.slice(0, Math.max(0, all.length + 1 - max))) this.#remove(device, 'too-many')
  }

  #remove(device: Device, reason: 'disabled' | 'deleted' | 'too-many' | 'replaced' | 'dead'): boolean {
    const removed = this.#drop(device)
    if (removed) this.#tell('device.removed', device, { reason })
    return removed
  }

  #drop(device: Device): boolean {
    this.leaving?.(device)
    this.#accounts.forget(device.accountId)
    return this.#delete({ id: device.id }) > 0
  }

  /** Of a token only its end: enough to tell two apart. */
  #tell(name: EventName, device: Device, more: Readonly<Record<string, string>> = {}): void {
    const { id, accountId, topic, environment, token } = device
    const shown = { device: String(id), topic, environment, token: token.slice(-6) }
    this.#events.tell(name, accountId, { ...shown, ...more })
  }

  /** Whoever has this device will read it again. */
  #changes(id: number): void {
    const device = this.get(id)
    if (device) this.#accounts.forget(device.accountId)
  }
}
