/** Push Notifications (XEP-0357): the decision after delivery. Registration is push-registration.ts. */
import { joinedOf } from '../accounts/invites.ts'
import { callNews } from '../push/rules/calls.ts'
import { isNothing, isUncounted, isUpdate, matters, type Proposal } from '../push/rules/classify.ts'
import { awaitAck, stopAwaiting } from '../push/schedule/background.ts'
import { correct } from '../push/schedule/corrected.ts'
import { holdBurst, holdPush, resumeHolds, stopWaiting } from '../push/schedule/schedule.ts'
import { connectionOf, patienceOf, usedUntil } from '../push/schedule/in-use.ts'
import { undoRinging } from '../push/schedule/late-ack.ts'
import { type NotifyRule, notifyRule } from '../push/rules/notify-rule.ts'
import { isQuiet } from '../push/rules/quiet.ts'
import { startDigests } from '../push/schedule/digest.ts'
import { ringJoined } from '../push/schedule/joined.ts'
import { proposalFor } from '../push/schedule/reactions.ts'
import { showCount, takeBack } from '../push/schedule/read-state.ts'
import { type CallEnd, endOf } from '../push/schedule/ringing.ts'
import { awaits } from '../routing/delivery.ts'
import type { Session } from '../routing/session.ts'
import { isOwn, mayBeOwn, sessionOf } from '../push/registration/whose.ts'
import { type AccountState, awaitsAck, decide, type DeviceState } from '../push/rules/decide.ts'
import { filtered, isReferred, mentions, type StanzaFacts } from '../push/rules/filters.ts'
import { stillness } from '../push/rules/wishes.ts'
import { whoFor } from '../push/schedule/who.ts'
import { wordsOf } from '../push/schedule/words.ts'
import type { NewPush } from '../store/push.ts'
import type { Feature, Given, Incoming, Outcome } from '../routing/feature.ts'
import type { RoomFacts } from '../routing/outcome.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { chatId } from '../store/chat-id.ts'
import type { Device } from '../store/devices.ts'
import { Jid } from '../xmpp/jid.ts'
import { correctedId, hasBody, isTombstone, retractedId } from '../xmpp/message.ts'
import { readStored } from '../xmpp/stored.ts'
import { childText, type Element } from '../xmpp/xml.ts'

/** Rows of the outbox that one trip may write. */
const OUTBOX_ROWS = 256

export const push: Feature = {
  name: 'push',
  xeps: [],
  started(t) {
    resumeHolds(t)
    joinedOf(t.world).hear = ringJoined
    startDigests(t.world)
  },
  settled,
  // Of a client without acks any stanza shows it, and so does its goodbye.
  sent(t) {
    if (t.origin && !t.origin.delivery.acknowledges) stopAwaiting(t, t.origin)
  },
  closed(t, session) {
    if (session.orderly && !session.delivery.acknowledges) stopAwaiting(t, session, true)
  },
  delivery: {
    acknowledged: (t, session) => stopAwaiting(t, session),
    timedOut: (t, session, messages) => unseen(t, messages, session),
    acknowledgedLate(t, session, messages) {
      if (matters(t.config, t.store)) undoRinging(t, session, messages)
    },
    requeued: (t, _account, messages) => unseen(t, messages),
  },
}

function settled(t: Incoming): void {
  const { owner: account, outcome } = t
  const { el, from, kind } = t.stanza
  const proposal = proposalFor(t, account, el, from)
  if (isNothing(proposal) || !matters(t.config, t.store)) return
  const id = t.storedId ?? t.given?.id ?? t.store.messages.nextId()
  if (isUpdate(proposal.rule)) noteChange(t, account, el, from)
  if (t.given && t.room) told.set(t.given, t.room)
  if (t.given && t.room?.again) return t.takers.length > 0 ? undefined : unseen(t, [t.given])
  const takers = kind === 'presence' && outcome === 'delivered' ? [...t.sessions.of(account.jid)] : t.takers
  consider(t, { account, el, from, id, proposal, outcome, takers, given: t.given, room: t.room })
}

/** Facts that rooms told of messages that nobody has acknowledged. */
const told = new WeakMap<Given, RoomFacts>()

/**
 * Messages that were thought to be seen and were not ring after all, where it did not before: with `doubted` the device of that
 * session, which has not shown that it has it, whoever else has; without it all devices, since nobody has it.
 */
