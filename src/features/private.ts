/** Private XML Storage (XEP-0049): what a client wants to find again on its next device. */
import type { Feature } from '../routing/feature.ts'
import { LIST_KEY, readOldList, writeOldList } from '../accounts/pep/bookmark-sync.ts'
import { NS } from '../xmpp/namespaces.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Element, elements, StoredElement, xml } from '../xmpp/xml.ts'

const XMLNS = NS.private

export const privateStorage: Feature = {
  name: 'private',
  xeps: [{ number: 49, version: '1.2' }],
  disco: { server: [XMLNS], account: [XMLNS] },
  iq: {
    [`account get {${XMLNS}}query`]: (t, query) => {
      const wanted = only(query)
      const key = keyOf(wanted)
      // XEP-0402 §5.3: bookmarks have one truth, and it lies elsewhere.
      if (key === LIST_KEY) return xml('query', { xmlns: XMLNS }, readOldList(t, t.account) ?? bare(wanted))
      const stored = t.store.privateXml.get(t.account, key)
      // §2.2: what was never stored comes back empty.
      const found = stored === undefined ? bare(wanted) : new StoredElement(wanted.name, stored)
      return xml('query', { xmlns: XMLNS }, found)
    },
    [`account set {${XMLNS}}query`]: (t, query) => {
      const item = only(query)
      const text = item.toString()
      const { private_xml_bytes, private_xml_documents, private_xml_total } = t.config.limits
      if (Buffer.byteLength(text) > private_xml_bytes) {
        throw new StanzaError(
          'policy-violation',
          `At most ${private_xml_bytes} bytes can be stored in one piece.`,
        )
      }
      const key = keyOf(item)
      if (key === LIST_KEY) return void writeOldList(t, t.account, item)
      const isNew = t.store.privateXml.get(t.account, key) === undefined
      if (isNew && t.store.privateXml.count(t.account) >= private_xml_documents) {
        throw full()
      }
      t.store.privateXml.set(t.account, key, text)
      if (t.store.privateXml.bytes(t.account) > private_xml_total) throw full()
      return undefined
    },
  },
}

function full(): StanzaError {
  return new StanzaError('resource-constraint', 'The private storage is full.')
}

/** §2.3: exactly one element, in a namespace of its own. */
function only(query: Element): Element {
  const [item, second] = elements(query)
  if (!item) throw new StanzaError('not-acceptable', 'An element is needed.')
  if (second) throw new StanzaError('bad-request', 'One element at a time can be asked for or stored.')
  const { xmlns } = item.attrs
  if (xmlns === undefined || xmlns === '' || /^jabber:(client|server|iq:)/.test(xmlns)) {
    throw new StanzaError('not-acceptable', 'The element needs a namespace that is not the protocol’s own.')
  }
  return item
}

/** The element as it was asked for, without content. */
function bare({ name, attrs }: Element): Element {
  return xml(name, { xmlns: attrs.xmlns })
}

function keyOf({ name, attrs }: Element): string {
  return `{${attrs.xmlns ?? ''}}${name}`
}
