/** What the tests of the store share: a host that remembers, a place on disk that goes away, rows to play with. */
import { Database } from 'bun:sqlite'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startLogging, stopLogging } from '../../src/log.ts'
import type { Account } from '../../src/store/accounts.ts'
import type { Credentials } from '../../src/store/credentials.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import type { TurnHost } from '../../src/store/turn-host.ts'
import { TurnFailed } from '../../src/store/turn-failed.ts'
import { FakeClock, seededRandom } from '../support/clock.ts'

/** Writes down what the turn tells its host, in order, between what the test itself notes. */
export class Recorder implements TurnHost {
  readonly events: string[] = []
  readonly fatals: unknown[] = []

  flushed(): void {
    this.events.push('flushed')
  }
  committed(_ms: number, trips: number): void {
    this.events.push(`committed ${trips}`)
  }
  fatal(cause: unknown): void {
    this.fatals.push(cause)
  }
  /** The events so far, forgotten afterwards. */
  take(): string[] {
    return this.events.splice(0)
  }
}

export interface Opened extends Disposable {
  readonly store: Store
  readonly host: Recorder
  readonly clock: FakeClock
}

export function open(file = ':memory:', clock = new FakeClock()): Opened {
  const host = new Recorder()
  const store = openStore(file, host, clock, seededRandom(0))
  host.take()
  return { store, host, clock, [Symbol.dispose]: () => store.close() }
}

export function tempDir(): Disposable & { readonly path: string; readonly file: string } {
  const path = mkdtempSync(join(tmpdir(), 'belfry-store-'))
  return {
    path,
    file: join(path, 'belfry.db'),
    [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }),
  }
}

const KEYS = {
  salt: Buffer.alloc(16),
  iterations: 4096,
  storedKey: Buffer.alloc(32, 1),
  serverKey: Buffer.alloc(32, 2),
}
export const CREDENTIALS: Credentials = { 'SHA-1': KEYS, 'SHA-256': KEYS }

/** One trip, committed. */
export function trip<T>(store: Store, f: () => T): T {
  const result = store.turn.trip(f)
  store.turn.end()
  return result
}

export type TripEnd = 'ok' | 'throw' | 'full'

/** One trip that goes well, throws behind `f`, or finds the disk full there; its turn stays open. */
export function tripThatEnds(store: Store, end: TripEnd, f: () => void): void {
  try {
    store.turn.trip(() => {
      f()
      if (end === 'throw') throw new RangeError('on purpose')
      if (end !== 'full') return
      store.db.raw.query('PRAGMA max_page_count = 1').get()
      store.settings.set('big', Buffer.alloc(50_000))
    })
  } catch (error) {
    if (!(error instanceof RangeError) && !(error instanceof TurnFailed)) throw error
  } finally {
    store.db.raw.query('PRAGMA max_page_count = 1000000').get()
  }
}

/** An account of bix.org; within a trip. */
export function make(store: Store, name: string): Account {
  const account = store.accounts.create(`${name}@bix.org`, 'bix.org', CREDENTIALS, 0)
  if (!account) throw new Error(`${name} is taken`)
  return account
}

/** The loop goes round once: setImmediate callbacks that wait now have run. */
export const loop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** What the turns so far have to say has been said: for stores on a disk, which takes its time. */
export async function settled({ turn }: Store): Promise<void> {
  while (turn.isOpen) await loop()
}

/** What another process sees in the file now. */
export function elsewhere<T>(file: string, sql: string): T[] {
  const db = new Database(file, { readonly: true })
  try {
    return db.query<T, []>(sql).all()
  } finally {
    db.close()
  }
}

/** Of a statement that calls its column `id`. */
export function numbers(store: Store, sql: string, ...values: (string | number)[]): number[] {
  return store.db.raw
    .query<{ id: number }, (string | number)[]>(sql)
    .all(...values)
    .map(({ id }) => id)
}

/** What a crash leaves behind: the files as they are, nothing closed. */
export function crashed(from: string, to: string): void {
  for (const end of ['', '-wal']) cpSync(from + end, to + end)
}

export const put = (store: Store, name: string, bytes = 1) => store.settings.set(name, Buffer.alloc(bytes))
export const has = (store: Store, name: string) => store.settings.get(name) !== undefined
export const NAMES = 'SELECT name FROM settings ORDER BY name'

/** Lines of the log while `f` runs. */
export async function logged(f: () => void | Promise<void>): Promise<string> {
  const lines: string[] = []
  startLogging({ level: 'error', format: 'text', write: (line) => lines.push(line) })
  try {
    await f()
  } finally {
    stopLogging()
  }
  return lines.join('\n')
}

export const pages = (store: Store) =>
  store.db.raw.query<{ page_count: number }, []>('PRAGMA page_count').get()?.page_count ?? 0
export const cap = (store: Store, most: number) =>
  void store.db.raw.query(`PRAGMA max_page_count = ${most}`).get()
