/** Accounts in pages, in an order that a person chooses, each read by an index however many there are. */
import type { Account } from './accounts.ts'
import type { Db } from './db.ts'

export const ORDERS = ['jid', 'created', 'seen'] as const
export type Order = (typeof ORDERS)[number]

/** Place of an account in an order. */
export interface Place {
  /** Value by which it is ordered. */
  readonly key: string | number
  readonly id: number
}

export interface AccountQuery {
  readonly order: Order
  readonly descending: boolean
  /** Anywhere in the address; empty: all. */
  readonly search: string
  readonly after?: Place | undefined
  readonly limit: number
}

interface Params {
  [name: string]: string | number
  search: string
  key: string | number
  id: number
  limit: number
}
type Row = Omit<Account, 'disabled'> & { readonly disabled: number }

const COLUMNS = `id, jid, host, created_at AS createdAt, disabled, last_seen AS lastSeen, last_status AS lastStatus,
  roster_version AS rosterVersion, skeleton FROM accounts`
/** Accounts that are gone but for rows that wait to be deleted have no host. */
const CHOSEN = `host <> '' AND ($search = '' OR instr(jid, $search) > 0)`

/** A statement for each order: its index serves the place and the order alike. */
const PAGES: Readonly<Record<Order, readonly [rising: string, falling: string]>> = {
  jid: [
    `SELECT ${COLUMNS} WHERE ${CHOSEN} AND jid > $key AND $id = $id ORDER BY jid LIMIT $limit`,
    `SELECT ${COLUMNS} WHERE ${CHOSEN} AND jid < $key AND $id = $id ORDER BY jid DESC LIMIT $limit`,
  ],
  created: [
    `SELECT ${COLUMNS} WHERE ${CHOSEN} AND (created_at, id) > ($key, $id) ORDER BY created_at, id LIMIT $limit`,
    `SELECT ${COLUMNS} WHERE ${CHOSEN} AND (created_at, id) < ($key, $id) ORDER BY created_at DESC, id DESC LIMIT $limit`,
  ],
  seen: [
    `SELECT ${COLUMNS} WHERE ${CHOSEN} AND ifnull(last_seen, 0) >= $key AND (ifnull(last_seen, 0) > $key OR id > $id)
      ORDER BY ifnull(last_seen, 0), id LIMIT $limit`,
    `SELECT ${COLUMNS} WHERE ${CHOSEN} AND ifnull(last_seen, 0) <= $key AND (ifnull(last_seen, 0) < $key OR id < $id)
      ORDER BY ifnull(last_seen, 0) DESC, id DESC LIMIT $limit`,
  ],
}

/** Matches of a search that are sorted in memory; where there are more, a page is full soon. */
const FEW = 2000

/** Beyond every address and every time: behind U+10FFFF there is no character. */
const LAST = { jid: '\u{10ffff}', created: Number.MAX_SAFE_INTEGER, seen: Number.MAX_SAFE_INTEGER }
const FIRST = { jid: '', created: -1, seen: -1 }

export const placeOf = (order: Order, { id, jid, createdAt, lastSeen }: Account): Place => ({
  key: { jid, created: createdAt, seen: lastSeen ?? 0 }[order],
  id,
})

export class AccountPages {
  readonly #db: Db

  constructor(db: Db) {
    this.#db = db
  }

  /** A page, and how many match in all. */
  page(query: AccountQuery): { readonly items: Account[]; readonly total: number } {
    const { order, descending, after, limit } = query
    const search = query.search.toLowerCase()
    const total = this.#count(search)
    if (search !== '' && total <= FEW) return { items: cut(this.#matching(search), query), total }
    const { key, id } = after ?? { key: (descending ? LAST : FIRST)[order], id: 0 }
    const rows = this.#db.raw
      .query<Row, Params>(PAGES[order][descending ? 1 : 0])
      .all({ search, key, id, limit })
    return { items: rows.map(accountOf), total }
  }

  #count(search: string): number {
    const text = `SELECT count(*) AS n FROM accounts WHERE ${CHOSEN}`
    return this.#db.raw.query<{ n: number }, { search: string }>(text).get({ search })?.n ?? 0
  }

  /** All of them, found in an index that has the addresses: in another order every row would be looked at. */
  #matching(search: string): Account[] {
    const text = `SELECT ${COLUMNS} WHERE id IN (SELECT id FROM accounts WHERE ${CHOSEN} ORDER BY host, jid)`
    return this.#db.raw.query<Row, { search: string }>(text).all({ search }).map(accountOf)
  }
}

const accountOf = (row: Row): Account => ({ ...row, disabled: row.disabled === 1 })

/** The page of a list that is at hand. */
function cut(all: readonly Account[], { order, descending, after, limit }: AccountQuery): Account[] {
  const way = descending ? -1 : 1
  const compare = (one: Place, other: Place): number =>
    way * (one.key < other.key ? -1 : one.key > other.key ? 1 : one.id - other.id)
  return all
    .map((account) => ({ account, place: placeOf(order, account) }))
    .filter(({ place }) => after === undefined || compare(place, after) > 0)
    .sort((one, other) => compare(one.place, other.place))
    .slice(0, limit)
    .map(({ account }) => account)
}