function unseen(t: Trip, messages: readonly Given[], doubted?: Session): void {
  if (!matters(t.config, t.store)) return
  let rows = 0
  for (const [i, given] of messages.entries()) {
    const { id, account, el, live, arrived } = given
    const { from } = el.attrs
    if (!live || from === undefined) continue
    const proposal = proposalFor(t, account, el, Jid.parse(from))
    const shown = doubted ? !doubted.closed && !awaits(doubted, given) : arrived
    if (shown || isNothing(proposal)) continue
    // The message's room has not told of it yet, and will look again who has it.
    if (given.ofRoom && !told.has(given)) continue
    // A message may ring each device and change the number on it; the webhook and its events come on top.
    const most = 2 * t.store.push.devices.of(account.id).length + 4
    if (rows > 0 && rows + most > OUTBOX_ROWS)
      return t.insist((later) => unseen(later, messages.slice(i), doubted))
    rows += most
    if (!isUsed(t, account.jid)) stopWaiting(t, account, String(id))
    const decided = t.store.push.decidedFor(account.id, String(id))
    const devices = devicesOf(t, account, doubted).filter((device) => !decided.has(device.id))
    const again = { devices, webhook: !decided.has(null) }
    const change = changed.get(given)
    const room = told.get(given)
    const over =
      (change && retractedId(change) !== undefined) || (room && isTakenBack(t, room))
        ? 'retracted'
        : isRead(t, given, proposal)
          ? 'read-elsewhere'
          : undefined
    if (over) {
      suppress(t, account, id, over, devices)
      continue
    }
    const takers = takersOf(t, given)
    const ring = {
      account,
      el,
      from: Jid.parse(from),
      id,
      proposal,
      outcome: 'stored',
      takers,
      given,
    } as const
    consider(t, { ...ring, room, again })
    if (change) correct(t, account, change, Jid.parse(from), false)
  }
}

/** A room's archive is the one place that knows. */
function isTakenBack({ store }: Trip, { stanzaId }: RoomFacts): boolean {
  const said = store.roomArchive.byId(Number(stanzaId))
  return !said || isTombstone(readStored('message', said.xml))
}

/** Those of one session, unless the app is there again in another, or all. */
function devicesOf(t: Trip, account: Account, session: Session | undefined): readonly Device[] {
  const all = t.store.push.devices.of(account.id)
  if (!session) return all
  return all.filter(
    (device) => mayBeOwn(session, device) && [undefined, session].includes(sessionOf(t, account, device)),
  )
}

/** The sessions that were given the message and are still there. */
function takersOf(t: Trip, given: Given): Session[] {
  return [...t.sessions.of(given.account.jid)].filter(
    (session) =>
      !session.hibernating && !session.delivery.unresponsive && (given.arrived || awaits(session, given)),
  )
}

/** Messages that counted as unread when they came. */
const counted = new WeakSet<Given>()

function isRead(t: Trip, given: Given, { kind }: Proposal): boolean {
  const { unread, push } = t.store
  if (unread.has(given.id)) return false
  if (counted.has(given)) return true
  // What came before the start is known by its verdicts alone.
  if (kind !== 'ring' || !t.store.receipts.isFromBefore(given.id)) return false
  const { id } = given.account
  return push.wasCounted(id, String(given.id), unread.settings(id).marks)
}

/** Whether somebody sits at one of the account's apps, as far as anybody knows. */
const isUsed = (t: Trip, account: string): boolean =>
  usedUntil(t.sessions.of(account), t.config.push.active_within) > t.now

/** Messages that nobody has acknowledged, and what their sender has said of them since. */
const changed = new WeakMap<Given, Element>()

/** A session may turn out not to have a message: its phones are then told what has become of the message since. */
function noteChange(t: Trip, account: Account, el: Element, from: Jid): void {
  const ref = correctedId(el) ?? retractedId(el)
  if (!ref || el.attrs.type === 'groupchat') return
  for (const session of t.sessions.of(account.jid))
    for (const { given } of session.delivery.inFlight.values()) {
      const { id, from: sender } = given.el.attrs
      if (id !== ref || sender === undefined || Jid.parse(sender).bare !== from.bare) continue
      const before = changed.get(given)
      t.undo(() => (before ? changed.set(given, before) : changed.delete(given)))
      changed.set(given, el)
    }
}

function suppress(t: Trip, account: Account, id: number, rule: string, devices: readonly Device[]): void {
  t.store.events.together(() => {
    for (const device of devices) recordSuppressed(t, account, id, device, rule)
  })
}

