/** Pushes that are held back: their clocks, and what becomes of them when their time is over. */
import type { Held, HeldPush, PhonePush, Waiting, Withdrawal } from '../../store/held.ts'
import type { Account } from '../../store/accounts.ts'
import { chatId } from '../../store/chat-id.ts'
import type { Device } from '../../store/devices.ts'
import type { Words } from '../../store/push.ts'
import { mayGo } from './burst.ts'
import { patienceOf, usedUntil } from './in-use.ts'
import { isUncounted } from '../rules/classify.ts'
import { awaitsAck } from '../rules/decide.ts'
import type { Session } from '../../routing/session.ts'
import { silence } from './silence.ts'
import type { Trip } from '../../routing/transit.ts'
import { untold } from './removals.ts'
import { sessionOf } from '../registration/whose.ts'

/** Rows that one trip takes back; beside them it may lower the numbers of all phones, and all are 256 at most. */
export const WITHDRAWN = 128
/** Messages of one chat that come within this time after a burst are one push: the last. */
const BURST_WAIT_MS = 5_000
/** Rows that one trip looks through for those. */
const SCANNED = 500
/** Holds that may wait for another device. */
const FOR_USE = ['other-device-active', 'inactive-unacked'] as const

/** Holds a push for a device and records why. */
export function holdPush(t: Trip, push: PhonePush, rule: string, until: number): void {
  const id = t.store.held.hold(push, rule, until)
  record(t, push.account.id, push.device.id, push.messageId, 'held', rule, new Date(until).toISOString())
  watch(t, id, until)
}

/** After a restart: the rows are there, their clocks are not. */
export function resumeHolds(t: Trip): void {
  for (const { id, next_at } of t.store.held.all()) watch(t, id, next_at)
  for (const [name, withdrawal] of t.store.held.putOffs())
    t.insist((next) => withdrawOn(next, name, withdrawal, 0))
}

/**
 * Takes back what no phone was told of a chat yet, up to a message: after a long outage of the provider in several trips,
 * the oldest first, since those would go first.
 */
export function withdraw(t: Trip, account: Account, sender: string, upTo: number, rule: string): void {
  // What is decided from now on is not meant, not even about an older message.
  const lastRow = t.store.push.nextId()
  const withdrawal = { accountId: account.id, sender, upTo, rule, lastRow }
  const after = withdrawSome(t, withdrawal, 0)
  if (after === undefined) return
  const name = t.store.held.putOff(withdrawal)
  t.insist((next) => withdrawOn(next, name, withdrawal, after))
}

function withdrawOn(t: Trip, name: string, withdrawal: Withdrawal, after: number): void {
  const last = withdrawSome(t, withdrawal, after)
  if (last === undefined) t.store.held.finish(name)
  else t.insist((next) => withdrawOn(next, name, withdrawal, last))
}

/** Returns the last row that it has looked at; undefined where there are no more. */
function withdrawSome(t: Trip, withdrawal: Withdrawal, after: number): number | undefined {
  const { accountId, lastRow, rule } = withdrawal
  const page = t.store.held.page(accountId, after, lastRow, SCANNED)
  const found: Waiting[] = []
  let last: number | undefined
  for (const row of page) {
    if (found.length === WITHDRAWN) break
    last = row.id
    if (isWaiting(row) && isMeant(row, withdrawal)) found.push(row)
  }
  t.store.events.together(() => {
    for (const waiting of found) drop(t, waiting, 'withdrawn', rule)
  })
  return page.length < SCANNED && last === page.at(-1)?.id ? undefined : last
}

const isWaiting = (row: ReturnType<Held['page']>[number]): row is Waiting =>
  row.device_id !== null && (row.state === 'held' || row.state === 'queued')

const isMeant = (row: Waiting, { accountId, sender, upTo, lastRow }: Withdrawal): boolean =>
  row.account_id === accountId &&
  row.sender === sender &&
  row.id <= lastRow &&
  Number(row.message_id) <= upTo &&
  isOfMessage(row)

/**
 * Takes away what a phone was not told yet of one message, for the devices that `from` chooses; returns it. A call rings
 * on its own terms, but for an app that has it (`calls`).
 */
export function withdrawFrom(
  t: Trip,
  account: Account,
  messageId: string,
  rule: string,
  from: (waiting: HeldPush) => boolean,
  { calls = false } = {},
): HeldPush[] {
  const gone: HeldPush[] = []
  t.store.events.together(() => {
    for (const waiting of t.store.held.waitingAbout(account.id, messageId))
      if (
        (isOfMessage(waiting) || (calls && waiting.kind === 'call')) &&
        from(waiting) &&
        drop(t, waiting, 'withdrawn', rule)
      )
        gone.push(waiting)
  })
  return gone
}

