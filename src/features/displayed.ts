/**
 * Message Displayed Synchronization (XEP-0490): how far each chat was read lies in a node of the account. The server
 * helps (§4.5): a client may put its mark into the message that it sends anyway.
 */
import type { Feature, HookResult } from '../routing/feature.ts'
import { publishFor } from '../accounts/pep/publish.ts'
import { NS } from '../xmpp/namespaces.ts'
import { checkName } from '../xmpp/pubsub.ts'
import { child, without } from '../xmpp/xml.ts'

export const displayed: Feature = {
  name: 'displayed',
  xeps: [{ number: 490, version: '1.0.1' }],
  disco: { account: ['urn:xmpp:mds:server-assist:0'] },

  sent(t): HookResult {
    const { stanza, origin } = t
    if (stanza.kind !== 'message') return
    const mark = child(stanza.el, 'displayed', NS.displayed)
    if (!mark) return
    // §7: nobody else may learn the ids of the own archive.
    t.stanza = stanza.with(without(stanza.el, ({ attrs }) => attrs.xmlns === NS.displayed))
    const { to } = stanza.el.attrs
    if (!origin || to === undefined || stanza.type === 'error') return
    // §4.5.3: the id is the address as the client wrote it.
    publishFor(t, origin.account, NS.displayed, {}, { id: checkName(to), payload: mark })
  },
}
