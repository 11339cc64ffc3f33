/**
 * Hosts with accounts that have SCRAM keys of one hash alone, as they came from another server. A client takes the
 * strongest mechanism that it is offered and cannot know better, so there no other hash is offered until all such
 * accounts have set a password anew.
 */
import type { Credentials, HashName } from './credentials.ts'
import type { Db } from './db.ts'
import type { Settings } from './settings.ts'

const ALL: readonly HashName[] = ['SHA-256', 'SHA-1']
const NAME = 'one-hash-'

export class HostHashes {
  readonly #hosts = new Map<string, ReadonlySet<HashName>>()
  readonly #db: Db
  readonly #settings: Settings

  constructor(db: Db, settings: Settings) {
    this.#db = db
    this.#settings = settings
    const lacks = db.raw.query<{ n: number }, [string, string]>(
      `SELECT EXISTS (SELECT 1 FROM accounts a JOIN credentials c ON c.account_id = a.id
       WHERE a.host = ? AND NOT EXISTS
         (SELECT 1 FROM credentials WHERE account_id = a.id AND hash = ?)) AS n`,
    )
    for (const host of hostsIn(db)) {
      const common = ALL.filter((hash) => lacks.get(host, hash)?.n === 0)
      if (common.length < ALL.length) this.#hosts.set(host, new Set(common))
      else db.raw.run('DELETE FROM settings WHERE name = ?', [`${NAME}${host}`])
    }
  }

  /** Hashes of which every account of the host has keys, the stronger first; all where there is no such hash. */
  of(host: string): readonly HashName[] {
    const common = this.#hosts.get(host)
    return common === undefined || common.size === 0 ? ALL : ALL.filter((hash) => common.has(hash))
  }

  /** An account of the host has come with these keys. */
  note(host: string, keys: Partial<Credentials>): void {
    const own = ALL.filter((hash) => keys[hash] !== undefined)
    if (own.length === 0 || own.length === ALL.length) return
    const before = this.#hosts.get(host)
    const after = new Set((before ? [...before] : ALL).filter((hash) => own.includes(hash)))
    if (before && before.size === after.size) return
    this.#settings.set(`${NAME}${host}`, Buffer.from('1'))
    this.#hosts.set(host, after)
    this.#db.turn.undo(() => (before ? this.#hosts.set(host, before) : this.#hosts.delete(host)))
  }
}

/** Looked at anew at each start, since passwords that were set meanwhile have keys of both. */
function hostsIn({ raw }: Db): string[] {
  return raw
    .query<{ name: string }, []>(`SELECT name FROM settings WHERE name LIKE 'one-hash-%'`)
    .all()
    .map(({ name }) => name.slice(NAME.length))
}