/** Rewords what phones were not told yet of a message. */
export function reword(t: Trip, account: Account, messageId: string, words: (device: Device) => Words): void {
  for (const waiting of t.store.held.waitingAbout(account.id, messageId)) {
    if (waiting.kind !== 'body' && waiting.kind !== 'encrypted') continue
    const device = deviceOf(t, account, waiting)
    if (device) t.store.held.reword(waiting, words(device))
  }
}

/** The device that would be rung, while it is registered. */
export function deviceOf(
  t: Trip,
  { id: accountId }: Pick<Account, 'id'>,
  { device_id }: HeldPush,
): Device | undefined {
  return t.store.push.devices.of(accountId).find(({ id }) => id === device_id)
}

/** A call rings on its own terms, and a number is told for its own sake. */
const isOfMessage = ({ kind }: Pick<HeldPush, 'kind'>): boolean =>
  kind !== 'badge' && kind !== 'remove' && !kind.startsWith('call')

/** Ends the wait for another device: nobody is there after all, unless the own app is back. */
export function stopWaiting(t: Trip, account: Account, messageId: string): void {
  t.store.events.together(() => {
    for (const waiting of t.store.held.waitingAbout(account.id, messageId)) {
      const waits = waiting.hold === 'other-device-active' || awaitsAck(waiting.hold)
      if (waits && !ownApp(t, account, waiting)) expire(t, waiting.id)
    }
  })
}

/** The session of the app that would be rung, if there is one that is believed to hear. */
function ownApp(t: Trip, account: Account, held: HeldPush): Session | undefined {
  const session = sessionOf(t, account, deviceOf(t, account, held))
  return session?.hibernating || session?.delivery.unresponsive ? undefined : session
}

/**
 * A call is over: what has not left is taken back, or waits on to tell of a call that was missed. Returns the devices
 * that would have been called.
 */
export function endWaiting(t: Trip, account: Account, messageId: string, missed: boolean): Set<number> {
  const spared = new Set<number>()
  t.store.events.together(() => {
    for (const waiting of t.store.held.waitingAbout(account.id, messageId)) {
      if (waiting.kind !== 'call') continue
      if (missed && waiting.hold !== null) t.store.held.reword(waiting, { kind: 'call-missed', body: null })
      else if (drop(t, waiting, 'withdrawn', 'call-ended')) spared.add(waiting.device_id)
    }
  })
  return spared
}

/** Keeps a push back where its device has had too many: it waits, or a newer one of its chat rings for it. Else false. */
export function holdBurst(t: Trip, push: PhonePush): boolean {
  const { account, device, messageId, sender } = push
  const burst = burstOf(t, account.id, device, push)
  if (burst === 'now') return false
  if (burst.into) record(t, account.id, device.id, messageId, 'coalesced', 'burst', `into ${burst.into}`)
  else holdPush(t, { ...push, collapseId: chatId('chat', sender) }, 'burst', burst.until)
  return true
}

/** The same for what has been held for another reason. */
function waitsInBurst(t: Trip, held: HeldPush): boolean {
  if (held.hold === 'burst' || !isOfMessage(held)) return false
  const { account_id, message_id: messageId, sender } = held
  const device = deviceOf(t, { id: account_id }, held)
  if (!device) return false
  const burst = burstOf(t, account_id, device, { messageId, sender })
  if (burst === 'now') return false
  if (burst.into) drop(t, held, 'coalesced', 'burst', `into ${burst.into}`)
  else {
    t.store.held.joinBurst(held.id, chatId('chat', sender))
    waitOn(t, held, 'burst', burst.until)
  }
  return true
}

/** Of one chat the newest waits, and the older ones are merged into it. */
function burstOf(
  t: Trip,
  account: number,
  device: Device,
  { sender, messageId }: Pick<PhonePush, 'sender' | 'messageId'>,
): 'now' | { readonly until: number; readonly into?: string } {
  if (mayGo(t, device)) return 'now'
  let until = t.now + BURST_WAIT_MS
  for (const other of t.store.held.ofChat(account, sender)) {
    if (other.device_id !== device.id || other.hold !== 'burst') continue
    until = Math.min(until, other.next_at)
    if (Number(other.message_id) > Number(messageId)) return { until, into: other.message_id }
    drop(t, other, 'coalesced', 'burst', `into ${messageId}`)
  }
  return { until }
}

function watch({ world }: Trip, id: number, until: number): void {
  world.store.turn.after(() => {
    world.clock.after(Math.max(0, until - world.now()), () => world.insist((next) => expire(next, id)))
  })
}

