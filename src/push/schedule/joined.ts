/** Contacts that have joined by an account's invitation (XEP-0401, 0379): they ring it where that was wished. */
import type { Account } from '../../store/accounts.ts'
import { Jid } from '../../xmpp/jid.ts'
import type { Trip } from '../../routing/transit.ts'
import { sessionOf } from '../registration/whose.ts'
import { connectionOf } from './in-use.ts'
import { silence } from './silence.ts'
import { titleFor } from './who.ts'

/** `jid` is the bare JID of who has joined. */
export function ringJoined(t: Trip, account: Account, jid: string): void {
  const { push, badges, unread, messages } = t.store
  if (!(unread.settings(account.id).joined ?? t.config.push.joined)) return
  const messageId = String(messages.nextId())
  for (const device of push.devices.of(account.id)) {
    const what = { messageId, collapseId: messageId, kind: 'joined', sender: jid }
    const isOpen = connectionOf(sessionOf(t, account, device)) === 'active'
    const rule = isOpen ? 'session-active' : silence(t.store, account, device, what, t.now)
    if (rule !== undefined) {
      push.record({
        account: account.id,
        device: device.id,
        messageId,
        verdict: 'suppressed',
        rule,
        at: t.now,
      })
      continue
    }
    push.queue({
      account,
      device,
      ...what,
      ...titleFor(t, account, Jid.parse(jid), device),
      badge: badges.on(device),
      now: t.now,
      expiresAt: t.now + t.config.push.expiration,
    })
  }
}
