/** Reactions (XEP-0444) that ring who wrote the message: only by the person's own wish, or the operator's. */
import type { Account } from '../../store/accounts.ts'
import { Jid } from '../../xmpp/jid.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { readStored } from '../../xmpp/stored.ts'
import { child, type Element } from '../../xmpp/xml.ts'
import { classify, type Proposal } from '../rules/classify.ts'
import { emojisOf } from '../rules/shown.ts'
import type { Trip } from '../../routing/transit.ts'

/** Messages of a chat that are looked through for the one that is meant. */
const SCANNED = 200

/** Meaning of a stanza to the phones of an account. */
export function proposalFor(t: Trip, account: Account, el: Element, from: Jid): Proposal {
  const proposal = classify(el, t.config.push)
  if (proposal.rule !== 'reaction') return proposal
  const rings = t.store.unread.settings(account.id).reactions ?? t.config.push.reactions === 'ring'
  if (rings && isToOwn(t, account, el, from)) return { kind: 'ring', rule: 'reacted' }
  return proposal.kind === 'ring' ? { kind: 'nothing', rule: 'reaction' } : proposal
}

/** Without an emoji it takes one back. */
function isToOwn(t: Trip, account: Account, el: Element, from: Jid): boolean {
  const ref = child(el, 'reactions', NS.reactions)?.attrs.id
  if (!ref || emojisOf(el) === undefined || t.store.push.devices.of(account.id).length === 0) return false
  // §4.2: in a room it is the room's id.
  if (el.attrs.type === 'groupchat')
    return /^\d{1,16}$/.test(ref) && t.store.roomArchive.byId(Number(ref))?.user === account.jid
  const newest = { limit: SCANNED, fromEnd: true, scan: SCANNED }
  return t.store.history.page(account, { peer: from.bare }, newest).some(({ xml }) => {
    if (!xml.includes(ref)) return false
    const { id, from: writer } = readStored('message', xml).attrs
    return id === ref && writer !== undefined && Jid.parse(writer).bare === account.jid
  })
}
