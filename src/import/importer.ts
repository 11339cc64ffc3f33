/** Takes the facts of a source into the store of this server, many in a trip, and reports what became of them. */
import { fullGC } from 'bun:jsc'
import { adopt, keysFor } from '../accounts/accounts.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { Router } from '../routing/router.ts'
import type { Trip, World } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import type { Credentials } from '../store/credentials.ts'
import type { RoomRow } from '../store/rooms.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { Jid, JidError } from '../xmpp/jid.ts'
import { Element } from '../xmpp/xml.ts'
import type { HostMap } from './hosts.ts'
import { checkKeys, hasKeys } from './keys.ts'
import { type Fact, Refused, type Source, SourceError } from './model.ts'
import { Report } from './report.ts'
import { Places } from './times.ts'
import { HANDLERS } from './write-account.ts'
import { archive, archiveOfRoom } from './write-archive.ts'
import { wishOf } from './write-push.ts'
import { makeRoom, setStanding } from './write-room.ts'

/** Facts of one trip, and bytes of the source: facts may be large, as pictures are. */
const TOGETHER = 2_000
const TOGETHER_BYTES = 1 * 1024 * 1024
/**
 * Bytes of the source between two collections of garbage. Each message leaves ten kilobytes of it, and left alone the heap grows
 * to several times of what is in use before it is collected. Collecting after half as many took as long as all other work.
 */
const COLLECTED_BYTES = 3 * 1024 * 1024
/** Addresses that are remembered between two facts of the same owner. */
const REMEMBERED = 32_768
/** Kinds that are checked before their only row is written, so that nothing of a refused one has to be taken back. */
const ONE_ROW: ReadonlySet<Fact['kind']> = new Set(['archived', 'room-message'])

type AccountFact = Extract<Fact, { kind: 'account' }>
/** Keys of an account, and reasons for what there is not. */
type Keys = { readonly keys: Partial<Credentials>; readonly faults: readonly string[] }

/** Owner as it is here; a reason where it cannot be one. In a dry run there may be no row yet. */
interface Owner<Row> {
  readonly jid: Jid
  readonly row: Row | undefined
}

export interface ImportOptions {
  readonly hosts: HostMap
  /** Report only: no row is written. */
  readonly isDry: boolean
}

export class Importer {
  readonly report = new Report()
  readonly #world: World
  readonly #router: Router
  readonly #options: ImportOptions
  readonly #places = new Places()
  readonly #accountOwners = new BoundedMap<string, Owner<Account> | string>(REMEMBERED)
  readonly #roomOwners = new BoundedMap<string, Owner<RoomRow> | string>(REMEMBERED)
  /** Addresses that a dry run would have made. */
  readonly #wouldBe = new Set<string>()

  constructor(world: World, router: Router, options: ImportOptions) {
    this.#world = world
    this.#router = router
    this.#options = options
  }

