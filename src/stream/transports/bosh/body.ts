/** The `<body/>` of BOSH (XEP-0124 §6): what a request says in its attributes, and how an answer is written. */
import { Jid } from '../../../xmpp/jid.ts'
import { NS } from '../../../xmpp/namespaces.ts'
import { type Element, elements } from '../../../xmpp/xml.ts'
import { written } from '../../framing.ts'
import { Reader, type ReaderLimits } from '../../../xml/reader.ts'

const HTTPBIND = 'http://jabber.org/protocol/httpbind'
const XBOSH = 'urn:xmpp:xbosh'
/** Highest version of BOSH that is spoken. */
const VERSION = [1, 11] as const

/** §17.2: conditions that end a session. */
export type BoshCondition =
  | 'bad-request'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'item-not-found'
  | 'other-request'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'remote-stream-error'

/** Thrown where a request cannot be served; it ends the session that it belongs to. */
export class BoshError extends Error {
  constructor(readonly condition: BoshCondition) {
    super(condition)
    this.name = 'BoshError'
  }
}

export interface BoshRequest {
  readonly rid: number
  readonly sid: string | undefined
  readonly terminate: boolean
  /** XEP-0206 §5: a new stream is asked for. */
  readonly restart: boolean
  /** Seconds without requests that the client asks for (§10). */
  readonly pause: number | undefined
  readonly key: string | undefined
  readonly newKey: string | undefined
  readonly payloads: readonly Element[]
  /** For the session's creation. */
  readonly attrs: Readonly<Record<string, string | undefined>>
  /** `xmpp:version`, the version of XMPP itself. */
  readonly version: string | undefined
}

/** Reads one body, which the caller has measured against a cap. Throws BoshError. */
export function readBody(bytes: Uint8Array, limits: ReaderLimits): BoshRequest {
  const el = parse(bytes, limits)
  if (el.name !== 'body' || el.attrs.xmlns !== HTTPBIND) throw new BoshError('bad-request')
  const { attrs } = el
  const rid = whole(attrs.rid)
  if (rid === undefined) throw new BoshError('bad-request')
  return {
    rid,
    sid: attrs.sid,
    terminate: attrs.type === 'terminate',
    restart: isTrue(extended(el, 'restart')),
    pause: attrs.pause === undefined ? undefined : needed(whole(attrs.pause)),
    key: attrs.key?.toLowerCase(),
    newKey: attrs.newkey?.toLowerCase(),
    payloads: elements(el).map(freed),
    attrs,
    version: extended(el, 'version'),
  }
}

function parse(bytes: Uint8Array, limits: ReaderLimits): Element {
  // The wrapper is one element and one level on top of what a stanza may have; its bytes count.
  const reader = new Reader(
    { ...limits, depth: limits.depth + 1, elements: limits.elements + 1 },
    'documents',
  )
  try {
    reader.feed(bytes)
    const event = reader.next()
    if (event?.kind === 'element' && reader.next() === null && reader.idle) return event.element
  } catch {
    // Not well-formed, or over a cap: the same answer.
  }
  throw new BoshError('bad-request')
}

/** §14.1: no number that an IEEE double could not count up from. */
function whole(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined
  const value = Number(text)
  return value <= Number.MAX_SAFE_INTEGER ? value : undefined
}

function needed(value: number | undefined): number {
  if (value === undefined) throw new BoshError('bad-request')
  return value
}

/** An attribute that is a whole number; undefined where it is absent. Throws BoshError where it is anything else. */
export function countOf(request: BoshRequest, name: 'wait' | 'hold'): number | undefined {
  const text = request.attrs[name]
  return text === undefined ? undefined : needed(whole(text))
}

/** §7.1, §7.2: the lower of the two versions of BOSH; their parts are separate integers. */
export function versionFor({ attrs: { ver = '' } }: BoshRequest): string {
  const match = /^(\d{1,4})\.(\d{1,4})$/.exec(ver)
  if (!match) return VERSION.join('.')
  const [major, minor] = [Number(match[1]), Number(match[2])]
  const isLower = major < VERSION[0] || (major === VERSION[0] && minor < VERSION[1])
  return (isLower ? [major, minor] : VERSION).join('.')
}

/** The domain of the stream that is asked for, in its prepared form. */
export function domainOf(request: BoshRequest): string {
  if (!request.attrs.to) throw new BoshError('improper-addressing')
  const jid = Jid.tryParse(request.attrs.to)
  if (!jid) throw new BoshError('host-unknown')
  return jid.toString()
}

/** An attribute of XEP-0206, whatever its prefix. */
function extended(el: Element, name: string): string | undefined {
  for (const key in el.attrs) {
    const [prefix, local] = key.split(':')
    if (local === name && el.attrs[`xmlns:${prefix}`] === XBOSH) return el.attrs[key]
  }
  return undefined
}

const isTrue = (text: string | undefined): boolean => text === 'true' || text === '1'

/**
 * A payload as if it had come alone. COMPAT(XEP-0206 §2 note): without a namespace of their own stanzas inherit
 * that of the wrapper, and mean `jabber:client`.
 */
function freed(el: Element): Element {
  el.parent = null
  if (el.attrs.xmlns === NS.client) delete el.attrs.xmlns
  return el
}

/** An answer; attributes that are undefined are left out. */
export function writeBody(
  attrs: Readonly<Record<string, string | number | undefined>>,
  payload = '',
): string {
  const all: Record<string, string> = { xmlns: HTTPBIND }
  for (const [name, value] of Object.entries(attrs)) {
    if (value === undefined) continue
    all[name] = String(value)
    if (name.startsWith('xmpp:')) all['xmlns:xmpp'] = XBOSH
  }
  // XEP-0206 §2: required beside features and stream errors.
  if (payload.includes('<stream:')) all['xmlns:stream'] = NS.streams
  return payload === '' ? `<body${written(all)}/>` : `<body${written(all)}>${payload}</body>`
}

export const terminal = (condition?: BoshCondition, payload?: string): string =>
  writeBody({ type: 'terminate', condition }, payload)
