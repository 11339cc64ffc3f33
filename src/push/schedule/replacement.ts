/** A push may stand for several messages of a chat; where the one that it names is taken back, the others still ring. */
import type { Account } from '../../store/accounts.ts'
import type { HeldPush } from '../../store/held.ts'
import { deviceOf, holdPush } from './schedule.ts'
import type { Trip } from '../../routing/transit.ts'
import { Jid } from '../../xmpp/jid.ts'
import { titleFor } from './who.ts'

/** Verdicts that are looked through for what was merged. */
const SCANNED = 1_000

/** The newest that is unread takes its place, without its text, which is not at hand. */
export function standIn(t: Trip, account: Account, gone: HeldPush): void {
  const messageId = newestMerged(t, account, gone)
  const device = deviceOf(t, account, gone)
  if (messageId === undefined || !device) return
  const badge = t.store.badges.on(device)
  const push = {
    account,
    device,
    messageId,
    collapseId: gone.collapse_id,
    kind: gone.kind,
    sender: gone.sender,
    ...titleFor(t, account, Jid.parse(gone.sender), device),
    nick: gone.nick ?? undefined,
    badge,
    now: t.now,
    expiresAt: gone.expires_at,
  }
  if (gone.hold !== null) return holdPush(t, push, gone.hold, gone.next_at)
  t.store.badges.tell(device, badge)
  t.store.push.queue(push)
}

/** Each was merged into the next, the newest into the one that is gone. */
function newestMerged(t: Trip, account: Account, gone: HeldPush): string | undefined {
  let into = gone.message_id
  for (const { deviceId, verdict, reason, messageId } of t.store.push.explain(account.id, SCANNED)) {
    if (deviceId !== gone.device_id || verdict !== 'coalesced' || reason !== `into ${into}`) continue
    if (t.store.unread.has(Number(messageId))) return messageId
    into = messageId
  }
  return undefined
}
