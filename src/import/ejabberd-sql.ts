/** ejabberd's SQL tables, old schema and new: of an SQLite file, of any dump of them, or of `export2sql`. */
import { archivedOf, contactOf, items, jid, roomOf, text } from './ejabberd-terms.ts'
import { modeOf } from './ejabberd-dump.ts'
import { readTerm } from './erlang.ts'
import { sizeOf } from './input.ts'
import { hashNamed } from './keys.ts'
import { type Fact, type Source, SourceError, type SourceKeys } from './model.ts'
import { type Row, rowsOf, type TableRow } from './sql.ts'
import { readXml } from './stanzas.ts'

/** Numbers that rows of one table name rows of another by. */
interface Numbered {
  readonly nodes: Map<string, { owner: string; node: string }>
  readonly lists: Map<string, { owner: string; name: string }>
  /** The default list of each account that has one. */
  readonly chosen: Map<string, string>
  /** Host of rows that name none. */
  readonly host: string
}

type Reader = (row: Row, numbered: Numbered) => Iterable<Fact>

/** `host`: of accounts whose rows name none, as in the old schema. */
export const ejabberdSql = (paths: readonly string[], host: string, encoding?: string): Source => {
  const numbered: Numbered = { nodes: new Map(), lists: new Map(), chosen: new Map(), host }
  const seen = new Map<string, Set<string>>()
  return {
    bytes: PASSES.length * sizeOf(paths),
    passes: PASSES.length,
    async *facts(pass, told) {
      const readers = PASSES[pass] ?? {}
      const tables = new Set(Object.keys(readers))
      for (const path of paths) {
        const before = seen.get(path)
        // The first pass has seen which tables the file has.
        if (before && tables.isDisjointFrom(before)) {
          told(sizeOf([path]))
          continue
        }
        const found = new Set<string>()
        seen.set(path, found)
        for await (const rows of rowsOf(path, tables, told, encoding, found))
          yield factsOf(rows, readers, numbered)
      }
    },
  }
}

/** A term in a row that is none costs that row alone. */
function* factsOf(
  rows: Iterable<TableRow>,
  readers: Readonly<Record<string, Reader>>,
  numbered: Numbered,
): Generator<Fact> {
  for (const { table, row } of rows)
    try {
      const facts = readers[table]?.(row, numbered) ?? []
      for (const fact of facts) yield fact
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      yield { kind: 'reject', owner: row.username ?? row.name ?? '', why: error.message }
    }
}

const ownerOf = ({ username = '', server_host }: Row, { host }: Numbered): string =>
  `${username}@${server_host || host}`

const PASSES: readonly Readonly<Record<string, Reader>>[] = [
  {
    users: (row, numbered) => [accountOf(row, ownerOf(row, numbered))],
    muc_room: (row) => [...room(row)].filter(({ kind }) => kind === 'room'),
    privacy_default_list(row, numbered) {
      numbered.chosen.set(ownerOf(row, numbered), row.name ?? '')
      return []
    },
  },
  {
    muc_room: (row) => [...room(row)].filter(({ kind }) => kind !== 'room'),
    last: (row, numbered) => [
      {
        kind: 'last',
        owner: ownerOf(row, numbered),
        at: Number(row.seconds) * 1000,
        status: row.state ?? '',
      },
    ],
    rosterusers: (row, numbered) =>
      contactOf({
        ...{ owner: ownerOf(row, numbered), jid: row.jid ?? '', name: row.nick ?? '', groups: [] },
        ...{ subscription: row.subscription ?? 'N', ask: row.ask ?? 'N', asked: row.askmessage ?? '' },
      }),
    spool: (row, numbered) =>
      ofXml(row, ownerOf(row, numbered), (owner, el) => ({ kind: 'offline', owner, at: created(row), el })),
    archive: (row, numbered) => archived(row, numbered),
    archive_prefs: (row, numbered) => [
      {
        ...{ kind: 'archive-prefs', owner: ownerOf(row, numbered), mode: modeOf(row.def ?? '') },
        ...{
          always: items(readTerm(row.always ?? '[]')).map(jid),
          never: items(readTerm(row.never ?? '[]')).map(jid),
        },
      },
    ],
    vcard: (row, numbered) =>
      ofXml({ xml: row.vcard ?? '' }, ownerOf(row, numbered), (owner, el) => ({ kind: 'vcard', owner, el })),
    private_storage: (row, numbered) =>
      ofXml({ xml: row.data ?? '' }, ownerOf(row, numbered), (owner, el) => ({ kind: 'private', owner, el })),
    push_session: (row, numbered) => [
      {
        ...{ kind: 'push', owner: ownerOf(row, numbered), service: row.service ?? '' },
        ...{ node: row.node ?? '', form: readXml(row.xml ?? '') },
      },
    ],
    privacy_list(row, numbered) {
      numbered.lists.set(row.id ?? '', { owner: ownerOf(row, numbered), name: row.name ?? '' })
      return []
    },
    pubsub_node(row, numbered) {
      const owner = row.host ?? ''
      if (!owner.includes('@')) return []
      const node = { owner, node: row.node ?? '' }
      numbered.nodes.set(row.nodeid ?? '', node)
      return [{ kind: 'node', ...node, options: new Map() }]
    },
  },
  {
    rostergroups: (row, numbered) => [
      { kind: 'group', owner: ownerOf(row, numbered), jid: row.jid ?? '', group: row.grp ?? '' },
    ],
    muc_room_subscribers: (row) => [
      {
        ...{ kind: 'subscriber', owner: `${row.room ?? ''}@${row.host ?? ''}`, user: row.jid ?? '' },
        ...{ nick: row.nick ?? '', nodes: items(readTerm(row.nodes ?? '[]')).map(text) },
      },
    ],
    privacy_list_data: (row, numbered) => rule(row, numbered),
    pubsub_node_option: (row, { nodes }) => {
      const node = nodes.get(row.nodeid ?? '')
      const value = row.val ?? ''
      return node
        ? [{ kind: 'node', ...node, options: new Map([[`pubsub#${row.name ?? ''}`, optionOf(value)]]) }]
        : []
    },
  },
  {
    pubsub_item: (row, { nodes }) => {
      const node = nodes.get(row.nodeid ?? '')
      return node
        ? [{ kind: 'item', ...node, id: row.itemid ?? '', payload: readXml(row.payload ?? '') }]
        : []
    },
  },
]