  /** Reads the source to its end. A source that breaks off leaves what came before. @throws StanzaError of the store */
  async take(source: Source, told: (bytes: number) => void = () => {}): Promise<void> {
    const broken = new Set<string>()
    for (let pass = 0; pass < source.passes; pass++) {
      const batches = new Batches((batch) => this.#write(batch))
      try {
        const facts = source.facts(pass, (bytes) => {
          batches.read += bytes
          told(bytes)
        })
        for await (const piece of facts)
          for (const fact of piece) if (batches.isFullWith(fact)) await batches.hand()
      } catch (error) {
        if (!(error instanceof SourceError)) throw error
        // The next pass meets it again.
        if (!broken.has(error.message)) this.report.reject('', 'reject', error.message)
        this.report.isBroken = true
        broken.add(error.message)
      }
      await batches.finish()
    }
  }

  async #write(batch: readonly Fact[]): Promise<void> {
    const keys = new Map<Fact, Keys>()
    for (const fact of batch) if (fact.kind === 'account') keys.set(fact, await this.#keysFor(fact))
    await this.#router.run((t) => {
      for (const fact of batch) this.#one(t, fact, keys.get(fact))
    })
  }

  /** Slow, so before the trip. */
  async #keysFor({ keys: found, password }: AccountFact): Promise<Keys> {
    const { keys, faults } = await checkKeys(found, password)
    if (password === undefined || hasKeys(keys)) return { keys, faults }
    if (this.#options.isDry) return { keys: {}, faults }
    const world = this.#world
    try {
      return { keys: await keysFor({ world, config: world.config }, password), faults }
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error
      return { keys: {}, faults: [...faults, `the password cannot be one here: ${error.text ?? ''}`] }
    }
  }

  #one(t: Trip, fact: Fact, keys: Keys | undefined): void {
    if (fact.kind === 'reject') return this.report.reject(fact.owner, fact.kind, fact.why)
    try {
      const apply = () => this.#apply(t, fact, keys)
      const isNew = ONE_ROW.has(fact.kind) ? apply() : t.store.turn.part(apply)
      if (isNew) this.report.count(fact.kind)
      else this.report.there++
    } catch (error) {
      this.#accountOwners.delete(fact.owner)
      this.#roomOwners.delete(fact.owner)
      this.report.reject(fact.owner, fact.kind, reasonOf(error))
    }
  }

  /** False for what an earlier run has taken. */
  #apply(t: Trip, fact: Exclude<Fact, { kind: 'reject' }>, keys: Keys | undefined): boolean {
    switch (fact.kind) {
      case 'account':
        return this.#account(t, fact, keys ?? { keys: {}, faults: [] })
      case 'room':
        return this.#room(t, fact)
      case 'room-message':
      case 'affiliation':
      case 'room-nick':
      case 'subscriber':
        return this.#ofRoom(t, fact)
      default:
        return this.#ofAccount(t, fact)
    }
  }

  #account(t: Trip, fact: AccountFact, { keys, faults }: Keys): boolean {
    const { hosts, isDry } = this.#options
    const jid = hosts.map(fact.owner)
    if (jid.local === '' || jid.isFull) throw new Refused('not the address of an account')
    if (!hosts.hosts.has(jid.domain))
      throw new Refused(`${jid.domain} is not one of this server's hosts; say --host ${jid.domain}=HOST`)
    if (t.store.accounts.find(jid.bare)) {
      if (t.store.imports.made(jid.bare)) return false
      throw new Refused('an account of that name is here already')
    }
    if (isDry && this.#wouldBe.has(jid.bare)) throw new Refused('the account is in the source twice')
    for (const fault of faults) this.report.reject(fact.owner, 'account', fault)
    if (!hasKeys(keys) && !(isDry && fact.password !== undefined)) this.report.withoutPassword++
    this.#accountOwners.delete(fact.owner)
    if (isDry) return this.#wouldBe.add(jid.bare).has(jid.bare)
    const account = adopt(t, jid, keys, fact.createdAt ?? t.now)
    t.store.hostHashes.note(jid.domain, keys)
    t.store.imports.make(account.jid)
    return true
  }

  #room(t: Trip, fact: Extract<Fact, { kind: 'room' }>): boolean {
    const { hosts, isDry } = this.#options
    const jid = hosts.map(fact.owner)
    if (jid.local === '' || !t.world.domains.serviceAt(jid.domain))
      throw new Refused(`${jid.domain} is no service of rooms here; say --host ${jid.domain}=SERVICE`)
    if (t.store.rooms.find(jid.bare)) {
      if (t.store.imports.made(jid.bare)) return false
      throw new Refused('a room of that name is here already')
    }
    this.#roomOwners.delete(fact.owner)
    if (isDry) return this.#wouldBe.add(jid.bare).has(jid.bare)
    makeRoom(t, jid, fact)
    t.store.imports.make(jid.bare)
    return true
  }

  #ofAccount(
    t: Trip,
    fact: Exclude<
      Fact,
      {
        kind: 'reject' | 'account' | 'room' | 'room-message' | 'affiliation' | 'room-nick' | 'subscriber'
      }
    >,
  ): boolean {
    const { hosts, isDry } = this.#options
    const owner = this.#ownerOf(fact.owner, this.#accountOwners, (bare) => t.store.accounts.find(bare), t)
    const { jid, row: account } = owner
    // Most are refused, and a dry run is to tell of each.
    if (fact.kind === 'push') wishOf(t, hosts, fact)
    if (!account) return true
    const past = { t, hosts, places: this.#places, isDry }
    if (fact.kind === 'archived') return archive(past, { account, jid }, fact)
    const text = textOf(fact)
    if (t.store.imports.has(jid.bare, text)) return false
    if (isDry) return true
    // Each handler takes the facts of its kind.
    const handle = HANDLERS[fact.kind] as ((at: object, fact: Fact) => void) | undefined
    handle?.({ ...past, account, jid }, fact)
    t.store.imports.add(jid.bare, text)
    return true
  }

  #ofRoom(
    t: Trip,
    fact: Extract<Fact, { kind: 'room-message' | 'affiliation' | 'room-nick' | 'subscriber' }>,
  ): boolean {
    const { hosts, isDry } = this.#options
    const owner = this.#ownerOf(fact.owner, this.#roomOwners, (bare) => t.store.rooms.find(bare), t)
    const { jid, row: room } = owner
    if (!room) return true
    if (fact.kind === 'room-message')
      return archiveOfRoom({ t, hosts, places: this.#places, isDry }, room, fact)
    const text = textOf(fact)
    if (t.store.imports.has(jid.bare, text)) return false
    if (isDry) return true
    setStanding(t, room, hosts, fact)
    t.store.imports.add(jid.bare, text)
    return true
  }

  /** The owner of a fact: made by an import, or nobody. @throws Refused */
  #ownerOf<Row>(
    raw: string,
    known: BoundedMap<string, Owner<Row> | string>,
    find: (bare: string) => Row | undefined,
    t: Trip,
  ): Owner<Row> {
    const found = known.getOr(raw, () => {
      const jid = this.#options.hosts.tryMap(raw)
      if (!jid) return 'not an address'
      const row = find(jid.bare)
      if (row ? t.store.imports.made(jid.bare) : this.#wouldBe.has(jid.bare)) return { jid, row }
      return row ? 'was here before the import' : 'whose account or room did not come over'
    })
    if (typeof found === 'string') throw new Refused(found)
    return found
  }
}

/** Facts of one trip at a time: while they are on their way to the disk, the next are read. */
class Batches {
  /** Bytes of the source since the last batch. */
  read = 0
  #batch: Fact[] = []
  #uncollected = 0
  #written: Promise<void> = Promise.resolve()
  readonly #write: (batch: readonly Fact[]) => Promise<void>

  constructor(write: (batch: readonly Fact[]) => Promise<void>) {
    this.#write = write
  }

  isFullWith(fact: Fact): boolean {
    return this.#batch.push(fact) >= TOGETHER || this.read >= TOGETHER_BYTES
  }

  /** Waits for the batch before. */
  async hand(): Promise<void> {
    await this.#written
    this.#written = this.#write(this.#batch)
    // A failure is met by whoever waits next.
    this.#written.catch(() => {})
    this.#batch = []
    this.#uncollected += this.read
    this.read = 0
    if (this.#uncollected < COLLECTED_BYTES) return
    this.#uncollected = 0
    fullGC()
  }

  async finish(): Promise<void> {
    await this.hand()
    await this.#written
  }
}

/** The same for the same fact, at each run. */
const textOf = (fact: Fact): string =>
  JSON.stringify(fact, (_, value: unknown) =>
    value instanceof Element ? value.toString() : value instanceof Map ? [...value] : value,
  )

function reasonOf(error: unknown): string {
  if (error instanceof Refused || error instanceof JidError) return error.message
  if (error instanceof StanzaError && error.condition !== 'resource-constraint')
    return error.text ?? error.condition
  // A fact that the store could not take is no fault of the source.
  if (error instanceof StanzaError && error.text !== undefined) return error.text
  throw error
}
