/** Publications of accounts (XEP-0163): nodes, their items and who subscribed to them. The rules live in the feature. */
import { and, asc, count, desc, eq, gt, lt, sql } from 'drizzle-orm'
import { integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { NodeConfig } from '../xmpp/pubsub.ts'
import type { Account } from './accounts.ts'
import { type Db, type Write, writer } from './db.ts'

export const pepNodes = sqliteTable(
  'pep_nodes',
  {
    accountId: integer('account_id').notNull(),
    node: text('node').notNull(),
    config: text('config', { mode: 'json' }).$type<NodeConfig>().notNull(),
  },
  (t) => [primaryKey({ columns: [t.accountId, t.node] })],
)

export const pepItems = sqliteTable('pep_items', {
  seq: integer('seq').primaryKey(),
  accountId: integer('account_id').notNull(),
  node: text('node').notNull(),
  id: text('id').notNull(),
  bytes: integer('bytes').notNull(),
  xml: text('xml').notNull(),
})

export const pepSubscriptions = sqliteTable('pep_subscriptions', {
  rowid: integer('rowid').primaryKey(),
  accountId: integer('account_id').notNull(),
  node: text('node').notNull(),
  jid: text('jid').notNull(),
})

export interface PepNode {
  readonly node: string
  readonly config: NodeConfig
}

export interface PepItem {
  /** Order and time of publication, in microseconds. */
  readonly seq: number
  readonly id: string
  /** The payload. */
  readonly xml: string
}

/** A stretch of a node's items; everything that is given must hold. */
export interface ItemRange {
  readonly after?: number | undefined
  readonly before?: number | undefined
  /** The newest are wanted, not the oldest; the answer is in the order of publication either way. */
  readonly fromEnd: boolean
  readonly limit: number
  /** Bytes of payload in all; one item comes in any case. */
  readonly bytes: number
}

/** Bytes of a node's name and options that are not counted: its owner did not write them. */
const USUAL = 1024

type Key = { accountId: number; node: string }

export class Pep {
  readonly #db: Db
  readonly #nodes
  readonly #node
  readonly #item
  readonly #marks
  readonly #last
  readonly #size
  readonly #subscribers
  readonly #putNode: Write<Key & { config: NodeConfig }>
  readonly #putItem: Write<Key & { seq: number; id: string; bytes: number; xml: string }>
  readonly #retract: Write<Key & { id: string }>
  readonly #trim: Write<Key & { kept: number }>
  readonly #purge: Write<Key>
  readonly #dropNode: Write<Key>
  readonly #dropSubscriptions: Write<Key>
  readonly #subscribe: Write<Key & { jid: string }>
  readonly #unsubscribe: Write<Key & { jid: string }>

  constructor(db: Db) {
    this.#db = db
    const { orm } = db
    const p = sql.placeholder
    const node = { accountId: p('accountId'), node: p('node') }
    const ofNode = and(eq(pepNodes.accountId, p('accountId')), eq(pepNodes.node, p('node')))
    const items = and(eq(pepItems.accountId, p('accountId')), eq(pepItems.node, p('node')))
    const theirs = and(eq(pepSubscriptions.accountId, p('accountId')), eq(pepSubscriptions.node, p('node')))
    const item = { seq: pepItems.seq, id: pepItems.id, xml: pepItems.xml }
    const table = { node: pepNodes.node, config: pepNodes.config }
    this.#nodes = orm
      .select(table)
      .from(pepNodes)
      .where(eq(pepNodes.accountId, p('accountId')))
      .prepare()
    this.#node = orm.select(table).from(pepNodes).where(ofNode).prepare()
    // Once a push, for the chat's rule: Drizzle's binding would cost as much as the look-up.
    this.#item = db.raw.prepare<PepItem, [number, string, string]>(
      'SELECT seq, id, xml FROM pep_items WHERE account_id = ? AND node = ? AND id = ?',
    )
    this.#marks = db.raw.prepare<{ seq: number; id: string; bytes: number }, [number, string]>(
      'SELECT seq, id, bytes FROM pep_items WHERE account_id = ? AND node = ? ORDER BY seq',
    )
    this.#last = orm.select(item).from(pepItems).where(items).orderBy(desc(pepItems.seq)).limit(1).prepare()
    this.#size = db.raw.prepare<{ bytes: number }, [number, number]>(
      `SELECT (SELECT coalesce(sum(bytes), 0) FROM pep_items WHERE account_id = ?1) +
       (SELECT coalesce(sum(max(0, octet_length(node) + octet_length(config) - ?2)), 0)
        FROM pep_nodes WHERE account_id = ?1) AS bytes`,
    )
    this.#subscribers = orm
      .select({ jid: pepSubscriptions.jid })
      .from(pepSubscriptions)
      .where(theirs)
      .prepare()
    this.#putNode = writer(
      db,
      orm
        .insert(pepNodes)
        .values({ ...node, config: p('config') })
        .onConflictDoUpdate({
          target: [pepNodes.accountId, pepNodes.node],
          set: { config: sql`excluded.config` },
        })
        .prepare(),
    )
    // Published again, an item is the newest: it gets a new place in the order.
    this.#putItem = writer(
      db,
      orm
        .insert(pepItems)
        .values({ ...node, seq: p('seq'), id: p('id'), bytes: p('bytes'), xml: p('xml') })
        .onConflictDoUpdate({
          target: [pepItems.accountId, pepItems.node, pepItems.id],
          set: { seq: sql`excluded.seq`, bytes: sql`excluded.bytes`, xml: sql`excluded.xml` },
        })
        .prepare(),
    )
    const itemToo = and(items, eq(pepItems.id, p('id')))
    this.#retract = writer(db, orm.delete(pepItems).where(itemToo).prepare())
    this.#purge = writer(db, orm.delete(pepItems).where(items).prepare())
    this.#trim = writer(
      db,
      orm
        .delete(pepItems)
        .where(
          and(
            items,
            sql`${pepItems.seq} <= (SELECT i.seq FROM pep_items i WHERE i.account_id = ${p('accountId')}
              AND i.node = ${p('node')} ORDER BY i.seq DESC LIMIT 1 OFFSET ${p('kept')})`,
          ),
        )
        .prepare(),
    )
    this.#dropNode = writer(db, orm.delete(pepNodes).where(ofNode).prepare())
    this.#dropSubscriptions = writer(db, orm.delete(pepSubscriptions).where(theirs).prepare())
    this.#subscribe = writer(
      db,
      orm
        .insert(pepSubscriptions)
        .values({ ...node, jid: p('jid') })
        .onConflictDoNothing()
        .prepare(),
    )
    this.#unsubscribe = writer(
      db,
      orm
        .delete(pepSubscriptions)
        .where(and(theirs, eq(pepSubscriptions.jid, p('jid'))))
        .prepare(),
    )
  }

  nodes(account: Account): PepNode[] {
    return this.#nodes.all({ accountId: account.id })
  }

  node(account: Account, node: string): PepNode | undefined {
    return this.#node.get({ accountId: account.id, node })
  }

  /** Makes the node, or changes its configuration. */
  putNode(account: Account, node: string, config: NodeConfig): void {
    this.#putNode({ accountId: account.id, node, config })
  }

  /** The node goes with its items and subscriptions. */
  deleteNode(account: Account, node: string): void {
    const key = { accountId: account.id, node }
    this.#purge(key)
    this.#dropSubscriptions(key)
    this.#dropNode(key)
  }

  /** Stores an item as the newest; of the older ones `kept - 1` stay. */
  putItem(account: Account, node: string, item: PepItem, kept: number): void {
    const key = { accountId: account.id, node }
    this.#putItem({ ...key, ...item, bytes: Buffer.byteLength(item.xml) })
    this.#trim({ ...key, kept })
  }

  /** Leaves the newest `kept` items. */
  trim(account: Account, node: string, kept: number): void {
    this.#trim({ accountId: account.id, node, kept })
  }

  item(account: Account, node: string, id: string): PepItem | undefined {
    return this.#item.get(account.id, node, id) ?? undefined
  }

  last(account: Account, node: string): PepItem | undefined {
    return this.#last.get({ accountId: account.id, node })
  }

  /** Items in the order of their publication. What exceeds the bytes is not even read. */
  items(account: Account, node: string, range: ItemRange): PepItem[] {
    const { after, before, fromEnd, limit } = range
    const within = and(
      eq(pepItems.accountId, account.id),
      eq(pepItems.node, node),
      after === undefined ? undefined : gt(pepItems.seq, after),
      before === undefined ? undefined : lt(pepItems.seq, before),
    )
    const order = fromEnd ? desc(pepItems.seq) : asc(pepItems.seq)
    const { orm } = this.#db
    const sizes = orm
      .select({ bytes: pepItems.bytes })
      .from(pepItems)
      .where(within)
      .orderBy(order)
      .limit(limit)
    const fitting = howMany(sizes.all(), range.bytes)
    const { seq, id, xml } = pepItems
    const rows = orm.select({ seq, id, xml }).from(pepItems).where(within).orderBy(order).limit(fitting).all()
    return fromEnd ? rows.reverse() : rows
  }

  /** All items of a node in that order, without what they hold. */
  marks(account: Account, node: string): { seq: number; id: string; bytes: number }[] {
    return this.#marks.all(account.id, node)
  }

  count(account: Account, node: string): number {
    const { accountId, node: name } = pepItems
    const mine = and(eq(accountId, account.id), eq(name, node))
    return this.#db.orm.select({ n: count() }).from(pepItems).where(mine).get()?.n ?? 0
  }

  /** Bytes of all items of the account, and of what its nodes have beyond the usual. */
  bytes(account: Account): number {
    return this.#size.get(account.id, USUAL)?.bytes ?? 0
  }

  /** Whether there was such an item. */
  retract(account: Account, node: string, id: string): boolean {
    return this.#retract({ accountId: account.id, node, id }) > 0
  }

  purge(account: Account, node: string): void {
    this.#purge({ accountId: account.id, node })
  }

  /** JIDs, full or bare, that subscribed to the node. */
  subscribers(account: Account, node: string): string[] {
    return this.#subscribers.all({ accountId: account.id, node }).map(({ jid }) => jid)
  }

  subscribe(account: Account, node: string, jid: string): void {
    this.#subscribe({ accountId: account.id, node, jid })
  }

  /** Whether there was such a subscription. */
  unsubscribe(account: Account, node: string, jid: string): boolean {
    return this.#unsubscribe({ accountId: account.id, node, jid }) > 0
  }
}

function howMany(rows: readonly { bytes: number }[], allowed: number): number {
  let sum = 0
  const over = rows.findIndex(({ bytes }, i) => (sum += bytes) > allowed && i > 0)
  return over === -1 ? rows.length : over
}
