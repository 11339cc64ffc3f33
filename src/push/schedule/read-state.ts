/** Messages that an account has read: none of them rings any more, and the numbers on its phones go down. */
import type { Account } from '../../store/accounts.ts'
import type { Device } from '../../store/devices.ts'
import { Jid } from '../../xmpp/jid.ts'
import { retractedId } from '../../xmpp/message.ts'
import type { Element } from '../../xmpp/xml.ts'
import { holdPush, withdraw, withdrawFrom } from './schedule.ts'
import { standIn } from './replacement.ts'
import { mayWake, untold } from './removals.ts'
import type { Trip } from '../../routing/transit.ts'
import { sessionOf } from '../registration/whose.ts'

/** Several chats read at once are one push. */
const BADGE_WAIT_MS = 2_000

/** A chat was read up to a message. */
export function read(t: Trip, account: Account, peer: string, upTo: number): void {
  readUpTo(t, account, peer, upTo, 'read-elsewhere')
}

/** The same, up to a message that is named by its id in the archive of the account or of the room. */
export function readUpToId(t: Trip, account: Account, peer: string, id: number): void {
  const isRoom = t.world.domains.serviceAt(Jid.parse(peer).domain) !== undefined
  read(t, account, peer, isRoom ? t.store.unread.upToOf(account.id, peer, id) : id)
}

/** Unread messages of a chat do not count any longer. */
export function mute(t: Trip, account: Account, peer: string): void {
  readUpTo(t, account, peer, Number.MAX_SAFE_INTEGER, 'muted')
}

function readUpTo(t: Trip, account: Account, peer: string, upTo: number, rule: string): void {
  if (t.store.unread.read(account.id, peer, upTo) === 0) return
  tidySoon(t, account.id)
  withdraw(t, account, peer, upTo, rule)
  lower(t, account)
}

/** All chats were read. */
export function readAll(t: Trip, account: Account): void {
  if (t.store.unread.clear(account.id) === 0) return
  tidySoon(t, account.id)
  lower(t, account)
}

/** After a restart: rows of what was read may be left. */
export function resumeReading(t: Trip): void {
  for (const accountId of t.store.unread.unfinished()) tidySoon(t, accountId)
}

function tidySoon(t: Trip, accountId: number): void {
  if (!t.store.unread.unfinished().includes(accountId)) return
  t.insist((next) => {
    next.store.unread.goOn(accountId)
    tidySoon(next, accountId)
  })
}

/** XEP-0424 §5: what its sender takes back before it was read is not worth a look. */
export function takeBack(t: Trip, account: Account, el: Element, from: Jid): void {
  const ref = retractedId(el)
  const id = ref ? t.store.unread.idOf(account.id, from.bare, ref) : undefined
  if (id === undefined || !t.store.unread.forget(account.id, id)) return
  for (const gone of withdrawFrom(t, account, String(id), 'retracted', () => true)) standIn(t, account, gone)
  lower(t, account)
}

/** The number went down: told to every phone that shows a higher one and cannot change it by itself. */
export function lower(t: Trip, account: Account): void {
  removeSoon(t, account)
  tell(t, account, (shown, badge) => shown > badge)
}

/** The number has changed without a ring. */
export function showCount(t: Trip, account: Account): void {
  tell(t, account, (shown, badge) => shown !== badge)
}

/** A push that only changes the number. */
function tell(t: Trip, account: Account, needs: (shown: number, badge: number) => boolean): void {
  const { badges, push } = t.store
  t.store.events.together(() => {
    for (const device of push.devices.of(account.id)) {
      const badge = badges.on(device)
      if (isOpen(t, device)) {
        // An app that is open shows the number itself.
        badges.tell(device, badge)
        continue
      }
      if (!needs(badges.told(device), badge) || waits(t, account, device.id, 'badge')) continue
      const until = t.now + BADGE_WAIT_MS
      const expiresAt = t.now + t.config.push.expiration
      const what = { messageId: 'badge', collapseId: 'badge', kind: 'badge', sender: account.jid }
      holdPush(t, { account, device, ...what, badge, now: t.now, expiresAt }, 'badge', until)
    }
  })
}

/** The app is there in the foreground, as whichever of its accounts. */
function isOpen(t: Trip, device: Device): boolean {
  return t.store.push.devices.sharing(device).some((one) => {
    const account = t.store.accounts.byId(one.accountId)
    const session = account && sessionOf(t, account, one)
    return session && !session.hibernating && !session.delivery.unresponsive && !session.inactive
  })
}

function waits(t: Trip, account: Account, device: number, kind: 'badge' | 'remove'): boolean {
  return t.store.held
    .ofChat(account.id, account.jid)
    .some((held) => held.device_id === device && held.kind === kind)
}

/** Notices of what is not unread any more go off the screens of the phones whose apps do that. */
function removeSoon(t: Trip, account: Account): void {
  const { push } = t.store
  const every = t.config.push.removal_every
  for (const device of push.devices.of(account.id)) {
    // An app that is open hears of it by its stream.
    if (!mayWake(t.world, device) || untold(t.world, device).length === 0 || isOpen(t, device)) continue
    if (waits(t, account, device.id, 'remove')) continue
    const until = Math.max(t.now + BADGE_WAIT_MS, push.notices.wokenAt(device.id) + every)
    // A later one says the same and more, so that it is not worth more than two turns.
    const what = { messageId: 'remove', collapseId: 'remove', kind: 'remove', sender: account.jid }
    holdPush(t, { account, device, ...what, now: t.now, expiresAt: until + 2 * every }, 'remove', until)
  }
}
