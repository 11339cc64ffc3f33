/** Unique and stable ids of stanzas (XEP-0359): which of them only an account itself may have given. */
import { Jid } from './jid.ts'
import { NS } from './namespaces.ts'
import type { Element } from './xml.ts'

/** Whether it claims to be the account's id; without `by` it is nobody's, which is no better. */
export function isIdOf({ name, attrs }: Element, account: Jid): boolean {
  if (name !== 'stanza-id' || attrs.xmlns !== NS.stanzaId) return false
  return attrs.by === undefined || speaksFor(attrs.by, account)
}

/** Whether this address is the account or its server. */
export function speaksFor(by: string, account: Jid): boolean {
  // Compared as prepared: a client that prepares it as well must not be fooled by "JULIET@bix.org".
  const bare = Jid.tryParse(by)?.bare
  return bare === account.bare || bare === account.domain
}
