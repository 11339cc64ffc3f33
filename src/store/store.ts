/** The memory of one server: one object per aggregate over one database. */
import { SQLiteError } from 'bun:sqlite'
import { getLogger, OutsideError } from '../log.ts'
import { AccountPages } from './account-pages.ts'
import { Accounts } from './accounts.ts'
import { Answers } from './answers.ts'
import { ArchiveSizes } from './archive-sizes.ts'
import { Audit } from './audit.ts'
import { AuditTable } from './audit-table.ts'
import { Badges } from './badges.ts'
import { Blocked } from './blocked.ts'
import { type Clock, type Random, systemClock, systemRandom } from './clock.ts'
import { Clients } from './clients.ts'
import { Contacts } from './contacts.ts'
import { closeDb, type Db, openDb } from './db.ts'
import { Events } from './events.ts'
import { FigureRows } from './figures.ts'
import { Held } from './held.ts'
import { DeadLetters } from './dead-letters.ts'
import { History } from './history.ts'
import { HostHashes } from './host-hashes.ts'
import { Imports } from './imports.ts'
import { Invites } from './invites.ts'
import { DeferredIndex } from './deferred-index.ts'
import { Messages } from './messages.ts'
import { Origins } from './origins.ts'
import { Pep } from './pep.ts'
import { PrivateXml } from './private.ts'
import { Push } from './push.ts'
import { PushReports } from './push-reports.ts'
import { Receipts } from './receipts.ts'
import { RoomAffiliations } from './room-affiliations.ts'
import { RoomArchive } from './room-archive.ts'
import { RoomFanouts } from './room-fanouts.ts'
import { RoomVerdicts } from './room-verdicts.ts'
import { RoomRows } from './rooms.ts'
import { Settings } from './settings.ts'
import { Skeletons } from './skeletons.ts'
import { Sm } from './sm.ts'
import { Tokens } from './tokens.ts'
import type { Turn } from './turn.ts'
import type { TurnHost } from './turn-host.ts'
import { Unread } from './unread.ts'
import { Uploads } from './uploads.ts'
import { VapidKeys } from './vapid-keys.ts'
import type { DiskSync } from './wal-sync.ts'

const log = getLogger('store')

/** Time for which the end waits for whoever else has the database open. */
const CLOSING_MS = 2_000

/** Rows that one trip writes into a deferred index. */
const FLUSHED = 500

type DeferredIndexes = Readonly<Record<'archive' | 'offline' | 'unread' | 'verdicts', DeferredIndex>>

export class Store {
  readonly events: Events
  readonly skeletons: Skeletons
  readonly accounts: Accounts
  readonly accountPages: AccountPages
  readonly contacts: Contacts
  readonly receipts: Receipts
  readonly messages: Messages
  readonly origins: Origins
  readonly archiveSizes: ArchiveSizes
  readonly history: History
  readonly blocked: Blocked
  readonly privateXml: PrivateXml
  readonly pep: Pep
  readonly push: Push
  readonly held: Held
  readonly unread: Unread
  readonly badges: Badges
  readonly pushReports: PushReports
  readonly deadLetters: DeadLetters
  readonly settings: Settings
  readonly sm: Sm
  readonly tokens: Tokens
  readonly clients: Clients
  readonly hostHashes: HostHashes
  readonly invites: Invites
  readonly imports: Imports
  readonly rooms: RoomRows
  readonly roomAffiliations: RoomAffiliations
  readonly roomArchive: RoomArchive
  readonly roomFanouts: RoomFanouts
  readonly roomVerdicts: RoomVerdicts
  readonly uploads: Uploads
  readonly vapidKeys: VapidKeys
  readonly audit: Audit
  readonly figures: FigureRows
  readonly answers: Answers
  readonly indexes: DeferredIndexes

