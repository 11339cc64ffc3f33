/**
 * Privacy Lists (XEP-0016) for clients that ask for them before they do anything else: there are none, and there can
 * be none. Whoever wants to block uses XEP-0191, so this is not advertised.
 */
import type { Feature } from '../routing/feature.ts'
import { NS } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Element, elements, xml } from '../xmpp/xml.ts'

const XMLNS = NS.privacy

export const privacy: Feature = {
  name: 'privacy',
  // Not claimed: §3 would have it advertised.
  xeps: [],
  iq: {
    // COMPAT(XMPPFramework, 4.x): XMPPPrivacy asks for the names at login.
    [`account get {${XMLNS}}query`]: (_t, query) => {
      const [list, second] = elements(query)
      // §2.3
      if (second) throw new StanzaError('bad-request', 'One list at a time.')
      if (list) throw new StanzaError('item-not-found')
      return xml('query', { xmlns: XMLNS })
    },
    [`account set {${XMLNS}}query`]: (_t, query) => {
      const [action, second] = elements(query)
      // §2.2
      if (!action || second) throw new StanzaError('bad-request', 'One request at a time.')
      return change(action)
    },
  },
}

function change(action: Element): undefined {
  switch (action.name) {
    case 'active':
    case 'default':
      // §2.4, §2.5: without a name it declines what is not used anyway.
      if (action.attrs.name !== undefined) throw new StanzaError('item-not-found')
      return undefined
    case 'list':
      // §2.8: without items the list is to be removed.
      if (elements(action).length === 0) throw new StanzaError('item-not-found')
      throw new StanzaError('feature-not-implemented', 'Block by XEP-0191 instead.')
    default:
      throw new StanzaError('bad-request')
  }
}
