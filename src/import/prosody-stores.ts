/** Prosody's stores, whichever storage holds them: each gives the facts of one user, one key or one item. */
import type { ArchiveMode } from '../store/history.ts'
import type { Affiliation } from '../store/room-affiliations.ts'
import type { RoomSettings } from '../store/rooms.ts'
import type { Subscription } from '../store/contacts.ts'
import { type Element, xml } from '../xmpp/xml.ts'
import { isTable, type LuaTable, type LuaValue } from './lua.ts'
import type { Fact, SourceKeys } from './model.ts'

export const text = (value: LuaValue | undefined): string =>
  typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''
const has = (value: LuaValue | undefined): boolean => value === true || value === 'true'

/** A stanza as a table: its name, its attributes, and children or text in order. */
export function element(value: LuaValue | undefined): Element | undefined {
  if (!isTable(value)) return undefined
  const name = text(value.map.get('name'))
  if (name === '') return undefined
  const attrs: Record<string, string> = {}
  const given = value.map.get('attr')
  if (isTable(given))
    for (const [key, attr] of given.map) {
      // A namespaced attribute has its namespace, U+0001 and its name.
      const local = key.split('\x01')
      if (local.length === 1) attrs[key] = text(attr)
    }
  const children = value.list.map((node) => (typeof node === 'string' ? node : element(node)))
  return withoutRepeats(xml(name, attrs, ...children))
}

/** Prosody names the namespace on each element; here only where it changes. */
function withoutRepeats(el: Element): Element {
  for (const node of el.children)
    if (typeof node !== 'string' && node.attrs.xmlns !== undefined && node.attrs.xmlns === el.attrs.xmlns)
      delete node.attrs.xmlns
  return el
}

export function account(owner: string, table: LuaTable): Fact {
  const value = (key: string) => text(table.map.get(key))
  const [stored, server, salt] = ['stored_key', 'server_key', 'salt'].map(value)
  const password = value('password') || undefined
  const created = Number(value('created'))
  const keys: SourceKeys[] = stored
    ? [
        {
          hash: stored.length === 64 ? 'SHA-256' : 'SHA-1',
          storedKey: Buffer.from(stored, 'hex'),
          serverKey: Buffer.from(server ?? '', 'hex'),
          salt: Buffer.from(salt ?? ''),
          iterations: Number(value('iteration_count')),
        },
      ]
    : []
  return { kind: 'account', owner, keys, password, ...(created > 0 && { createdAt: created * 1000 }) }
}

type OfKey = (owner: string, key: string, value: LuaValue) => Iterable<Fact>

/** Facts of each key of a store. */
export const KEYED: Readonly<Record<string, OfKey>> = {
  *roster(owner, key, value) {
    if (!isTable(value)) return
    if (key === '[false]' || key === '') {
      // In SQL it is one row with all keys that are no text.
      const meta = value.map.get('[false]') ?? value
      const pending = isTable(meta) ? meta.map.get('pending') : undefined
      if (isTable(pending)) for (const [from, stanza] of pending.map) yield requestOf(owner, from, stanza)
      return
    }
    const groups = value.map.get('groups')
    yield {
      kind: 'contact',
      ...{ owner, jid: key, name: text(value.map.get('name')) },
      // A set, which has no order.
      groups: isTable(groups) ? [...groups.map.keys(), ...groups.list.map(text)].sort() : [],
      subscription: (text(value.map.get('subscription')) || 'none') as Subscription,
      ask: text(value.map.get('ask')) === 'subscribe',
      approved: has(value.map.get('approved')),
    }
  },
  *blocklist(owner, key, value) {
    if (!key.startsWith('[') && key !== '' && value !== false) yield { kind: 'blocked', owner, jid: key }
  },
  *private(owner, _, value) {
    const el = element(value)
    if (el) yield { kind: 'private', owner, el }
  },
  *cloud_notify(owner, _, value) {
    if (!isTable(value)) return
    const of = (name: string) => text(value.map.get(name))
    yield {
      ...{ kind: 'push', owner, service: of('jid'), node: of('node'), resource: of('resource') || undefined },
      form: element(value.map.get('options')),
    }
  },
  *pep(owner, key, value) {
    const config = isTable(value) ? value.map.get('config') : undefined
    if (!isTable(config) || key === '') return
    const options = [...config.map].map(
      ([name, option]) =>
        [`pubsub#${name}`, [typeof option === 'boolean' ? (option ? '1' : '0') : text(option)]] as const,
    )
    yield { kind: 'node', owner, node: key, options: new Map(options) }
  },
  *config(owner, key, value) {
    if (key === '_affiliation_data' && isTable(value))
      for (const [user, data] of value.map) {
        const nick = isTable(data) ? text(data.map.get('reserved_nickname')) : ''
        if (nick !== '') yield { kind: 'room-nick', owner, user, nick }
      }
    if (key.startsWith('_') || typeof value !== 'string') return
    if (AFFILIATIONS.includes(value))
      yield { kind: 'affiliation', owner, user: key, affiliation: value as Affiliation }
  },
}