  constructor(
    readonly db: Db,
    clock: Clock,
    random: Random,
  ) {
    this.events = new Events(db, clock)
    this.figures = new FigureRows(db)
    this.audit = new Audit(db.turn, new AuditTable(db), clock)
    this.indexes = {
      archive: new DeferredIndex(db, 'archive', 'peer, id'),
      offline: new DeferredIndex(db, 'offline', 'id', { unless: 'in_flight' }),
      unread: new DeferredIndex(db, 'unread', 'peer, id'),
      verdicts: new DeferredIndex(db, 'verdicts', 'id'),
    }
    this.skeletons = new Skeletons(db)
    this.accounts = new Accounts(db, this.events, this.audit, Object.values(this.indexes))
    this.accountPages = new AccountPages(db)
    this.contacts = new Contacts(db, this.accounts)
    this.receipts = new Receipts(db, clock)
    this.messages = new Messages(db, this.receipts, this.accounts, this.indexes)
    this.origins = new Origins(db, this.receipts)
    this.archiveSizes = new ArchiveSizes(db)
    this.history = new History(db, this.indexes.archive, this.receipts, this.archiveSizes)
    this.blocked = new Blocked(db)
    this.privateXml = new PrivateXml(db)
    this.pep = new Pep(db)
    this.push = new Push(db, { clock, random }, this.events, this.audit, this.accounts, this.indexes.verdicts)
    this.events.queue = (push) => this.push.queue(push)
    this.held = new Held(db, this.push)
    this.unread = new Unread(db, this.accounts, this.indexes.unread)
    this.badges = new Badges(this.push.devices, this.unread)
    this.pushReports = new PushReports(db, this.indexes.verdicts)
    this.deadLetters = new DeadLetters(db, this.push)
    this.settings = new Settings(db, random)
    this.vapidKeys = new VapidKeys(this.settings, random)
    this.sm = new Sm(db)
    this.tokens = new Tokens(db, random, this.audit)
    this.clients = new Clients(db, random, this.audit)
    this.invites = new Invites(db, random, this.audit)
    this.hostHashes = new HostHashes(db, this.settings)
    this.imports = new Imports(db)
    this.rooms = new RoomRows(db, this.audit, this.events)
    this.roomAffiliations = new RoomAffiliations(db, this.audit, this.events)
    this.roomVerdicts = new RoomVerdicts(db)
    this.roomFanouts = new RoomFanouts(db)
    this.roomArchive = new RoomArchive(db, this.receipts)
    this.uploads = new Uploads(db)
    this.answers = new Answers(db)
  }

  get turn(): Turn {
    return this.db.turn
  }

  /** Ends the open turn and closes the database; the WAL is folded into the file. */
  close(): void {
    this.turn.end()
    // The checkpoint's Worker may still be giving its connection up, and nobody is kept waiting any more.
    if (!this.turn.dead) this.db.raw.run(`PRAGMA busy_timeout = ${CLOSING_MS}`)
    this.#flushIndexes()
    closeDb(this.db)
  }

  /** Spares the next start the work; where it fails that start does it. */
  #flushIndexes(): void {
    try {
      for (const index of Object.values(this.indexes))
        // What a failed commit takes back would be written again and again.
        while (!this.turn.dead && !this.turn.failure && this.turn.trip(() => index.flushSome(FLUSHED)));
    } catch (error) {
      log.warn('an index was not completed; the next start does it', { error })
    }
  }
}

/** `file` is a path or ":memory:"; `disk` is for those who say when it has synced. */
export function openStore(
  file: string,
  host: TurnHost,
  clock: Clock = systemClock,
  random: Random = systemRandom,
  disk?: DiskSync,
): Store {
  try {
    // Queries are prepared at once, so that a table or column that is missing shows here.
    const store = new Store(openDb(file, host, clock, disk), clock, random)
    // From here on the turn waits for whoever writes (write-lock.ts), so that the loop does not.
    store.db.raw.run('PRAGMA busy_timeout = 0')
    return store
  } catch (error) {
    if (!(error instanceof SQLiteError)) throw error
    const why = /^SQLITE_(ERROR|NOTADB|CORRUPT)/.test(error.code ?? '')
      ? 'It is damaged, or an unreleased build made it: restore a backup, or move it away to begin anew'
      : `(${error.code}) Look whether the disk is full or fails (df, dmesg), and who else has it open (fuser)`
    throw new OutsideError(`${file} cannot be used: ${error.message}. ${why}`, { cause: error })
  }
}
