/** Registered devices. An address belongs to one account, or to all accounts of its app; registrations outlive sessions. */
import { and, asc, desc, eq, gt, sql } from 'drizzle-orm'
import type { EventName } from '../config/events.ts'
import type { Audit } from './audit.ts'
import type { Db } from './db.ts'
import { type Device, type DeviceOptions, devices, type DeviceKind, type Tie } from './device-table.ts'
import { deviceWrites } from './device-writes.ts'
import type { Events } from './events.ts'
import { Remembered } from './remembered.ts'

export type { Device, DeviceKind, DeviceOptions, DeviceWishes, RoomFilter, Tie } from './device-table.ts'

/** One phone and app, whichever accounts have registered it. */
export type Place = Pick<Device, 'kind' | 'topic' | 'address'>

export interface Registration {
  readonly kind: DeviceKind
  readonly topic: string
  /** The app's own word; without it `assumed` holds until its service knows better. */
  readonly environment?: string | undefined
  readonly assumed: string
  readonly address: string
  readonly sessionKey?: string | null | undefined
  /** 'named' where nothing is said. */
  readonly tie?: Tie | undefined
  /** Other accounts may have the token beside this one. */
  readonly shared?: boolean | undefined
  /** Other accounts that lose the token to this one; those that do not share it where nothing is said. */
  readonly takes?: 'all' | 'unshared' | 'none' | undefined
  /** Devices that are surely the same phone: what the app's present session has registered before. */
  readonly same?: ReadonlySet<number> | undefined
  readonly node?: string | undefined
  readonly service?: string | undefined
  readonly callAddress?: string | undefined
  /** Options that replace those of the registration before; undefined leaves them as they are. */
  readonly options?: DeviceOptions | undefined
}

/** A success is noted at most this often: it is for people who look, not for the sender. */
const NOTE_SUCCESS_EVERY = 60_000
/** Written with or without hyphens. */
const UUID = /[0-9a-f]{8}(?:-?[0-9a-f]{4}){3}-?[0-9a-f]{12}/i

export class Devices {
  /** Set by the outbox: hears of each device before it goes, and what waits for it with it. */
  leaving: ((device: Device) => void) | undefined
  /** Set by who tells accounts: hears of each device whose service has called it dead. */
  died: ((device: Device) => void) | undefined

  readonly #accounts: Remembered<number, readonly Device[]>
  readonly #events: Events
  readonly #audit: Audit
  readonly #byAddress
  readonly #byAccount
  readonly #byCallAddress
  readonly #newest
  readonly #owners
  readonly #byId
  readonly #write: ReturnType<typeof deviceWrites>

  constructor(db: Db, events: Events, audit: Audit) {
    this.#accounts = new Remembered(db.turn)
    this.#events = events
    this.#audit = audit
    this.#write = deviceWrites(db)
    const { orm } = db
    const p = sql.placeholder
    this.#byAddress = orm
      .select()
      .from(devices)
      .where(
        and(eq(devices.kind, p('kind')), eq(devices.topic, p('topic')), eq(devices.address, p('address'))),
      )
      .orderBy(asc(devices.id))
      .prepare()
    this.#byAccount = orm
      .select()
      .from(devices)
      .where(eq(devices.accountId, p('accountId')))
      .orderBy(asc(devices.refreshedAt), asc(devices.id))
      .prepare()
    this.#byCallAddress = orm
      .select()
      .from(devices)
      .where(eq(devices.callAddress, p('callAddress')))
      .orderBy(asc(devices.refreshedAt), asc(devices.id))
      .prepare()
    this.#newest = orm.select().from(devices).orderBy(desc(devices.id)).limit(p('limit')).prepare()
    this.#owners = orm
      .selectDistinct({ accountId: devices.accountId })
      .from(devices)
      .where(gt(devices.accountId, p('after')))
      .orderBy(asc(devices.accountId))
      .limit(p('limit'))
      .prepare()
    this.#byId = orm
      .select()
      .from(devices)
      .where(eq(devices.id, p('id')))
      .prepare()
  }

