/** Prosody's SQL storage: the tables `prosody` and `prosodyarchive`, of an SQLite file or of a dump. */
import { sizeOf } from './input.ts'
import { isTable, type LuaTable, type LuaValue, ofJson } from './lua.ts'
import type { Fact, Source } from './model.ts'
import { account, itemOf, KEYED, roomOf, WHOLE } from './prosody-stores.ts'
import { type Row, rowsOf, type TableRow } from './sql.ts'
import { readXml } from './stanzas.ts'

const TABLES = new Set(['prosody', 'prosodyarchive'])

export const prosodySql = (paths: readonly string[], encoding?: string): Source => ({
  bytes: 3 * sizeOf(paths),
  passes: 3,
  async *facts(pass, told) {
    // Stores that mean something as a whole: their rows may lie apart.
    const whole: Parts = new Map()
    for (const path of paths)
      for await (const rows of rowsOf(path, TABLES, told, encoding)) yield factsOf(rows, pass, whole)
    yield rest(whole)
  },
})

type Parts = Map<string, { owner: string; store: string; map: Map<string, LuaValue> }>

function* factsOf(rows: Iterable<TableRow>, pass: number, whole: Parts): Generator<Fact> {
  for (const { table, row } of rows) {
    const owner = `${row.user ?? ''}@${row.host ?? ''}`
    const store = row.store ?? ''
    if (table === 'prosodyarchive') yield* archived(row, owner, store, pass)
    else if (pass === 0 ? store === 'accounts' : pass === 1 && store in WHOLE) {
      const known = whole.get(`${store} ${owner}`) ?? { owner, store, map: new Map<string, LuaValue>() }
      whole.set(`${store} ${owner}`, known)
      known.map.set(row.key || '[false]', valueOf(row))
      const isWhole = ['stored_key', 'server_key', 'salt', 'iteration_count'].every((key) =>
        known.map.has(key),
      )
      if (isWhole && whole.delete(`${store} ${owner}`)) yield account(owner, { list: [], map: known.map })
    } else yield* keyed(row, owner, store, pass)
  }
}

function* rest(whole: Parts): Generator<Fact> {
  for (const { owner, store, map } of whole.values()) {
    const table: LuaTable = spread(map)
    if (store === 'accounts') yield account(owner, table)
    else yield* WHOLE[store]?.(owner, table) ?? []
  }
}

/** Parts whose keys are no text are one row of JSON. */
function spread(map: ReadonlyMap<string, LuaValue>): LuaTable {
  const rest = map.get('[false]')
  if (!isTable(rest)) return { list: [], map }
  const others = [...map].filter(([key]) => key !== '[false]')
  return { list: rest.list, map: new Map([...others, ...rest.map]) }
}

function* keyed(row: Row, owner: string, store: string, pass: number): Generator<Fact> {
  const value = valueOf(row)
  const key = row.key ?? ''
  if (pass === 0 && store === 'config' && key === '_data' && isTable(value)) yield roomOf(owner, value)
  const isLate = key === '_affiliation_data'
  if (pass === (isLate ? 2 : 1)) yield* KEYED[store]?.(owner, key, value) ?? []
}

function* archived(row: Row, owner: string, store: string, pass: number): Generator<Fact> {
  if (pass !== (store.startsWith('pep_') ? 2 : 1)) return
  const el = row.type === 'xml' ? readXml(row.value ?? '') : undefined
  const item = { key: row.key ?? '', when: Number(row.when), with: row.with ?? '' }
  if (!el) yield { kind: 'reject', owner, why: `${store}: XML that is not well-formed` }
  else {
    const fact = itemOf(owner, store, { ...item, el })
    if (fact) yield fact
  }
}

function valueOf({ type, value = '' }: Row): LuaValue {
  if (type === 'number') return Number(value)
  if (type === 'boolean') return value === 'true'
  if (type !== 'json') return value
  try {
    return ofJson(JSON.parse(value))
  } catch {
    return null
  }
}
