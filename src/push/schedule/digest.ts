/** Digest of muted rooms: once a day, at the time of the person's choice or of the app's, how many messages each has had. */
import { perObject } from '../../per-object.ts'
import type { Account } from '../../store/accounts.ts'
import type { Device } from '../../store/devices.ts'
import type { Digest } from '../../store/unread.ts'
import { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { appOf } from '../rules/app-of.ts'
import { notifyRule } from '../rules/notify-rule.ts'
import { timeIn } from '../rules/quiet.ts'
import type { Trip, World } from '../../routing/transit.ts'
import { roomNameOf } from './names.ts'
import { silence } from './silence.ts'
import { keptFor } from './words.ts'

const MINUTE = 60_000
/** Least time between two of a person (ms): less than the shortest day of a change to summer time. */
const DAY = 22 * 60 * MINUTE
/** Time that a digest looks back at most (ms): a day that was missed is told with the next. */
const LOOKS_BACK = 48 * 60 * MINUTE
/** Accounts that one trip looks at, and rooms of one account that a digest names and counts. */
const ACCOUNTS = 100
const ROOMS = 50
const NAMED = 5
/** Bookmarks that are looked through for them. */
const BYTES = 1_000_000

/** Looks each minute who is to be told. */
export const startDigests = perObject((world: World) => {
  const sweeps = new Sweeps()
  const look = () => {
    const { apps, fcm, webpush } = world.config.push
    const times = new Set([...apps, ...fcm, webpush].flatMap(({ digest = [] }) => digest))
    // It comes again by itself.
    if (world.store.unread.digests(0, 1).length > 0) world.soon((t) => ofPeople(t, 0))
    for (const zone of sweeps.due(world, times)) world.soon((t) => ofApps(t, zone, 0))
    world.clock.after(MINUTE, look)
  }
  world.clock.after(MINUTE, look)
})

/** Zones in which accounts have been looked through for what their apps have by default: once a day and time, as far as memory goes. */
class Sweeps {
  readonly #last = new Map<string, number>()

  due({ store, clock }: World, times: ReadonlySet<string>): Set<string> {
    const due = new Set<string>()
    if (times.size === 0) return due
    const now = clock.now()
    for (const zone of new Set([serverZone(), ...store.unread.zones()]))
      for (const at of times) {
        const key = `${at} ${zone}`
        if (!isTime(at, zone, now) || now - (this.#last.get(key) ?? 0) < DAY) continue
        this.#last.set(key, now)
        due.add(zone)
      }
    return due
  }
}

/** From that minute to the end of its hour. */
function isTime(at: string, zone: string, now: number): boolean {
  const time = timeIn(zone, now)
  return time.slice(0, 2) === at.slice(0, 2) && time >= at
}

/** Accounts whose persons have said so. */
function ofPeople(t: Trip, after: number): void {
  const some = t.store.unread.digests(after, ACCOUNTS)
  for (const id of some) tellInTime(t, id, () => true)
  const last = some.at(-1)
  if (some.length === ACCOUNTS && last) t.soon((next) => ofPeople(next, last))
}

/** Accounts of that zone whose apps have one by default. */
function ofApps(t: Trip, zone: string, after: number): void {
  const some = t.store.push.devices.owners(after, ACCOUNTS)
  for (const id of some) tellInTime(t, id, (wish) => wish.zone === zone)
  const last = some.at(-1)
  if (some.length === ACCOUNTS && last) t.soon((next) => ofApps(next, zone, last))
}

function tellInTime(t: Trip, accountId: number, isMeant: (wish: Wish) => boolean): void {
  const account = t.store.accounts.byId(accountId)
  const wish = account && digestOf(t, account)
  if (!wish || account.disabled || !isMeant(wish) || !isTime(wish.at, wish.zone, t.now)) return
  const last = t.store.unread.lastDigest(accountId)
  if (t.now - last < DAY) return
  if (tell(t, account, wish.devices, Math.max(last, t.now - LOOKS_BACK)))
    t.store.unread.digestedAt(accountId, t.now)
}

interface Wish extends Digest {
  readonly devices: readonly Device[]
}

/**
 * Time at which an account is told, and on which devices: all, by the person's own wish; else those whose app has it, at
 * the earliest of their times.
 */
export function digestOf(
  { store, config }: Pick<World, 'store' | 'config'>,
  account: Account,
): Wish | undefined {
  const { digest, quiet } = store.unread.settings(account.id)
  if (digest?.at === 'never') return undefined
  const devices = store.push.devices.of(account.id)
  if (digest) return { ...digest, devices }
  const told = devices.flatMap((device) => {
    const at = appOf(config, device)?.digest
    return at === undefined ? [] : [{ device, at }]
  })
  const [at] = told.map((one) => one.at).toSorted()
  if (at === undefined) return undefined
  return { at, zone: quiet?.zone ?? serverZone(), devices: told.map(({ device }) => device) }
}

/** Of who has said none. */
export const serverZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone

interface Count {
  readonly name: string
  readonly messages: number
}

/** False where there was nothing to tell. */
function tell(t: Trip, account: Account, devices: readonly Device[], since: number): boolean {
  const counts = countsOf(t, account, since)
  if (counts.length === 0) return false
  const { push, badges, messages } = t.store
  const messageId = String(messages.nextId())
  const said = counts.slice(0, NAMED).map(({ name, messages: n }) => `${name} ${n}`)
  const title = `${said.join(', ')}${counts.length > NAMED ? ' …' : ''}`
  for (const device of devices) {
    const what = { messageId, collapseId: 'digest', kind: 'digest', sender: account.jid }
    const rule = silence(t.store, account, device, what, t.now)
    if (rule !== undefined) {
      const entry = { account: account.id, device: device.id, messageId, rule, at: t.now }
      push.record({ ...entry, verdict: 'suppressed' })
      continue
    }
    push.queue({
      account,
      device,
      ...what,
      ...(keptFor(t, device).names ? { title } : {}),
      badge: badges.on(device),
      now: t.now,
      expiresAt: t.now + Math.min(DAY, t.config.push.expiration),
    })
  }
  return true
}

/** Of rooms here that are muted, the liveliest first. */
function countsOf(t: Trip, account: Account, since: number): Count[] {
  const { pep, rooms, roomArchive, receipts } = t.store
  const after = receipts.below(since)
  const found: Count[] = []
  for (const { id } of pep.items(account, NS.bookmarks, { fromEnd: true, limit: ROOMS, bytes: BYTES })) {
    const room = Jid.tryParse(id)
    const row = room && rooms.find(room.bare)
    if (!row || notifyRule(t.store, account, room.bare) !== 'never') continue
    const messages = roomArchive
      .newest(row.id, after, t.config.limits.room_unread)
      .filter(({ user, counts }) => counts === 1 && user !== account.jid).length
    if (messages > 0) found.push({ name: roomNameOf(t, room) ?? room.local, messages })
  }
  return found.toSorted((a, b) => b.messages - a.messages)
}
