/** Words that the road and its features share, below both. */
import type { Account } from '../store/accounts.ts'
import type { PepNode } from '../store/pep.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Photo } from '../xmpp/picture.ts'
import { Stanza } from '../xmpp/stanza.ts'
import type { Element } from '../xmpp/xml.ts'

/** Outcome of a message for one account. */
export type Outcome = 'delivered' | 'stored' | 'none'

/** Delivery to one session, as far as it is known. */
export class Delivery {
  /** Messages that it was given and is not known to have, in the order of writing. */
  readonly inFlight = new Map<Element, InFlight>()
  /** The client acknowledges each stanza (XEP-0198); of any other, what it sends is the sign that it got what was written. */
  acknowledges = false
  /** The client has not shown for `sm.ack_timeout` that it gets what is written, so nothing may rely on it. */
  unresponsive = false
  /** Offline messages are still being written to it. */
  sendingOffline = false
  /** Elements that it was given meanwhile, and that are written behind them. */
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
  /** The message stands in the account's archive under that id as well, so that a full box loses nothing. */
  readonly archived: boolean
  /** A room here keeps it, so that offline storage does not. */
  readonly ofRoom: boolean
  /** The message came while they were there, and waits for nobody else; otherwise it was in offline storage before. */
  readonly live: boolean
  /** The message has its row. Without one it is in memory alone: clients that do not acknowledge are trusted for a while. */
  stored: boolean
  /** Sessions that were given it and have neither shown that they have it nor ended. */
  awaited: number
  /** One of them has shown that it has it. */
  arrived: boolean
}

/** One of them, as one session has it. */
export interface InFlight {
  readonly given: Given
  /** The element that was written to this session: of a room's message each client has its own. */
  readonly el: Element
  /** Monotonic ms at which it was written; undefined while it waits for that. */
  at: number | undefined
  overdue: boolean
  /** The session was not seen to get it in time, or was in doubt already: phones were rung as if nobody had it. */
  missed: boolean
}

/** A message of a room here, on its way to everybody who is in it: it is kept once, by the room. */
export interface RoomMessage {
  /** Microseconds since the epoch: its id in the room's archive. */
  readonly id: number
  /** Of each account, how far its clients are known to have it. */
  readonly given: Map<number, Given>
}

/** One client's copy of it. */
export class RoomCopy extends Stanza {
  constructor(
    el: Element,
    from: Jid,
    to: Jid,
    readonly message: RoomMessage,
    /** The message itself, where the copy wraps it. */
    readonly inner?: Element,
  ) {
    super('message', el, from, to)
  }

  override with(el: Element): RoomCopy {
    return new RoomCopy(el, this.from, this.to ?? this.from, this.message, this.inner)
  }
}

/** News for an account to which nothing is written: a message of a room that it belongs to. */
export interface RoomNews {
  readonly stanza: Stanza
  readonly owner: Account
  /** Microseconds since the epoch; of this account alone. */
  readonly id: number
  readonly given: Given | undefined
  readonly room: RoomFacts
}

/** Facts that a room knows of one of its members when a message came, for whether a phone rings. */
export interface RoomFacts {
  /** Name of the room; empty where it has none. */
  readonly name: string
  /** Accounts that stand in some way to it. */
  readonly members: number
  /** The message names the member, answers it, or calls everybody. */
  readonly mentioned: boolean
  /** A group whose members know each other: it rings for every message unless the member says otherwise (XEP-0492 §3). */
  readonly private: boolean
  /** The member has asked the room not to ring. */
  readonly silent: boolean
  /** Id in the room's archive, which markers name (XEP-0333, XEP-0490). */
  readonly stanzaId: string
  /** Told before the last start, when a client was trusted to have it: decided anew, unless it is there and may show it yet. */
  readonly again?: boolean
}

/** A change of what an account publishes (XEP-0060 §7, §8) that its own client asked for. */
export interface Publication extends PepNode {
  /** The published item; undefined where items went: retracted, purged, or deleted with their node. */
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
