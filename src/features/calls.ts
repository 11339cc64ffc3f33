/**
 * The end of a call that has rung (XEP-0353): phones stop when it was answered on another device or is over, and
 * a call that nobody took leaves a word.
 */
import { callNews, isMissed } from '../push/rules/calls.ts'
import type { Feature, HookResult } from '../routing/feature.ts'
import { endWaiting } from '../push/schedule/schedule.ts'
import { titleFor } from '../push/schedule/who.ts'
import { lower } from '../push/schedule/read-state.ts'
import { endRinging, ring } from '../push/schedule/ringing.ts'
import type { Session } from '../routing/session.ts'
import type { Trip } from '../routing/transit.ts'
import { isOwn, sessionOf } from '../push/registration/whose.ts'
import type { Account } from '../store/accounts.ts'
import type { Device } from '../store/devices.ts'
import type { CallEnding } from '../store/push.ts'
import { Jid } from '../xmpp/jid.ts'

export const calls: Feature = {
  name: 'calls',
  xeps: [],

  /** The account's own device has answered or refused: the others need not ring on. */
  sent(t): HookResult {
    const { stanza, origin } = t
    if (stanza.kind !== 'message' || !origin) return
    const news = callNews(stanza.el, stanza.from.toString())
    // §3.3: only a caller takes a call back; what the account retracts is a call of its own.
    if (news?.is === 'ended' && !isMissed(news.how)) end(t, origin.account, news.call.sid, news.how, origin)
  },

  settled(t) {
    const { stanza, owner } = t
    if (stanza.kind !== 'message' || stanza.from.bare === owner.jid) return
    const news = callNews(stanza.el, stanza.from.toString())
    // The other side does not answer or refuse a call of its own: to this account it is over.
    if (news?.is === 'ended')
      end(t, owner, news.call.sid, isMissed(news.how) ? news.how : 'ended', stanza.from.bare)
    else if (news && t.storedId !== undefined) ring(t, owner, String(t.storedId), news.call, unanswered)
  },
}

/** The caller has vanished: it has neither taken the call back nor been answered in the time for which one rings. */
const unanswered = (t: Trip, account: Account, sid: string): void => end(t, account, sid, 'unanswered')

/** `by`: the session that ended it, whose device knows, or the bare JID of the other side. */
function end(t: Trip, account: Account, sid: string, how: CallEnding, by?: Session | string): void {
  const missed = isMissed(how)
  const session = typeof by === 'string' ? undefined : by
  const caller = typeof by === 'string' ? by : undefined
  const call = endRinging(t, account, sid, missed ? 'missed' : 'taken', caller)
  if (!call) return
  const { push, unread } = t.store
  const from = Jid.parse(call.facts.from)
  // The account that took or refused the call has seen it.
  const seen = !missed && unread.forget(account.id, Number(call.messageId))
  const spared = endWaiting(t, account, call.messageId, missed)
  const rung = new Set(push.rung(account.id, call.messageId))
  for (const device of push.devices.of(account.id)) {
    const tells = rung.has(device.id) || (missed && spared.has(device.id))
    if (!tells || (session && isOwn(t, account, session, device))) continue
    if (!missed && hears(t, account, device)) continue
    const badge = t.store.badges.on(device)
    push.queue({
      account,
      device,
      messageId: call.messageId,
      collapseId: call.messageId,
      sender: from.bare,
      ...titleFor(t, account, from, device),
      badge,
      call: { ...call.facts, media: [], ended: how },
      now: t.now,
      expiresAt: t.now + t.config.push.expiration,
      kind: missed ? 'call-missed' : 'call-ended',
    })
    t.store.badges.tell(device, badge)
  }
  if (seen) lower(t, account)
}

/**
 * An app that PushKit has woken is on its way here, and hears of the end by its stream: Apple knows no other word for it,
 * and no push may say it, since each one must be reported as a call. Without a stream an alert says it.
 */
function hears(t: Trip, account: Account, device: Device): boolean {
  const session = device.callAddress === null ? undefined : sessionOf(t, account, device)
  return session !== undefined && !session.hibernating && !session.delivery.unresponsive
}