const AFFILIATIONS: readonly string[] = ['owner', 'admin', 'member', 'outcast'] satisfies Affiliation[]

function requestOf(owner: string, jid: string, stanza: LuaValue): Fact {
  const el = element(stanza)
  const status = el?.children.find(
    (node): node is Element => typeof node !== 'string' && node.name === 'status',
  )
  return { kind: 'request', owner, jid, text: status?.getText() || undefined }
}

/** A store that means something only as a whole. */
export const WHOLE: Readonly<Record<string, (owner: string, table: LuaTable) => Iterable<Fact>>> = {
  *vcard(owner, table) {
    const el = element(table)
    if (el) yield { kind: 'vcard', owner, el }
  },
  *archive_prefs(owner, table) {
    const mode = table.map.get('[false]') ?? table.map.get('')
    const jids = (wanted: boolean) =>
      [...table.map].flatMap(([jid, value]) =>
        value === wanted && jid !== '[false]' && jid !== '' ? [jid] : [],
      )
    const word: ArchiveMode =
      mode === 'roster' ? 'roster' : mode === false || mode === 'never' ? 'never' : 'always'
    yield { kind: 'archive-prefs', owner, mode: word, always: jids(true), never: jids(false) }
  },
  *last(owner, table) {
    const at = Number(text(table.map.get('timestamp')) || text(table.map.get('last')))
    if (at > 0) yield { kind: 'last', owner, at: at * 1000, status: text(table.map.get('status')) }
  },
}

/** `_data` of a room's config. */
export function roomOf(owner: string, data: LuaTable): Fact {
  const value = (key: string) => text(data.map.get(key))
  const flag = (key: string) => has(data.map.get(key))
  const settings: Partial<RoomSettings> = {
    ...{ name: value('name'), description: value('description'), lang: value('language') },
    ...{ public: !flag('hidden'), membersOnly: flag('members_only'), moderated: flag('moderated') },
    ...{ password: value('password'), nonAnonymous: value('whois') === 'anyone' },
    ...{ changeSubject: flag('changesubject'), allowInvites: flag('allow_member_invites') },
    ...(data.map.has('archiving') && { archived: flag('archiving') }),
  }
  const at = Number(value('subject_time')) * 1000
  const nick = value('subject_from').split('/').slice(1).join('/')
  return { kind: 'room', owner, settings, subject: { text: value('subject'), nick, ...(at > 0 && { at }) } }
}

export interface ListItem {
  readonly key: string
  /** Seconds since the epoch. */
  readonly when: number
  readonly with: string
  readonly el: Element
}

/** An item of a list: a message that waits, an archived one, or one that was published. */
export function itemOf(
  owner: string,
  store: string,
  { key, when, with: peer, el }: ListItem,
): Fact | undefined {
  const at = when * 1_000_000
  if (store === 'offline') return { kind: 'offline', owner, at, el }
  if (store === 'archive') return { kind: 'archived', owner, at, coarse: true, peer, el }
  if (store === 'muc_log') {
    const nick = (el.attrs.from ?? '').split('/').slice(1).join('/')
    return el.name === 'message'
      ? { kind: 'room-message', owner, at, coarse: true, nick, from: realOf(el), el }
      : undefined
  }
  if (store.startsWith('pep_'))
    return { kind: 'item', owner, node: store.slice('pep_'.length), id: key, payload: withoutStamp(el) }
  return undefined
}

/** The real address that the room has put into what it keeps. */
function realOf(el: Element): string | undefined {
  for (const x of el.children)
    if (typeof x !== 'string' && x.name === 'x')
      for (const item of x.children)
        if (typeof item !== 'string' && item.name === 'item') return item.attrs.jid
  return undefined
}

function withoutStamp(el: Element): Element {
  delete el.attrs.stamp
  return el
}