function recordSuppressed(t: Trip, account: Account, id: number, device: Device, rule: string): void {
  const entry = { account: account.id, device: device.id, messageId: String(id), rule, at: t.now }
  t.store.push.record({ ...entry, verdict: 'suppressed' })
}

interface Ring {
  readonly account: Account
  readonly el: Element
  readonly from: Jid
  /** Microseconds since the epoch; the message's id wherever it is stored. */
  readonly id: number
  readonly proposal: Proposal
  readonly outcome: Outcome
  /** Sessions that it was written to. */
  readonly takers: readonly Session[]
  readonly given: Given | undefined
  /** Of a room here. */
  readonly room?: RoomFacts | undefined
  /** Whether it names the account. */
  readonly mentioned?: boolean | undefined
  /** A message that was decided before: for whom it is decided now. */
  readonly again?: { readonly devices: readonly Device[]; readonly webhook: boolean }
}

function consider(t: Trip, ring: Ring): void {
  const { account, from, el, proposal, outcome } = ring
  // What one sends to oneself is no news.
  if (from.bare === account.jid) return
  if (proposal.rule === 'correction') correct(t, account, el, from, ring.again === undefined)
  // A retraction may find what rang only now, although it was there before.
  if (proposal.rule === 'retraction') takeBack(t, account, el, from)
  const seen = ring.takers.some((session) => !session.hibernating && !session.delivery.unresponsive)
  const all = t.store.push.devices.of(account.id)
  const { devices, webhook } = ring.again ?? { devices: all, webhook: true }
  if (devices.length > 0) {
    const facts = factsOf(t, ring)
    const chosen = notifyRule(t.store, account, from.bare)
    const state = stateOf(t, ring, facts, chosen)
    if (ring.room)
      noteRoom(t, ring, ring.room, { rule: state.notify ?? 'always', chosen: chosen !== undefined })
    if (counts(state) && !shows(t, ring, all)) {
      count(t, ring)
      if (proposal.kind === 'badge') showCount(t, account)
    }
    t.store.events.together(() => {
      for (const device of devices) decideFor(t, ring, device, { state, facts })
    })
  }
  if (webhook && t.store.events.wants('message.offline') && !seen && outcome !== 'none' && hasBody(el))
    t.store.push.queue(pushOf(t, ring, undefined, t.store.messages.offlineSize(account).unread))
}

/** Notes the room and whose rule it was, for explain. */
function noteRoom(
  t: Trip,
  { from, id }: Ring,
  { mentioned, stanzaId }: RoomFacts,
  rule: { readonly rule: NotifyRule; readonly chosen: boolean },
): void {
  const about = { messageId: id, room: from.bare, saidId: Number(stanzaId) }
  t.store.roomVerdicts.note({ ...about, ...rule, mentioned })
}

function count(t: Trip, { account, from, el, id, given, room }: Ring): void {
  const ref = room ? room.stanzaId : el.attrs.id
  t.store.unread.add(account.id, { id, peer: from.bare, ref }, t.config.limits.unread_per_user)
  if (!given || counted.has(given)) return
  counted.add(given)
  t.undo(() => counted.delete(given))
}

/** Whether the number on the icon grows. What was taken back has been counted down by then. */
const counts = ({ proposal: { kind, rule }, notify }: AccountState): boolean =>
  ((kind === 'ring' && !isUncounted(rule)) || (kind === 'badge' && rule !== 'retraction')) &&
  notify !== 'never'

/** An app that never tells what was read shows at once what comes while it is open; no other phone waits for it. */
function shows(t: Trip, { account, takers }: Ring, devices: readonly Device[]): boolean {
  const open = takers.filter((session) => connectionOf(session) === 'active')
  if (open.length === 0 || t.store.unread.settings(account.id).marks) return false
  return devices.every((device) => open.some((session) => isOwn(t, account, session, device)))
}

/** Facts of one message and its account, for all of its devices. */
interface Known {
  readonly state: AccountState
  readonly facts: StanzaFacts
}