function accountOf(row: Row, owner: string): Fact {
  const { password = '', serverkey = '', salt = '', iterationcount = '0' } = row
  if (serverkey === '' || Number(iterationcount) === 0)
    return { kind: 'account', owner, keys: [], password: password || undefined }
  // All but SCRAM-SHA-1 is marked by a prefix of the stored key.
  const [, prefix = 'sha', stored = ''] = /^(?:(sha\d+):)?(.*)$/s.exec(password) ?? []
  const bytes = (value: string) => Buffer.from(value, 'base64')
  const keys: SourceKeys = {
    ...{ hash: hashNamed(prefix) ?? 'SHA-1', iterations: Number(iterationcount), salt: bytes(salt) },
    ...{ storedKey: bytes(stored), serverKey: bytes(serverkey) },
  }
  const createdAt = timeOf(row.created_at)
  return { kind: 'account', owner, keys: [keys], ...(createdAt !== undefined && { createdAt }) }
}

/** "2026-11-30 03:54:10", in UTC; ms. */
function timeOf(stamp: string | undefined): number | undefined {
  const ms = Date.parse(`${(stamp ?? '').replace(' ', 'T').replace(/([.+].*|Z)$/, '')}Z`)
  return Number.isNaN(ms) ? undefined : ms
}

/** Beside a stanza that has no time of its own. */
const created = (row: Row): number | undefined => {
  const el = readXml(row.xml ?? '')
  if (el?.children.some((node) => typeof node !== 'string' && node.name === 'delay')) return undefined
  const ms = timeOf(row.created_at)
  return ms === undefined ? undefined : ms * 1000
}

function ofXml(
  row: Row,
  owner: string,
  make: (owner: string, el: NonNullable<ReturnType<typeof readXml>>) => Fact,
): Fact[] {
  const el = readXml(row.xml ?? '')
  return [
    el
      ? make(owner, el)
      : {
          kind: 'reject',
          owner,
          why: 'XML that is not well-formed: the row was cut or is of another encoding',
        },
  ]
}

/** Of a room `username` is its whole address. */
function archived(row: Row, numbered: Numbered): Fact[] {
  const { username = '', peer = '', nick = '', kind } = row
  const isRoom = kind === 'groupchat'
  const owner = username.includes('@') ? username : ownerOf(row, numbered)
  return ofXml(row, owner, (of, el) =>
    archivedOf({ owner: of, at: Number(row.timestamp), peer, nick, isRoom, el }),
  )
}

function room({ name = '', host = '', opts = '[]' }: Row): Iterable<Fact> {
  return roomOf(`${name}@${host}`, readTerm(opts))
}

function* rule(
  { id = '', t, value = '', action, match_all = '0' }: Row,
  { lists, chosen }: Numbered,
): Generator<Fact> {
  const list = lists.get(id)
  if (!list) return
  const isAll = match_all === '1' || match_all === 't'
  if (chosen.get(list.owner) === list.name && t === 'j' && action === 'd' && isAll)
    yield { kind: 'blocked', owner: list.owner, jid: value }
  else yield { kind: 'reject', owner: list.owner, why: `a rule of the privacy list "${list.name}"` }
}

/** As Erlang text: an atom, a number, a binary, or a list of them. */
function optionOf(value: string): string[] {
  const term = readTerm(value === '' ? '[]' : value)
  return Array.isArray(term) ? term.map(text) : [text(term)]
}
