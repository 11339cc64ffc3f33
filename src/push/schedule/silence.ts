/** Reasons to silence a push that has waited: the rules of push/rules/decide.ts that need no more than its row. */
import type { Account } from '../../store/accounts.ts'
import type { Device } from '../../store/devices.ts'
import type { PushType } from '../../store/push.ts'
import type { ReadStore } from '../../store/tx.ts'
import { Jid } from '../../xmpp/jid.ts'
import { covers } from '../../accounts/blocklist.ts'
import { notifyRule } from '../rules/notify-rule.ts'
import { stilled } from '../rules/wishes.ts'

/** `sender` is a bare JID; `now` in ms. The name of the rule. */
export function silence(
  store: ReadStore,
  account: Account,
  device: Device | undefined,
  { sender, kind, messageId }: { readonly sender: string; readonly kind: string; readonly messageId: string },
  now: number,
): string | undefined {
  if (account.disabled) return 'account-disabled'
  if (covers(store.blocked.of(account), account, Jid.parse(sender))) return 'blocked'
  if (device?.options.muted?.includes(sender) || notifyRule(store, account, sender) === 'never')
    return 'muted'
  const { quiet, unknownSenders } = store.unread.settings(account.id)
  // A person who asks to become a contact is none yet, and may ring all the same.
  if (
    !unknownSenders &&
    kind !== 'subscription-request' &&
    kind !== 'digest' &&
    !store.contacts.find(account, sender)?.listed
  )
    return 'unknown-sender'
  const mention = store.roomVerdicts.mentions(messageId)
  return stilled(device?.options.wishes, { kind, mention }, quiet, now)
}

/** The same for what a back end has composed, whomever it is from: it is still where its person wants that. */
export function stillFor(
  store: ReadStore,
  account: Account,
  device: Device,
  type: PushType,
  now: number,
): string | undefined {
  if (account.disabled) return 'account-disabled'
  if (type !== 'alert' && type !== 'voip') return undefined
  const { quiet } = store.unread.settings(account.id)
  return stilled(device.options.wishes, { kind: `direct-${type}`, mention: false }, quiet, now)
}