  /**
   * Registers or refreshes, as often as the app likes: counters and a learned environment stay. Accounts that lose the
   * address take nothing of their queue with it. Beyond `max` of its kind the one that was not refreshed for longest
   * gives way: it is the phone most likely to be in a drawer.
   */
  enable(accountId: number, registration: Registration, now: number, max: number): Device {
    const all = this.at(registration)
    const own = all.find((device) => device.accountId === accountId)
    const takes = registration.takes ?? 'unshared'
    const losing = all.filter(
      (device) => device !== own && (takes === 'all' || (takes === 'unshared' && !device.shared)),
    )
    for (const device of losing) this.#drop(device)
    if (own) this.#renew(own, registration, now)
    else {
      const wishes = this.#replace(accountId, registration)
      this.#makeRoom(accountId, registration.kind, max)
      const options = wishes ? { wishes, ...registration.options } : registration.options
      this.#add(accountId, { ...registration, options }, now)
    }
    this.#accounts.forget(accountId)
    const device = this.at(registration).find((found) => found.accountId === accountId)
    if (!device) throw new Error('a device just registered is not there')
    const [from, ...others] = losing
    for (const other of others) this.#tell('device.removed', other, { reason: 'replaced' })
    if (from) this.#tell('device.moved', device, { from: this.#events.jidOf(from.accountId) })
    else if (!own) this.#tell('device.registered', device)
    return device
  }

