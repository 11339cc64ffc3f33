/**
 * What becomes of a call that has rung (XEP-0353): phones stop when it was answered on another device or is over, and
 * a call that nobody took leaves a word. Calls that ring are remembered in memory: a restart outlives hardly any.
 */
import { callNews } from '../push/calls.ts'
import type { Feature, Verdict } from '../routing/feature.ts'
import { sessionOf } from '../routing/holds.ts'
import type { Session } from '../routing/session.ts'
import type { Transit, World } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { CallFacts } from '../store/push.ts'
import { Jid } from '../xmpp/jid.ts'

/** Calls that ring at a time; the oldest are forgotten. */
const REMEMBERED = 1_000

interface Call {
  readonly messageId: string
  readonly facts: CallFacts
}

const ringing = new WeakMap<World, Map<string, Call>>()

export const calls: Feature = {
  name: 'calls',
  xeps: [],

  /** The account's own device has answered or refused: the others need not ring on. */
  sent(t): Verdict {
    const { stanza, origin } = t
    if (stanza.kind !== 'message' || !origin) return
    const news = callNews(stanza.el, stanza.from.toString())
    if (news?.is === 'ended') end(t, origin.account, news.call.sid, false, origin)
  },

  settled(t, to) {
    const { stanza } = t
    if (stanza.kind !== 'message' || stanza.from.bare === to.bare) return
    const news = callNews(stanza.el, stanza.from.toString())
    const account = news && t.store.accounts.find(to.bare)
    if (!account) return
    if (news.is === 'ended') end(t, account, news.call.sid, news.missed)
    else if (t.storedId !== undefined) remember(t, account, String(t.storedId), news.call)
  },
}

function remember(t: Transit, account: Account, messageId: string, facts: CallFacts): void {
  let known = ringing.get(t.world)
  if (!known) ringing.set(t.world, (known = new Map<string, Call>()))
  const table = known
  const key = keyOf(account, facts.sid)
  table.set(key, { messageId, facts })
  t.undo(() => table.delete(key))
  for (const oldest of table.keys()) {
    if (table.size <= REMEMBERED) break
    table.delete(oldest)
  }
}

/** `by`: the session that ended it, whose device knows. */
function end(t: Transit, account: Account, sid: string, missed: boolean, by?: Session): void {
  const known = ringing.get(t.world)
  const key = keyOf(account, sid)
  const call = known?.get(key)
  if (!known || !call) return
  known.delete(key)
  t.undo(() => known.set(key, call))
  const { push, unread } = t.store
  const rung = new Set(push.rung(account.id, call.messageId))
  for (const device of push.devices.of(account.id)) {
    if (!rung.has(device.id) || (by && sessionOf(t, account.jid, device.sessionKey) === by)) continue
    const what = {
      account,
      device,
      messageId: call.messageId,
      collapseId: call.messageId,
      sender: Jid.parse(call.facts.from).bare,
      badge: unread.count(account.id),
      call: { ...call.facts, media: [] },
      now: t.now,
      expiresAt: t.now + t.config.push.expiration,
    }
    // CallKit must be told that it is over; an alert is replaced by what became of the call.
    if (device.voipToken || !missed) push.queue({ ...what, kind: 'call-ended' })
    if (missed) push.queue({ ...what, kind: 'call-missed' })
  }
}

const keyOf = (account: Account, sid: string): string => `${account.id} ${sid}`
