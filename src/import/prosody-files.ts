/** Prosody's internal storage: a folder a host and store, a file a user. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { bytesOf, type Told } from './input.ts'
import { isTable, type LuaTable, luaValues } from './lua.ts'
import { type Fact, LIMITS, type Source, SourceError } from './model.ts'
import { account, element, itemOf, KEYED, roomOf, text, WHOLE } from './prosody-stores.ts'

/** `%xx` for each byte that is no letter or digit. */
const decoded = (name: string): string =>
  Buffer.from(
    name.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  ).toString('utf8')

interface StoreFile {
  readonly path: string
  readonly store: string
  readonly owner: string
}

/** `paths`: data folders, each with a folder a host, such as /var/lib/prosody. */
export const prosodyFiles = (paths: readonly string[]): Source => {
  const files = paths.flatMap(storeFiles).filter(isKnown)
  return {
    bytes: files.reduce((sum, { path }) => sum + statSync(path).size, 0) * 2,
    passes: 3,
    async *facts(pass, told) {
      for (const file of files) {
        if (passOf(file) !== pass && !(file.store === 'config' && pass < 2)) continue
        try {
          if (file.path.endsWith('.list')) yield* listFacts(file, told)
          else yield guarded(file, tableFacts(file, pass, await contents(file.path, told)))
        } catch (error) {
          yield [rejected(file, error)]
        }
      }
    },
  }
}

/** One file that is damaged costs one user one store. */
function* guarded(file: StoreFile, facts: Iterable<Fact>): Generator<Fact> {
  try {
    yield* facts
  } catch (error) {
    yield rejected(file, error)
  }
}

function rejected({ owner, store }: StoreFile, error: unknown): Fact {
  if (!(error instanceof SourceError)) throw error
  return { kind: 'reject', owner, why: `${store}: ${error.message}` }
}

/** Nodes come before their items. */
const passOf = ({ store }: StoreFile): number =>
  store === 'accounts' || store === 'config' ? 0 : store.startsWith('pep_') ? 2 : 1

function storeFiles(path: string): StoreFile[] {
  const found: StoreFile[] = []
  for (const host of foldersIn(path))
    for (const store of foldersIn(join(path, host)))
      for (const file of readdirSync(join(path, host, store)).sort()) {
        const [, user] = /^(.*)\.(?:dat|list)$/.exec(file) ?? []
        if (user === undefined) continue
        const owner = `${decoded(user)}@${decoded(host)}`
        found.push({ path: join(path, host, store, file), store: decoded(store), owner })
      }
  return found
}

function foldersIn(path: string): string[] {
  if (!existsSync(path)) throw new SourceError(`${path} is not there`)
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort()
}

/** A store of which anything comes over. */
const isKnown = ({ path, store }: StoreFile): boolean =>
  path.endsWith('.list') || store === 'accounts' || store in WHOLE || store in KEYED

function* tableFacts({ path, store, owner }: StoreFile, pass: number, bytes: string): Generator<Fact> {
  const whole = WHOLE[store]
  const keyed = KEYED[store]
  const [table] = luaValues(bytes)
  if (!isTable(table)) throw new SourceError(`${basename(path)} holds no table`)
  if (store === 'accounts') yield account(owner, table)
  else if (store === 'config' && pass === 0) yield roomOf(owner, dataOf(table))
  else if (whole) yield* whole(owner, table)
  else if (keyed) for (const [key, value] of table.map) yield* keyed(owner, key, value)
}

/** Of a room; older versions have its settings at the top. */
function dataOf(table: LuaTable): LuaTable {
  const data = table.map.get('_data')
  return isTable(data) ? data : table
}

async function contents(path: string, told: Told): Promise<string> {
  if (statSync(path).size > LIMITS.record) throw new SourceError(`${basename(path)} is too large`)
  const parts: Buffer[] = []
  for await (const bytes of bytesOf(path, told)) parts.push(bytes)
  return Buffer.concat(parts).toString('latin1')
}

/** `item({` at the beginning of a line begins a record: what is in a string has its line ends escaped. */
const RECORD = '\nitem('

async function* listFacts(file: StoreFile, told: Told): AsyncGenerator<Iterable<Fact>> {
  let rest = ''
  for await (const bytes of bytesOf(file.path, told)) {
    const text = rest + bytes.toString('latin1')
    const last = text.lastIndexOf(RECORD)
    if (last > 0) yield guarded(file, itemsIn(text.slice(0, last), file))
    rest = last > 0 ? text.slice(last) : text
    if (rest.length > LIMITS.record) throw new SourceError('an item without an end')
  }
  yield guarded(file, itemsIn(rest, file))
}

function* itemsIn(bytes: string, { store, owner }: StoreFile): Generator<Fact> {
  for (const value of luaValues(bytes)) {
    const el = element(value)
    if (!isTable(value) || !el) continue
    const of = (key: string) => text(value.map.get(key))
    const fact = itemOf(owner, store, { key: of('key'), when: Number(of('when')), with: of('with'), el })
    if (fact) yield fact
  }
}
