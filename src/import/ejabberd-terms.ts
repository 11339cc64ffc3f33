/** Parts of ejabberd's records that its dump and its SQL tables have in common. */
import type { Affiliation } from '../store/room-affiliations.ts'
import type { RoomSettings } from '../store/rooms.ts'
import type { Subscription } from '../store/contacts.ts'
import { type Element, xml } from '../xmpp/xml.ts'
import { Atom, type Term, Tuple } from './erlang.ts'
import type { Fact } from './model.ts'

export const items = (term: Term | undefined): readonly Term[] =>
  term instanceof Tuple ? term.items : Array.isArray(term) ? (term as readonly Term[]) : []
/** Text of a binary, a string, a list of bytes or an atom. */
export function text(term: Term | undefined): string {
  if (typeof term === 'string') return term
  if (term instanceof Atom) return term.name === 'undefined' ? '' : term.name
  if (typeof term === 'number') return String(term)
  const list = items(term)
  return list.every((item) => typeof item === 'number') ? Buffer.from(list as number[]).toString('utf8') : ''
}
export const number = (term: Term | undefined): number => (typeof term === 'number' ? term : Number.NaN)

/** `{U, S, R}` or `{jid, U, S, R, …}`. */
export function jid(term: Term | undefined): string {
  const parts = items(term)
  const [user, server, resource] = (parts[0] instanceof Atom ? parts.slice(1) : parts).map(text)
  const bare = user ? `${user}@${server ?? ''}` : (server ?? '')
  return resource ? `${bare}/${resource}` : bare
}

/** `{Mega, Sec, Micro}` in µs. */
export function time(term: Term | undefined): number {
  const [mega, seconds, micro] = items(term).map(number)
  return ((mega ?? Number.NaN) * 1e6 + (seconds ?? 0)) * 1e6 + (micro ?? 0)
}

export function element(term: Term | undefined): Element | undefined {
  const [kind, name, attrs, inner] = items(term)
  if (!(kind instanceof Atom) || kind.name !== 'xmlel') return undefined
  const pairs = items(attrs).map((pair) => items(pair).map(text))
  const children = items(inner).map((node) => {
    const [type, cdata] = items(node)
    return type instanceof Atom && type.name === 'xmlcdata' ? text(cdata) : element(node)
  })
  return xml(
    text(name),
    Object.fromEntries(pairs) as Record<string, string>,
    ...children.filter((node) => node !== ''),
  )
}

const SUBSCRIPTIONS: Readonly<Record<string, Subscription>> = { N: 'none', T: 'to', F: 'from', B: 'both' }

export interface RosterRow {
  readonly owner: string
  readonly jid: string
  readonly name: string
  /** One letter as in SQL, or a word as in Mnesia; the same for `ask`. */
  readonly subscription: string
  readonly ask: string
  readonly groups: readonly string[]
  readonly asked: string
}

/** A contact, and a request: somebody who only asks is an item of ejabberd's roster, and none of ours. */
export function* contactOf({
  owner,
  jid: other,
  name,
  subscription,
  ask,
  groups,
  asked,
}: RosterRow): Generator<Fact> {
  const word = SUBSCRIPTIONS[subscription] ?? (subscription as Subscription)
  const known = Object.values(SUBSCRIPTIONS).includes(word) ? word : 'none'
  const isOut = /^(O|B|S|out|both|subscribe)$/.test(ask)
  const isIn = /^(I|B|in|both)$/.test(ask)
  if (!isIn || isOut || known !== 'none' || name !== '' || groups.length > 0)
    yield { kind: 'contact', owner, jid: other, name, groups, subscription: known, ask: isOut }
  if (isIn) yield { kind: 'request', owner, jid: other, text: asked || undefined }
}

const BOOLEANS: Readonly<Record<string, keyof RoomSettings>> = {
  public: 'public',
  public_list: 'publicList',
  moderated: 'moderated',
  members_by_default: 'newcomersSpeak',
  members_only: 'membersOnly',
  allow_change_subj: 'changeSubject',
  allow_user_invites: 'allowInvites',
  allow_query_users: 'allowQueries',
  allow_visitor_status: 'visitorStatus',
  allow_visitor_nickchange: 'visitorNickChange',
  allow_voice_requests: 'voiceRequests',
  allow_subscription: 'subscriptions',
  logging: 'logging',
  mam: 'archived',
}

/** A room with all that its options hold. */
export function* roomOf(owner: string, opts: Term): Generator<Fact> {
  const options = new Map(items(opts).map((pair) => [text(items(pair)[0]), items(pair)[1]]))
  const value = (name: string) => text(options.get(name))
  const settings: Record<string, unknown> = {}
  for (const [name, key] of Object.entries(BOOLEANS))
    if (options.has(name)) settings[key] = value(name) === 'true'
  for (const [name, key] of [
    ['title', 'name'],
    ['description', 'description'],
    ['lang', 'lang'],
  ] as const)
    if (options.has(name)) settings[key] = value(name)
  if (options.has('anonymous')) settings.nonAnonymous = value('anonymous') === 'false'
  if (value('password_protected') === 'true') settings.password = value('password')
  const most = number(options.get('max_users'))
  if (Number.isInteger(most)) settings.maxUsers = most
  const interval = number(options.get('voice_request_min_interval'))
  if (Number.isInteger(interval)) settings.voiceRequestInterval = interval
  // `[{text, Lang, Text}]`, before that a binary.
  const subject = options.get('subject')
  const said = typeof subject === 'string' ? subject : text(items(items(subject)[0])[2])
  yield {
    kind: 'room',
    owner,
    settings: settings,
    subject: { text: said, nick: value('subject_author') },
  }
  for (const pair of items(options.get('affiliations'))) yield* affiliationOf(owner, pair)
  for (const subscriber of items(options.get('subscribers'))) {
    const [user, nick, nodes] = items(subscriber)
    yield { kind: 'subscriber', owner, user: jid(user), nick: text(nick), nodes: items(nodes).map(text) }
  }
}

const AFFILIATIONS: readonly string[] = ['owner', 'admin', 'member', 'outcast'] satisfies Affiliation[]

function* affiliationOf(owner: string, pair: Term): Generator<Fact> {
  const [user, stands] = items(pair)
  const [name, reason] = stands instanceof Atom ? [stands] : items(stands)
  const affiliation = text(name)
  if (!AFFILIATIONS.includes(affiliation)) return
  yield {
    kind: 'affiliation',
    owner,
    user: jid(user),
    affiliation: affiliation as Affiliation,
    reason: text(reason),
  }
}

/** An archived message of an account or, where it is of type groupchat, of a room. */
export function archivedOf(row: {
  owner: string
  at: number
  peer: string
  nick: string
  isRoom: boolean
  el: Element
}): Fact {
  const { owner, at, peer, nick, isRoom, el } = row
  return isRoom
    ? { kind: 'room-message', owner, at, nick, from: el.attrs.from, el }
    : { kind: 'archived', owner, at, peer, el }
}