  #renew(own: Device, registration: Registration, now: number): void {
    const { environment, sessionKey = null, tie = 'named', shared = false } = registration
    const { node = null, service = null, callAddress, options } = registration
    this.#write.refresh({
      id: own.id,
      environment: environment ?? own.environment,
      pinned: environment !== undefined || own.environmentPinned,
      sessionKey,
      tie,
      shared,
      node,
      service,
      // An app that names no address for calls may have named it by another door; a new set of options is whole.
      callAddress: callAddress ?? own.callAddress,
      options: JSON.stringify(options ?? own.options),
      now,
    })
  }

  #add(accountId: number, registration: Registration, now: number): void {
    const { kind, topic, address, environment, assumed, sessionKey = null, tie = 'named' } = registration
    const { shared = false, node = null, service = null, callAddress = null, options = {} } = registration
    this.#write.insert({
      accountId,
      kind,
      topic,
      environment: environment ?? assumed,
      pinned: environment !== undefined,
      address,
      sessionKey,
      tie,
      shared,
      node,
      service,
      callAddress,
      options: JSON.stringify(options),
      now,
    })
  }

  /** Another session is the device's own from now on. */
  tie({ id, accountId }: Device, sessionKey: string | null, tie: Tie): void {
    this.#accounts.forget(accountId)
    this.#write.tie({ id, sessionKey, tie })
  }

  /** Others in place of its options. */
  setOptions({ id, accountId }: Device, options: DeviceOptions): void {
    this.#accounts.forget(accountId)
    this.#write.options({ id, options: JSON.stringify(options) })
  }

  delete(id: number, reason: 'deleted' | 'disabled' = 'deleted'): boolean {
    const device = this.get(id)
    return device !== undefined && this.#remove(device, reason)
  }

  /** The account's devices, the one not refreshed for longest first. */
  of(accountId: number): readonly Device[] {
    return this.#accounts.get(accountId, () => this.#byAccount.all({ accountId }))
  }

  /** Of each account that has the address its registration, the oldest first. */
  at({ kind, topic, address }: Place): Device[] {
    return this.#byAddress.all({ kind, topic, address })
  }

  /** Those whose token for calls it is. */
  calledAt(callAddress: string): Device[] {
    return this.#byCallAddress.all({ callAddress })
  }

  /** Registrations of the phone and app of this one: of all accounts that share its address. */
  sharing(device: Device): readonly Device[] {
    return device.shared ? this.at(device) : [device]
  }

  /** Of all accounts, the last to be registered first. */
  newest(limit: number): Device[] {
    return this.#newest.all({ limit })
  }

  /** Ids of accounts behind `after` that have a device, in order. */
  owners(after: number, limit: number): number[] {
    return this.#owners.all({ after, limit }).map(({ accountId }) => accountId)
  }

  get(id: number): Device | undefined {
    return this.#byId.get({ id })
  }

  /** Time at which an app has registered the address of this device last, by whichever account (ms). */
  lastWord(device: Device): number {
    return Math.max(...this.at(device).map(({ refreshedAt }) => refreshedAt))
  }

  /**
   * Its service called the address dead at `before` (ms), for all accounts that have it. A registration that is newer
   * knows better, and all stay: Apple's 410 comes late by design.
   */
  forget(id: number, before: number): boolean {
    const device = this.get(id)
    if (!device || this.lastWord(device) > before) return false
    let gone = false
    for (const one of this.at(device)) {
      if (!this.#remove(one, 'dead')) continue
      gone = true
      this.died?.(one)
    }
    return gone
  }

  /** The provider called the address for calls dead; one that came since stays. */
  forgetCalls(id: number, address: string): void {
    for (const device of this.#phoneOf(id)) {
      this.#accounts.forget(device.accountId)
      this.#write.forgetCalls({ id: device.id, address })
    }
  }

  succeeded({ id, accountId, lastSuccess, lastReason }: Device, at: number): void {
    const before = at - NOTE_SUCCESS_EVERY
    if (lastReason === null && lastSuccess !== null && lastSuccess >= before) return
    this.#accounts.forget(accountId)
    this.#write.succeeded({ id, at, before })
  }

  failed(id: number, reason: string): void {
    const device = this.get(id)
    if (device) this.#accounts.forget(device.accountId)
    this.#write.failed({ id, reason })
  }

  learned(id: number, environment: string): void {
    for (const device of this.#phoneOf(id)) {
      this.#accounts.forget(device.accountId)
      this.#write.learned({ id: device.id, environment })
    }
  }

  /**
   * XEP-0357 §5: of one service and node the last registration holds. Some apps call it the same everywhere, so the app
   * must be the same too; and phones of one model may bear one name, so that node or key must be an id that no other
   * installation has. The old address of any other dies by its service's word. Returns the wishes of the person for what
   * is replaced.
   */
  #replace(accountId: number, registration: Registration): DeviceOptions['wishes'] {
    const { kind, topic, service, node, sessionKey, same } = registration
    if (service === undefined || node === undefined || !sessionKey) return undefined
    let wishes: DeviceOptions['wishes']
    const unique = UUID.test(node) || UUID.test(sessionKey)
    for (const device of this.of(accountId))
      if (
        device.kind === kind &&
        device.topic === topic &&
        device.service === service &&
        device.node === node &&
        device.sessionKey === sessionKey &&
        (unique || same?.has(device.id))
      ) {
        wishes = device.options.wishes ?? wishes
        this.#remove(device, 'replaced')
      }
    return wishes
  }

  #makeRoom(accountId: number, kind: DeviceKind, max: number): void {
    const all = this.of(accountId).filter((device) => device.kind === kind)
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
    return this.#write.delete({ id: device.id }) > 0
  }

  /** Of an address only its end: enough to tell two apart. */
  #tell(name: EventName, device: Device, more: Readonly<Record<string, string>> = {}): void {
    const { id, accountId, topic, environment, address } = device
    const shown = { device: String(id), topic, environment, token: address.slice(-6) }
    this.#events.tell(name, accountId, { ...shown, ...more })
    this.#audit.note(name.replace('.', ' '), { id, account: this.#events.jidOf(accountId), topic, ...more })
  }

  #phoneOf(id: number): readonly Device[] {
    const device = this.get(id)
    return device ? this.sharing(device) : []
  }
}
