/** vcard-temp (XEP-0054): one per account, readable by everyone, written by its owner. */
import type { Feature } from '../routing/feature.ts'
import type { Transit } from '../routing/transit.ts'
import { putVcard } from '../accounts/vcard.ts'
import { checkedCard } from '../xmpp/avatar.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type Element, StoredElement, xml } from '../xmpp/xml.ts'

const XMLNS = NS.vcard

export const vcard: Feature = {
  name: 'vcard',
  xeps: [{ number: 54, version: '1.2' }],
  disco: { server: [XMLNS], account: [XMLNS] },
  iq: {
    // §3.1: an account without one answers with an empty vCard or item-not-found; clients cope better with empty.
    [`account get {${XMLNS}}vCard`]: (t) => stored(t, t.stanza.from.bare) ?? xml('vCard', { xmlns: XMLNS }),
    [`account set {${XMLNS}}vCard`]: (t, payload) => {
      checkedCard(payload, t.config.limits.vcard_bytes)
      putVcard(t, t.account, payload)
      return undefined
    },
    [`user get {${XMLNS}}vCard`]: (t) => {
      const card = stored(t, t.stanza.to?.bare ?? t.stanza.from.bare)
      // The same answer as for an account that does not exist.
      if (!card) throw new StanzaError('service-unavailable')
      return card
    },
  },
}

function stored(t: Transit, bare: string): Element | undefined {
  const account = t.store.accounts.find(bare)
  const text = account && t.store.accounts.vcard(account)
  return text === undefined ? undefined : new StoredElement('vCard', text)
}