function decideFor(t: Trip, ring: Ring, device: Device, { state, facts }: Known): void {
  const { account, id } = ring
  const own = sessionOf(t, account, device)
  const deviceState: DeviceState = {
    connection: connectionOf(own),
    took: own !== undefined && ring.takers.includes(own),
    acknowledges: own?.delivery.acknowledges === true,
    ringsWhenAway: device.options.away === true,
    filter: filtered(device.options, facts),
    still: stillness(
      device.options.wishes,
      { kind: ring.proposal.rule, mention: facts.groupchat && facts.mentioned === true },
      t.now,
    ),
  }
  const { within, hold } = patienceOf(t.config, device)
  const used = usedUntil(
    ring.takers.filter((session) => session !== own),
    within,
  )
  const elsewhere = used > t.now ? 'in-use' : 'none'
  const { inactive_wait, call_wait } = t.config.push
  const waits = { elsewhere: Math.min(hold, used - t.now), inactive: inactive_wait, call: call_wait }
  const { verdict, rule, until } = decide(deviceState, { ...state, elsewhere }, waits, t.now)
  if (verdict === 'suppress') return recordSuppressed(t, account, id, device, rule)
  const over = callEnd(t, ring)
  if (over === 'taken') return recordSuppressed(t, account, id, device, 'call-ended')
  const badge = t.store.badges.on(device)
  const push = pushOf(t, { ...ring, mentioned: facts.mentioned }, device, badge, over)
  // A silent push may replace an older one of the chat, and does not change the number.
  if (ring.proposal.kind === 'silent')
    return t.store.push.queue({ ...push, collapseId: chatId('update', ring.from.bare), badge: undefined })
  if (verdict === 'hold') {
    if (own && awaitsAck(rule)) awaitAck(t, own, push.messageId)
    return holdPush(t, { ...push, device }, rule, until ?? t.now)
  }
  if (ring.proposal.rule !== 'call' && holdBurst(t, { ...push, device })) return
  t.store.badges.tell(device, badge)
  t.store.push.queue(push)
}

function stateOf(
  t: Trip,
  { account, proposal, room }: Ring,
  facts: StanzaFacts,
  chosen: NotifyRule | undefined,
): AccountState {
  const { quiet, unknownSenders } = t.store.unread.settings(account.id)
  return {
    proposal,
    disabled: account.disabled,
    elsewhere: 'none',
    notify: chosen ?? (room && ruleOf(room)),
    mention: facts.mentioned === true,
    // A person who asks to become a contact is none yet, and may ring all the same.
    stranger: !facts.known && proposal.rule !== 'subscription-request',
    unknownSenders,
    quiet: isQuiet(quiet, t.now),
  }
}

/** Of a room for whose members nothing else is set (XEP-0492 §3). */
function ruleOf({ silent, private: isPrivate }: RoomFacts): 'never' | 'always' | 'on-mention' {
  if (silent) return 'never'
  return isPrivate ? 'always' : 'on-mention'
}

function factsOf(t: Trip, { account, from, el, room }: Ring): StanzaFacts {
  const text = childText(el, 'body')
  return {
    from: from.bare,
    groupchat: el.attrs.type === 'groupchat',
    known: room !== undefined || t.store.contacts.find(account, from.bare)?.listed === true,
    text,
    mentioned:
      room?.mentioned ??
      (mentions(text ?? '', account.jid.slice(0, account.jid.indexOf('@'))) || isReferred(el, account.jid)),
  }
}

/** A phone that was spared, and turns out not to have the proposal, does not ring late: the call may be over. */
function callEnd(t: Trip, { again, proposal, account, el, from, id }: Ring): CallEnd | undefined {
  if (!again || proposal.rule !== 'call') return undefined
  const sid = callNews(el, from.toString())?.call.sid
  const known = sid === undefined ? undefined : endOf(t.world, account, sid)
  return known ?? (t.now - t.store.receipts.timeOf(id) >= t.config.push.ring_time ? 'missed' : undefined)
}

/** The outbox row. */
function pushOf(
  t: Trip,
  ring: Ring,
  device: Device | undefined,
  badge: number,
  over?: CallEnd,
): NewPush & Pick<Ring, 'account'> {
  const { account, el, from, id, proposal } = ring
  const call = callNews(el, from.toString())?.call
  const who = whoFor(t, ring, device)
  return {
    account,
    device,
    messageId: String(id),
    collapseId: String(id),
    kind: over === 'missed' ? 'call-missed' : proposal.rule,
    sender: from.bare,
    ...wordsOf(t, el, device, who.nick ?? who.title),
    ...who,
    badge,
    call: call && over ? { ...call, media: [], ended: 'cancelled' } : call,
    now: t.now,
    expiresAt: t.now + t.config.push.expiration,
  }
}
