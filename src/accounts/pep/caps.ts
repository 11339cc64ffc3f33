/**
 * Which notifications a client wants (XEP-0163 §4.2): the "+notify" features behind the hash of its capabilities
 * (XEP-0115). The client itself is asked what the hash stands for; a hash that proves true is remembered for all.
 */
import { perObject } from '../../per-object.ts'
import { z } from 'zod'
import { BoundedMap } from '../../bounded-map.ts'
import { hashOf, isSound, verificationString } from '../../xmpp/caps.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { child, type Element, xml } from '../../xmpp/xml.ts'
import type { Session } from '../../routing/session.ts'
import { sessionState } from '../../routing/session-state.ts'
import type { Transit, World } from '../../routing/transit.ts'

const NOTIFY = '+notify'
const NONE: ReadonlySet<string> = new Set()
/** Characters of all names that are kept of one client: real ones need a few hundred. */
const KEPT = 8192
const LONGEST_VER = 256

interface Told {
  /** The `c` element as it was said: the same one says nothing new. */
  readonly caps: string
  readonly hash: string | undefined
  readonly ver: string
  readonly names: ReadonlySet<string>
  /** Id of the question that is still open. */
  readonly question: string | undefined
}

const SAVED = z.object({
  caps: z.string(),
  hash: z.string().optional(),
  ver: z.string(),
  names: z.array(z.string()),
  question: z.string().optional(),
})

const told = sessionState<Told>('pep', {
  saved: {
    write: (mine) => ({ ...mine, names: [...mine.names] }),
    read(saved) {
      const { caps, hash, ver, names, question } = SAVED.parse(saved)
      return { caps, hash, ver, names: new Set(names), question }
    },
  },
})
/** The names behind each hash that proved true; the least recently used are forgotten. */
const cacheOf = perObject(
  ({ config }: World) => new BoundedMap<string, ReadonlySet<string>>(config.limits.caps),
)

/** Whether the client behind a session wants to hear of a node. */
export function wants(session: Session, node: string): boolean {
  return told.get(session)?.names.has(node) === true
}

/** The nodes that a client wants to hear of. */
export function wanted(session: Session): ReadonlySet<string> {
  return told.get(session)?.names ?? NONE
}

/** Reads the capabilities in a broadcast presence; returns what the client wants since now. */
export function readCaps(t: Transit, session: Session, presence: Element): ReadonlySet<string> {
  const before = told.get(session)
  const c = child(presence, 'c', NS.caps)
  const { hash, ver, node } = c?.attrs ?? {}
  if (!c || !ver || !node || ver.length > LONGEST_VER) {
    told.set(t, session, undefined)
    return NONE
  }
  const caps = JSON.stringify([hash, ver, node])
  if (before?.caps === caps) return NONE
  const known = hash === undefined ? undefined : cacheOf(t.world).use(`${hash} ${ver}`)
  if (known) {
    told.set(t, session, { caps, hash, ver, names: known, question: undefined })
    return added(known, before)
  }
  const question = t.freshId()
  told.set(t, session, { caps, hash, ver, names: before?.names ?? NONE, question })
  const { bare } = session.jid
  const query = xml('query', { xmlns: NS.discoInfo, node: `${node}#${ver}` })
  t.write(session, xml('iq', { type: 'get', id: question, from: bare, to: session.jid.toString() }, query))
  return NONE
}

export function forgetCaps(t: Transit, session: Session): void {
  told.set(t, session, undefined)
}

/** Whether an IQ answers our question; returns what the client wants since now, undefined for any other IQ. */
export function readAnswer(t: Transit, session: Session): ReadonlySet<string> | undefined {
  const { el, type, id } = t.stanza
  const before = told.get(session)
  if (before?.question === undefined || before.question !== id || t.stanza.isRequest) return undefined
  const query = type === 'result' ? child(el, 'query', NS.discoInfo) : undefined
  if (!query) {
    told.set(t, session, { ...before, names: NONE, question: undefined })
    return NONE
  }
  const text = verificationString(query)
  const names = namesIn(text)
  // XEP-0115 §5.4: what does not prove true holds for this one client alone.
  if (before.hash !== undefined && isSound(query) && hashOf(before.hash, text) === before.ver) {
    t.after(() => cacheOf(t.world).set(`${before.hash} ${before.ver}`, names))
  }
  told.set(t, session, { ...before, names, question: undefined })
  return added(names, before)
}

function added(names: ReadonlySet<string>, before: Told | undefined): ReadonlySet<string> {
  return before ? new Set([...names].filter((name) => !before.names.has(name))) : names
}

/**
 * The names are taken from the text that was hashed, not from the elements: two answers of one hash may differ in
 * which of their parts they call features, and must not differ in what is remembered. "&lt;" stays what it is (§5.1).
 */
function namesIn(text: string): ReadonlySet<string> {
  const names = new Set<string>()
  let size = 0
  for (const part of text.split('<')) {
    if (!part.endsWith(NOTIFY)) continue
    size += part.length
    if (size > KEPT) break
    names.add(part.slice(0, -NOTIFY.length))
  }
  return names
}
