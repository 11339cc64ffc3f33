/** Contacts who see each other, without the words that it takes. */
import type { Play } from './world.ts'

/** `about` stands in the roster of `of`, and each sees the other (RFC 6121 §3). */
export async function befriends(p: Play, of: string, about: string): Promise<void> {
  await p.router.run((t) => {
    const account = t.store.accounts.find(of)
    if (!account) throw new Error(of)
    const contact = { jid: about, name: null, groups: [], ask: false, pending: null, approved: false }
    t.store.contacts.put(account, { ...contact, subscription: 'both', listed: true })
  })
}
