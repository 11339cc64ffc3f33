/**
 * The end of a call that has rung (XEP-0353): phones stop when it was answered on another device or is over, and
 * a call that nobody took leaves a word.
 */
import { callNews } from '../push/rules/calls.ts'
import type { Feature, HookResult } from '../routing/feature.ts'
import { endWaiting } from '../push/schedule/schedule.ts'
import { lower } from '../push/schedule/read-state.ts'
import { endRinging, ring } from '../push/schedule/ringing.ts'
import type { Session } from '../routing/session.ts'
import type { Transit } from '../routing/transit.ts'
import { isOwn } from '../push/registration/whose.ts'
import type { Account } from '../store/accounts.ts'
import { Jid } from '../xmpp/jid.ts'

export const calls: Feature = {
  name: 'calls',
  xeps: [],

  /** The account's own device has answered or refused: the others need not ring on. */
  sent(t): HookResult {
    const { stanza, origin } = t
    if (stanza.kind !== 'message' || !origin) return
    const news = callNews(stanza.el, stanza.from.toString())
    if (news?.is === 'ended') end(t, origin.account, news.call.sid, false, origin)
  },

  settled(t) {
    const { stanza, owner } = t
    if (stanza.kind !== 'message' || stanza.from.bare === owner.jid) return
    const news = callNews(stanza.el, stanza.from.toString())
    if (news?.is === 'ended') end(t, owner, news.call.sid, news.missed)
    else if (news && t.storedId !== undefined) ring(t, owner, String(t.storedId), news.call)
  },
}

/** `by`: the session that ended it, whose device knows. */
function end(t: Transit, account: Account, sid: string, missed: boolean, by?: Session): void {
  const call = endRinging(t, account, sid, missed ? 'missed' : 'taken')
  if (!call) return
  const { push, unread } = t.store
  // The account that took or refused the call has seen it.
  const seen = !missed && unread.forget(account.id, Number(call.messageId))
  const spared = endWaiting(t, account, call.messageId, missed)
  const rung = new Set(push.rung(account.id, call.messageId))
  for (const device of push.devices.of(account.id)) {
    const tells = rung.has(device.id) || (missed && spared.has(device.id))
    if (!tells || (by && isOwn(t, account, by, device))) continue
    const badge = t.store.badges.on(device)
    const what = {
      account,
      device,
      messageId: call.messageId,
      collapseId: call.messageId,
      sender: Jid.parse(call.facts.from).bare,
      badge,
      call: { ...call.facts, media: [] },
      now: t.now,
      expiresAt: t.now + t.config.push.expiration,
    }
    // CallKit must be told that it is over; an alert is replaced by what became of the call.
    if (rung.has(device.id) && (device.callAddress || !missed)) push.queue({ ...what, kind: 'call-ended' })
    if (missed) push.queue({ ...what, kind: 'call-missed' })
    // PushKit has no number.
    if (!device.callAddress || missed) t.store.badges.tell(device, badge)
  }
  if (seen) lower(t, account)
}
