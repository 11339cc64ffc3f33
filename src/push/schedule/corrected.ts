/** Corrections (XEP-0308): what no phone was told yet is told in the new words, and what phones show is replaced. */
import type { Account } from '../../store/accounts.ts'
import type { Jid } from '../../xmpp/jid.ts'
import { correctedId } from '../../xmpp/message.ts'
import type { Element } from '../../xmpp/xml.ts'
import { isEncrypted } from '../rules/classify.ts'
import { reword } from './schedule.ts'
import { silence } from './silence.ts'
import type { Trip } from '../../routing/transit.ts'
import { whoFor } from './who.ts'
import { wordsOf } from './words.ts'

const AS_MESSAGE = { kind: 'ring', rule: 'body' } as const

/**
 * §4: counts where its sender's bare JID is that of the correction. Of a room's messages the full JID would have to be the
 * same, which is not known here. `replaces`: it has just come, and nobody was told of it before.
 */
export function correct(t: Trip, account: Account, el: Element, from: Jid, replaces: boolean): void {
  const ref = correctedId(el)
  if (!ref || el.attrs.type === 'groupchat') return
  const id = t.store.unread.idOf(account.id, from.bare, ref)
  if (id === undefined) return
  const kind = isEncrypted(el) ? 'encrypted' : 'body'
  const waiting = t.store.held.waitingAbout(account.id, String(id)).map(({ device_id }) => device_id)
  reword(t, account, String(id), (device) => ({ kind, body: wordsOf(t, el, device).body ?? null }))
  if (replaces && kind === 'body' && t.config.push.corrections === 'replace')
    replace(t, account, { el, from, messageId: String(id), waiting })
}

interface Corrected {
  readonly el: Element
  readonly from: Jid
  /** Of the message that is corrected. */
  readonly messageId: string
  /** Devices that were not told of it yet. */
  readonly waiting: readonly number[]
}

/** An alert of the same name takes the place of the one that is shown, without a sound, where it shows words. */
function replace(t: Trip, account: Account, { el, from, messageId, waiting }: Corrected): void {
  const { push, badges } = t.store
  const shown = new Set(push.shownAlone(account.id, messageId))
  for (const device of push.devices.of(account.id)) {
    if (!shown.has(device.id) || waiting.includes(device.id)) continue
    const who = whoFor(t, { account, el, from, proposal: AS_MESSAGE }, device)
    const words = wordsOf(t, el, device, who.nick ?? who.title)
    const what = { messageId, collapseId: messageId, kind: 'corrected', sender: from.bare }
    if ((words.body ?? words.file) === undefined || silence(t.store, account, device, what, t.now)) continue
    const badge = badges.on(device)
    badges.tell(device, badge)
    push.queue({
      account,
      device,
      ...what,
      ...words,
      ...who,
      badge,
      now: t.now,
      expiresAt: t.now + t.config.push.expiration,
    })
  }
}