function expire(t: Trip, id: number): void {
  const held = t.store.held.find(id)
  const account = held && t.store.accounts.byId(held.account_id)
  if (!held || !account) return
  const { badges } = t.store
  const device = deviceOf(t, account, held)
  if (!device) return
  if (held.hold === 'remove') return removeNow(t, held, account, device)
  if (held.hold === 'badge') {
    if (badges.told(device) === badges.on(device)) return void t.store.held.drop(held)
  } else {
    const reason = reasonToStay(t, account, held)
    if (reason) return void drop(t, held, 'withdrawn', reason)
    const until = held.hold === 'burst' ? t.now : endOfUse(t, account, held)
    if (until > t.now) return waitForUse(t, held, until)
    if (waitsInBurst(t, held)) return
    // A call did not count while the app seemed to be open.
    const message = { id: Number(held.message_id), peer: held.sender, ref: undefined }
    if (held.hold === 'call-unacked') t.store.unread.add(account.id, message, t.config.limits.unread_per_user)
  }
  const badge = badges.on(device)
  badges.tell(device, badge)
  // A start may have come between.
  const rings = held.kind !== 'call' || t.now < held.created_at + t.config.push.ring_time
  t.store.held.release(rings ? held : { ...held, kind: 'call-missed' }, account, badge, t.now)
}

function removeNow(t: Trip, held: HeldPush, account: Account, device: Device): void {
  if (untold(t.world, device).length === 0) return void t.store.held.drop(held)
  // Another account that the app has on the phone may have been first.
  const next = t.store.push.notices.wokenAt(device.id) + t.config.push.removal_every
  if (next > t.now) {
    t.store.held.wait(held.id, next)
    return watch(t, held.id, next)
  }
  for (const { id } of t.store.push.devices.sharing(device)) t.store.push.notices.woken(id, t.now)
  t.store.held.release(held, account, undefined, t.now)
}

/** The app does not have it, and somebody may read it elsewhere: until then the phone waits like one that sleeps. */
function endOfUse(t: Trip, account: Account, held: HeldPush): number {
  const device = deviceOf(t, account, held)
  if (!isOfMessage(held) || !device) return t.now
  const { within, hold } = patienceOf(t.config, device)
  const own = sessionOf(t, account, device)
  const others = [...t.sessions.of(account.jid)].filter((session) => session !== own)
  return Math.min(held.created_at + hold, usedUntil(others, within))
}

/** A new sign of somebody at another device; what waits for that already has said so. */
function waitForUse(t: Trip, held: HeldPush, until: number): void {
  if (!isForUse(t, held)) return waitOn(t, held, 'other-device-active', until)
  t.store.held.wait(held.id, until)
  watch(t, held.id, until)
}

/** Whether a push waits for another device, perhaps after it has waited for the ack of its own app. */
const isForUse = (t: Trip, { hold, next_at, created_at }: HeldPush): boolean =>
  hold === 'other-device-active' ||
  (hold === 'inactive-unacked' && next_at > created_at + t.config.push.inactive_wait)

/** Whether a push waits for the end of a session's use. */
export const isAwaited = ({ store }: Pick<Trip['world'], 'store'>, { id }: Account): boolean =>
  store.held.waitingFor(id, FOR_USE).length > 0

/** Somebody has left an app, or says so: what waits for that rings now, unless it still waits for another. */
export function useEnded(t: Trip, account: Account): void {
  t.store.events.together(() => {
    for (const held of t.store.held.waitingFor(account.id, FOR_USE))
      if (isForUse(t, held) && endOfUse(t, account, held) <= t.now) expire(t, held.id)
  })
}

function waitOn(t: Trip, held: HeldPush, rule: string, until: number): void {
  t.store.held.wait(held.id, until)
  record(t, held.account_id, held.device_id, held.message_id, 'held', rule, new Date(until).toISOString())
  watch(t, held.id, until)
}

const aboutOf = ({ sender, kind, message_id: messageId }: HeldPush) => ({ sender, kind, messageId })

/** Why a push whose time is over need not go after all. */
function reasonToStay(t: Trip, account: Account, held: HeldPush): string | undefined {
  // Withdrawals that are on their way count already.
  for (const [, withdrawal] of t.store.held.putOffs()) if (isMeant(held, withdrawal)) return withdrawal.rule
  const silent = silence(t.store, account, deviceOf(t, account, held), aboutOf(held), t.now)
  if (silent) return silent
  if (held.hold === 'other-device-active' && !isUncounted(held.kind))
    return t.store.unread.has(Number(held.message_id)) ? undefined : 'read-elsewhere'
  if (!awaitsAck(held.hold)) return undefined
  const session = ownApp(t, account, held)
  // Without a session that has it, it may have landed where it waits for the app.
  if (!session || t.store.messages.isStored(Number(held.message_id))) return undefined
  for (const { given } of session.delivery.inFlight.values())
    if (String(given.id) === held.message_id) return undefined
  return 'acked'
}

function drop(
  t: Trip,
  held: Waiting,
  verdict: 'withdrawn' | 'coalesced',
  rule: string,
  reason?: string,
): boolean {
  if (!t.store.held.drop(held)) return false
  record(t, held.account_id, held.device_id, held.message_id, verdict, rule, reason)
  return true
}

function record(
  t: Trip,
  account: number,
  device: number,
  messageId: string,
  verdict: 'held' | 'withdrawn' | 'coalesced',
  rule: string,
  reason?: string,
): void {
  t.store.push.record({ account, device, messageId, verdict, rule, reason, at: t.now })
}
