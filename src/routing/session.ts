/** A bound resource (RFC 6120 §7) and the table of them all. */
import type { Account } from '../store/accounts.ts'
import type { UserAgent } from '../store/clients.ts'
import type { StreamError } from '../xmpp/errors.ts'
import type { Jid } from '../xmpp/jid.ts'
import type { Element } from '../xmpp/xml.ts'
import { Delivery } from './outcome.ts'

/** The far end of a session: a stream. What it is given is committed already. */
export interface Outlet {
  /** Queues one element; the bytes leave when the turn is flushed. */
  send(el: Element): void
  /** Ends the stream, with a stream error if there is one to tell. */
  close(error?: StreamError): void
  /** Takes nothing more from the client until `go`; a session that hibernates has nothing to take from. */
  pauseReading?(): void
  resumeReading?(): void
  /** Address of the client, as limits and logs know it. */
  readonly ip: string
  /** Kind of its connection: 'starttls', 'tls', … */
  readonly kind: string
}

export class Session {
  /** The last broadcast presence; undefined until initial presence and after unavailable (RFC 6121 §4). */
  presence: Element | undefined
  priority = 0
  closed = false
  /** The client said goodbye by closing its stream. */
  orderly = false
  /** Stanzas taken from the client, whatever became of them. */
  handled = 0
  /** The session may go on with another stream, even after an orderly restart of the server (XEP-0198 §5). */
  resumable = false
  /** The stream is gone and may come back (XEP-0198 §5). */
  hibernating = false
  /** The app is in the background (XEP-0352). */
  inactive = false
  /** The app's words of itself at its login (XEP-0388 §2.2). */
  agent: UserAgent | undefined
  /** Delivery of what is written to it, as far as it is known (routing/delivery.ts). */
  readonly delivery = new Delivery()

  constructor(
    readonly jid: Jid,
    readonly account: Account,
    /** The stream that it has at the moment. */
    public outlet: Outlet,
    readonly since: number,
  ) {}

  get available(): boolean {
    return this.presence !== undefined
  }

  /** RFC 6121 §8.5.2.1.1: a negative priority never gets messages to the bare JID. */
  get takesMessages(): boolean {
    return this.available && this.priority >= 0
  }
}

/** The outlet of a session without a stream: what counts is in its queue. */
export class Hibernation implements Outlet {
  readonly kind = 'hibernating'

  constructor(
    readonly session: Session,
    readonly ip: string,
    readonly end: (session: Session) => void,
  ) {
    session.outlet = this
    session.hibernating = true
  }

  send(): void {
    // Queued by the features that let the session live on.
  }

  close(): void {
    if (this.session.outlet === this) this.end(this.session)
  }
}

const NONE: ReadonlyMap<string, Session> = new Map()

/** Every session of this process by bare JID and resource. */
export class Sessions {
  readonly #byAccount = new Map<string, Map<string, Session>>()
  #count = 0

  find(jid: Jid): Session | undefined {
    return this.#byAccount.get(jid.bare)?.get(jid.resource)
  }

  of(bare: string): Iterable<Session> {
    return (this.#byAccount.get(bare) ?? NONE).values()
  }

  countOf(bare: string): number {
    return this.#byAccount.get(bare)?.size ?? 0
  }

  get count(): number {
    return this.#count
  }

  *all(): Iterable<Session> {
    for (const mine of this.#byAccount.values()) yield* mine.values()
  }

  add(session: Session): void {
    let mine = this.#byAccount.get(session.jid.bare)
    if (!mine) this.#byAccount.set(session.jid.bare, (mine = new Map<string, Session>()))
    if (!mine.has(session.jid.resource)) this.#count++
    mine.set(session.jid.resource, session)
  }

  /** Removes this very session; a newer one under the same resource stays. */
  remove(session: Session): void {
    const mine = this.#byAccount.get(session.jid.bare)
    if (mine?.get(session.jid.resource) !== session) return
    mine.delete(session.jid.resource)
    this.#count--
    if (mine.size === 0) this.#byAccount.delete(session.jid.bare)
  }
}
