/** The text that `ejabberdctl dump` writes: all tables of Mnesia, a term a record. */
import { type Atom, type Term, termsOf } from './erlang.ts'
import { archivedOf, contactOf, element, items, jid, number, roomOf, text, time } from './ejabberd-terms.ts'
import { sizeOf, textOf } from './input.ts'
import { hashNamed } from './keys.ts'
import type { Fact, Source, SourceKeys } from './model.ts'

/** Accounts and rooms, then all else, then items of nodes, which name their node by a number. */
export const ejabberdDump = (paths: readonly string[], encoding?: string): Source => {
  const nodes = new Map<number, { owner: string; node: string }>()
  return {
    bytes: 3 * sizeOf(paths),
    passes: 3,
    async *facts(pass, told) {
      for (const path of paths)
        for await (const terms of termsOf(textOf(path, told, encoding), path))
          yield factsOf(terms, PASSES[pass] ?? {}, nodes)
    },
  }
}

function* factsOf(
  terms: Iterable<Term>,
  readers: Readonly<Record<string, Record_>>,
  nodes: Nodes,
): Generator<Fact> {
  for (const term of terms) {
    const [table, ...fields] = items(term)
    const facts = readers[text(table)]?.(fields, nodes) ?? []
    for (const fact of facts) yield fact
  }
}

type Nodes = Map<number, { owner: string; node: string }>
type Record_ = (fields: readonly Term[], nodes: Nodes) => Iterable<Fact>

const PASSES: readonly Readonly<Record<string, Record_>>[] = [
  {
    passwd: ([us, password]) => [accountOf(jid(us), password)],
    muc_room: ([name, opts]) => [...roomOf(jid(name), opts ?? [])].filter(({ kind }) => kind === 'room'),
  },
  {
    muc_room: ([name, opts]) => [...roomOf(jid(name), opts ?? [])].filter(({ kind }) => kind !== 'room'),
    last_activity: ([us, at, status]) => [
      { kind: 'last', owner: jid(us), at: number(at) * 1000, status: text(status) },
    ],
    roster: ([, us, other, name, subscription, ask, groups, asked]) =>
      contactOf({
        ...{ owner: jid(us), jid: jid(other), name: text(name), subscription: text(subscription) },
        ...{ ask: text(ask), groups: items(groups).map(text), asked: text(asked) },
      }),
    vcard: ([us, el]) => ofElement(el, (card) => ({ kind: 'vcard', owner: jid(us), el: card })),
    private_storage: ([usns, el]) =>
      ofElement(el, (inner) => ({ kind: 'private', owner: jid(items(usns).slice(0, 2)), el: inner })),
    offline_msg: ([us, at, , , , el]) =>
      ofElement(el, (inner) => ({ kind: 'offline', owner: jid(us), at: time(at), el: inner })),
    archive_msg: ([us, , at, peer, , el, nick, type]) =>
      ofElement(el, (inner) =>
        archivedOf({
          owner: jid(us),
          at: time(at),
          peer: jid(peer),
          nick: text(nick),
          isRoom: text(type) === 'groupchat',
          el: inner,
        }),
      ),
    archive_prefs: ([us, mode, always, never]) => [
      {
        ...{ kind: 'archive-prefs', owner: jid(us), mode: modeOf(text(mode)) },
        ...{ always: items(always).map(jid), never: items(never).map(jid) },
      },
    ],
    privacy: ([us, chosen, lists]) => privacy(jid(us), text(chosen), items(lists)),
    push_session: ([us, , service, node, form]) => [
      { kind: 'push', owner: jid(us), service: jid(service), node: text(node), form: element(form) },
    ],
    pubsub_node: (fields, nodes) => nodeOf(fields, nodes),
  },
  {
    pubsub_item: ([id, index, , , payload], nodes) => {
      const node = nodes.get(number(index))
      const [item] = items(id)
      return node ? [{ kind: 'item', ...node, id: text(item), payload: element(items(payload)[0]) }] : []
    },
  },
]

export const modeOf = (mode: string) => (mode === 'never' || mode === 'roster' ? mode : 'always')

function ofElement(
  term: Term | undefined,
  make: (el: NonNullable<ReturnType<typeof element>>) => Fact,
): Fact[] {
  const el = element(term)
  return el ? [make(el)] : []
}

function accountOf(owner: string, password: Term | undefined): Fact {
  // Before there were keys, the password itself.
  if (typeof password === 'string') return { kind: 'account', owner, keys: [], password }
  const [, stored, server, salt, ...rest] = items(password)
  const iterations = rest.at(-1)
  const hash = hashNamed(rest.length > 1 ? (rest[0] as Atom).name : 'sha') ?? 'SHA-1'
  const bytes = (term: Term | undefined) => Buffer.from(text(term), 'base64')
  const keys: SourceKeys = {
    ...{ hash, iterations: number(iterations), salt: bytes(salt) },
    ...{ storedKey: bytes(stored), serverKey: bytes(server) },
  }
  return { kind: 'account', owner, keys: [keys] }
}

function* privacy(owner: string, chosen: string, lists: readonly Term[]): Generator<Fact> {
  for (const list of lists) {
    const [name, rules] = items(list)
    for (const rule of items(rules)) {
      const [, type, value, action, , all] = items(rule)
      if (text(name) === chosen && text(type) === 'jid' && text(action) === 'deny' && text(all) === 'true')
        yield { kind: 'blocked', owner, jid: jid(value) }
      else yield { kind: 'reject', owner, why: `a rule of the privacy list "${text(name)}"` }
    }
  }
}

function* nodeOf([nodeid, id, , , , options]: readonly Term[], nodes: Nodes): Generator<Fact> {
  const [host, name] = items(nodeid)
  const owner = jid(host)
  const node = text(name)
  if (!owner.includes('@')) return
  nodes.set(number(id), { owner, node })
  const values = items(options).map((pair) => {
    const [option, value] = items(pair)
    const list = value instanceof Object && !('name' in value) ? items(value).map(text) : [text(value)]
    return [`pubsub#${text(option)}`, list] as const
  })
  yield { kind: 'node', owner, node, options: new Map(values) }
}
