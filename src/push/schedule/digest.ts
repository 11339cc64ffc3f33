/** Digest of muted rooms: once a day, at a time of the person's choice, how many messages each has had. */
import { perObject } from '../../per-object.ts'
import type { Account } from '../../store/accounts.ts'
import { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { notifyRule } from '../rules/notify-rule.ts'
import { isQuiet, timeIn } from '../rules/quiet.ts'
import type { Trip, World } from '../../routing/transit.ts'
import { roomNameOf } from './names.ts'
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
  const look = () => {
    // It comes again by itself.
    world.soon((t) => someOf(t, 0))
    world.clock.after(MINUTE, look)
  }
  world.clock.after(MINUTE, look)
})

function someOf(t: Trip, after: number): void {
  const some = t.store.unread.digests(after, ACCOUNTS)
  for (const { accountId, digest, digested } of some) {
    const account = t.store.accounts.byId(accountId)
    const since = digested ?? 0
    if (!account || t.now - since < DAY || timeIn(digest.zone, t.now).slice(0, 2) !== digest.at.slice(0, 2))
      continue
    if (timeIn(digest.zone, t.now) < digest.at) continue
    t.store.unread.digestedAt(accountId, t.now)
    tell(t, account, Math.max(since, t.now - LOOKS_BACK))
  }
  const last = some.at(-1)
  if (some.length === ACCOUNTS && last) t.soon((next) => someOf(next, last.accountId))
}

interface Count {
  readonly name: string
  readonly messages: number
}

function tell(t: Trip, account: Account, since: number): void {
  const counts = countsOf(t, account, since)
  if (counts.length === 0 || account.disabled) return
  const { push, badges, messages, unread } = t.store
  const messageId = String(messages.nextId())
  const said = counts.slice(0, NAMED).map(({ name, messages: n }) => `${name} ${n}`)
  const title = `${said.join(', ')}${counts.length > NAMED ? ' …' : ''}`
  for (const device of push.devices.of(account.id)) {
    if (isQuiet(unread.settings(account.id).quiet, t.now)) {
      const entry = { account: account.id, device: device.id, messageId, rule: 'quiet-hours', at: t.now }
      push.record({ ...entry, verdict: 'suppressed' })
      continue
    }
    push.queue({
      account,
      device,
      messageId,
      collapseId: 'digest',
      kind: 'digest',
      sender: account.jid,
      ...(keptFor(t, device).names ? { title } : {}),
      badge: badges.on(device),
      now: t.now,
      expiresAt: t.now + Math.min(DAY, t.config.push.expiration),
    })
  }
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
