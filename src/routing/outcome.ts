/** Words that the road and its features share, below both. */
import type { Account } from '../store/accounts.ts'
import type { PepNode } from '../store/pep.ts'
import type { Photo } from '../xmpp/picture.ts'
import type { Element } from '../xmpp/xml.ts'

/** Where a message ended for one account. */
export type Outcome = 'took' | 'held' | 'none'

/** How far what is written to one session is known to arrive. */
export class Delivery {
  /** Messages that it was given and is not known to have, in the order of writing. */
  readonly inFlight = new Map<Element, InFlight>()
  /** The client acknowledges each stanza (XEP-0198); of any other, what it sends is the sign that it got what was written. */
  acknowledges = false
  /** It has not shown for `sm.ack_timeout` that it gets what is written, so nothing may rely on it. */
  unresponsive = false
  /** Offline messages are still being written to it. */
  sendingOffline = false
  /** What it was given meanwhile, and is written behind them. */
  afterOffline: readonly Element[] = []
}

/** Someone who has not logged in yet. */
export interface Guest {
  readonly host: string
  readonly ip: string
  readonly secure: boolean
  /** A person fills in a form from here on, refused or not: the login may take as long as that does. */
  fillsForm(): void
}

/** A message that was given to sessions of an account, none of which has shown yet that it got it. */
export interface Given {
  /** Microseconds since the epoch at which it came, and its row's id in offline storage. */
  readonly id: number
  readonly account: Account
  readonly el: Element
  /** It stands in the account's archive under that id as well, so that a full box costs nobody the message. */
  readonly archived: boolean
  /** It came while they were there, and waits for nobody else; otherwise it was in offline storage before. */
  readonly live: boolean
  /** It has its row. Without one it is in memory alone: clients that do not acknowledge are trusted for a while. */
  stored: boolean
  /** Sessions that were given it and have neither shown that they have it nor ended. */
  holders: number
  /** One of them has shown that it has it. */
  arrived: boolean
}

/** One of them, as one session has it. */
export interface InFlight {
  readonly given: Given
  /** Monotonic ms at which it was written; undefined while it waits for that. */
  at: number | undefined
  overdue: boolean
  /** The session was not seen to get it in time, or was in doubt already: phones were rung as if nobody had it. */
  missed: boolean
}

/** A change of what an account publishes (XEP-0060 §7, §8) that its own client asked for. */
export interface Publication extends PepNode {
  /** What was published; undefined where items went: retracted, purged, or deleted with their node. */
  readonly item?: { readonly id: string; readonly payload: Element }
}

/** A vCard that was stored. */
export interface VcardChange {
  readonly card: Element
  readonly photo: Photo | undefined
  /** Hash of the picture before; empty where there was none. */
  readonly before: string
  /** Name of the feature that made the vCard of another representation; undefined for the owner's own. */
  readonly by: string | undefined
}
