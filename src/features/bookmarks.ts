/** PEP Native Bookmarks (XEP-0402), with the older forms (XEP-0048, XEP-0411) kept the same. */
import type { Feature } from '../routing/feature.ts'
import { joinList, LIST_KEY, splitList, writeOldList } from '../accounts/pep/bookmark-sync.ts'
import { NS } from '../xmpp/namespaces.ts'
import { parseStored } from '../xmpp/stored.ts'

export const bookmarks: Feature = {
  name: 'bookmarks',
  xeps: [
    { number: 48, version: '1.2' },
    { number: 402, version: '1.2.0' },
    { number: 411, version: '1.1.0' },
    { number: 492, version: '0.2.0', note: 'kept with the bookmark' },
  ],
  disco: {
    account: [`${NS.bookmarks}#compat`, `${NS.bookmarks}#compat-pep`, 'urn:xmpp:bookmarks-conversion:0'],
  },

  published(t, owner, { node, item }) {
    if (node === NS.bookmarks) joinList(t, owner, item !== undefined)
    else if (node !== NS.oldBookmarks) return
    else if (item?.payload.name === 'storage' && item.payload.attrs.xmlns === node)
      splitList(t, owner, item.payload)
  },

  /** XEP-0411 §4: a list that came into private storage by another way is shared before its owner reads. */
  opened(t, { account }) {
    const { pep, privateXml } = t.store
    if (pep.node(account, NS.oldBookmarks)) return
    const text = privateXml.get(account, LIST_KEY)
    if (text !== undefined) t.soon((later) => writeOldList(later, account, parseStored(text)))
  },
}
