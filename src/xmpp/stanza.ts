/** One stanza with its addresses parsed once (RFC 6120 §8). */
import { StanzaError, StreamError } from './errors.ts'
import { Jid, jidOr } from './jid.ts'
import { tidyPresence } from './presence.ts'
import { type Attrs, type Element, xml } from './xml.ts'

export type Kind = 'message' | 'presence' | 'iq'

const IQ_TYPES = new Set(['get', 'set', 'result', 'error'])

export class Stanza {
  constructor(
    readonly kind: Kind,
    readonly el: Element,
    readonly from: Jid,
    readonly to: Jid | undefined,
    /** The stanza that this error answers, where this server made it: it goes where that went. */
    readonly answers?: Element,
  ) {}

  get type(): string {
    return this.el.attrs.type ?? ''
  }

  get id(): string | undefined {
    return this.el.attrs.id
  }

  /**
   * A stanza from a client, its `from` stamped with what the stream was bound to (RFC 6120 §8.1.2.1).
   * Throws StreamError for a foreign `from` or an unknown kind, StanzaError for what only spoils this stanza.
   */
  static fromClient(el: Element, owner: Jid): Stanza {
    if (el.attrs.xmlns !== undefined || !isKind(el.name)) throw new StreamError('unsupported-stanza-type')
    const { from, to } = el.attrs
    // RFC 6120 §8.1.2.1: a client may leave `from` out, or name its full or bare JID.
    if (from !== undefined && !isOwn(from, owner)) throw new StreamError('invalid-from')
    el.attrs.from = owner.toString()
    if (el.name === 'presence') tidyPresence(el)
    return new Stanza(el.name, el, owner, to === undefined ? undefined : readJid(to))
  }

  /** A stanza of our own making; its element carries the addresses already. */
  static make(
    kind: Kind,
    from: Jid,
    to: Jid | undefined,
    attrs: Attrs,
    ...children: (Element | undefined)[]
  ): Stanza {
    const el = xml(kind, { from: from.toString(), to: to?.toString(), ...attrs }, ...children)
    return new Stanza(kind, el, from, to)
  }

  /** The same addresses with another element. */
  with(el: Element): Stanza {
    return new Stanza(this.kind, el, this.from, this.to, this.answers)
  }

  /** The error with which it comes back; undefined where none may be sent (RFC 6120 §8.3.1). */
  bounced(error: StanzaError): Stanza | undefined {
    const { kind, el, from, to } = this
    if (!mayBounce(kind, this.type)) return undefined
    const reply = errorReply(el, el.attrs.to, from.toString(), error)
    return new Stanza(kind, reply, to ?? from.toBare(), from, el)
  }

  get isRequest(): boolean {
    return this.kind === 'iq' && (this.type === 'get' || this.type === 'set')
  }

  /** RFC 6120 §8.2.3: what every IQ must have; anything else is answered `bad-request`. */
  checkIq(): void {
    if (!this.id) throw new StanzaError('bad-request', 'An IQ needs an id.')
    if (!IQ_TYPES.has(this.type))
      throw new StanzaError('bad-request', 'An IQ has the type get, set, result or error.')
    const payloads = this.el.children.filter((node) => typeof node !== 'string').length
    if (this.isRequest && payloads !== 1)
      throw new StanzaError('bad-request', 'A request has exactly one child element.')
    if (this.type === 'result' && payloads > 1)
      throw new StanzaError('bad-request', 'A result has at most one child.')
  }
}

/** Whether an error may be sent back for this stanza: never for an error or a result (RFC 6120 §8.3.1). */
export function mayBounce(kind: string, type: string): boolean {
  return type !== 'error' && !(kind === 'iq' && type === 'result')
}

/** The error reply to a stanza's element, from whom it was sent to (RFC 6120 §8.3.1). */
export function errorReply(el: Element, from: string | undefined, to: string, error: StanzaError): Element {
  return xml(el.name, { type: 'error', id: el.attrs.id, from, to }, error.toElement())
}

export function isKind(name: string): name is Kind {
  return name === 'message' || name === 'presence' || name === 'iq'
}

function isOwn(from: string, owner: Jid): boolean {
  if (from === owner.toString() || from === owner.bare) return true
  const jid = Jid.tryParse(from)
  return jid?.bare === owner.bare && (jid.isBare || jid.resource === owner.resource)
}

/** An address that a stanza names; throws `jid-malformed` with `where` before the reason (RFC 6120 §8.3.3.8). */
export function readJid(text: string, where?: string): Jid {
  return orMalformed(() => Jid.parse(text), where)
}

/** The result of `make` of addresses that a stanza names, on the same terms. */
export function orMalformed<T>(make: () => T, where?: string): T {
  return jidOr(make, (cause) => {
    const text = where === undefined ? cause.message : `${where}: ${cause.message}`
    throw new StanzaError('jid-malformed', text, { cause })
  })
}
