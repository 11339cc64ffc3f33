/** Words that the road and its features share, below both. */
import type { Account } from '../store/accounts.ts'
import type { Element } from '../xmpp/xml.ts'

/** Where a message ended for one account. */
export type Outcome = 'took' | 'held' | 'none'

/** Someone who has not logged in yet. */
export interface Guest {
  readonly host: string
  readonly ip: string
  readonly secure: boolean
}

/** A message that was written to sessions of an account, none of which has shown yet that it got it. */
export interface Given {
  /** Row in offline storage. */
  readonly id: number
  readonly account: Account
  readonly el: Element
  /** It came while they were there, and waits for nobody else; otherwise it was in offline storage before. */
  readonly live: boolean
}

/** Reads a stanza that was stored as text; undefined where it cannot be read any more. */
export type ParseStored = (text: string) => Element | undefined
