/**
 * Juliet's phones and her desk in a random story: how they come and go, and what is known of each of her messages by
 * what the clients have said alone. What is sent, and what must hold, is the matter of the stories built on it.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Job, PushVerdict } from '../../src/store/push.ts'
import type { Element } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import { FakeClock } from './clock.ts'
import { areSent, quietly, settle } from './phones.ts'
import { type Manages, StoryClient } from './story-client.ts'
import { JULIET } from './story-words.ts'
import { type Play, play } from './world.ts'

export abstract class PhoneStory {
  p: Play
  readonly phones: readonly StoryClient[]
  readonly clients: readonly StoryClient[]
  /** By phone: what it has, has shown to have, or may fetch from the archive. */
  protected readonly excused: Map<string, Set<string>>
  /** By phone: what it had at once: it must not ring. */
  protected readonly spared: Map<string, Set<string>>
  /** By phone: what came while it was open and answered; once it has shown to have it, it is spared. */
  protected readonly fresh: Map<string, Set<string>>
  readonly #toml: string
  readonly #dir: string | undefined
  #file: string
  #pushed: Job[] = []
  #peers = new Map<string, Actor>()
  #runs = 0

  constructor(phones: readonly string[], toml: string, onDisk: boolean) {
    this.#toml = toml
    this.#dir = onDisk ? mkdtempSync(join(tmpdir(), 'belfry-story-')) : undefined
    this.#file = this.#dir ? join(this.#dir, 'belfry.db') : ':memory:'
    const client = (resource: string) => new StoryClient(resource, (el) => this.#has(resource, el))
    this.phones = phones.map(client)
    this.clients = [...this.phones, client('desk')]
    const none = () => new Map(phones.map((resource) => [resource, new Set<string>()]))
    this.excused = none()
    this.spared = none()
    this.fresh = none()
    this.p = this.#open(new FakeClock())
  }

  /** What the story calls a stanza that may ring; undefined for all others. */
  protected abstract nameOf(el: Element): string | undefined
  /** A piece of its text that no other has. */
  protected abstract pieceOf(name: string): string
  /** What was sent, in order. */
  protected abstract names(): readonly string[]
  /** A client has shown that it has it. */
  protected abstract shown(name: string): void
  /** The server goes down, and a client has not shown yet that it has it. */
  protected abstract unshown(client: StoryClient, name: string, orderly: boolean): void

  async comes(n: number): Promise<void> {
    const client = this.one(n)
    if (client.actor) return
    const manages: Manages[] = ['no', 'acks', 'resumes', 'resumes']
    await client.comes(this.p, manages[n % 4] ?? 'no', this.names().length)
    if (n % 5 > 0) await this.appears(n)
  }

  async appears(n: number): Promise<void> {
    this.one(n).appears()
    await settle(this.p)
  }

  async resumes(n: number): Promise<void> {
    await this.one(n).resumes(this.p, n % 3)
  }

  leaves(n: number): void {
    if (n % 3 > 0) this.mayHaveMissed(this.one(n))
    this.one(n).leaves(n % 3 === 0)
  }

  turns(n: number): void {
    this.one(n).turns(n % 2 === 0)
  }

  toggles(n: number): void {
    this.mayHaveMissed(this.one(n))
    this.one(n).toggles()
  }

  acksSome(n: number): void {
    this.one(n).acksSome(n % 3)
  }

  async apple(): Promise<void> {
    await areSent(this.p)
  }

  async restarts(orderly: boolean): Promise<void> {
    if (!this.#dir) return
    for (const client of this.clients) {
      this.mayHaveMissed(client)
      client.hears()
      for (const el of client.unshown) {
        const name = this.nameOf(el)
        if (name !== undefined) this.unshown(client, name, orderly)
      }
    }
    const { p } = this
    if (orderly) p.stop()
    else this.#file = p.crash()
    this.#pushed.push(...p.pushed)
    p[Symbol.dispose]()
    for (const client of this.clients) client.isCutOff(orderly)
    this.#peers = new Map()
    this.p = this.#open(new FakeClock(p.clock.now() + 1_000))
    await settle(this.p)
  }

  /** After each act: what came is answered, and the app that is back has what it may fetch. */
  async goesOn(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await quietly(this.p)
      const said = this.clients.map((client) => client.reacts())
      if (!said.includes(true)) break
    }
    this.#fetches()
  }

  [Symbol.dispose](): void {
    this.p[Symbol.dispose]()
    if (this.#dir) rmSync(this.#dir, { recursive: true })
  }

  protected one(n: number): StoryClient {
    const client = this.clients[n % this.clients.length]
    if (!client) throw new Error('nobody')
    return client
  }

  /** It is about to be sent. */
  protected arrives(name: string): void {
    for (const { resource, actor, available, inactive, answers } of this.phones)
      if (actor && available && !inactive && answers) this.fresh.get(resource)?.add(name)
  }

  protected mayHaveMissed({ resource }: StoryClient): void {
    this.fresh.get(resource)?.clear()
  }

  /** All that was handed over to be pushed, whatever became of it. */
  protected get pushed(): Job[] {
    return [...this.#pushed, ...this.p.pushed]
  }

  /** What was decided for one phone, in order. */
  protected decided(resource: string): PushVerdict[] {
    const account = this.p.store.accounts.find(JULIET)?.id ?? 0
    const devices = this.p.store.push.devices.of(account)
    const device = devices.find(({ sessionKey }) => sessionKey === resource)
    const all = this.p.store.push.explain(account, 10_000)
    return all.filter(({ deviceId }) => deviceId === device?.id).reverse()
  }

  /** The message's id, which is that of its place in the archive. */
  protected idOf(name: string): string | undefined {
    const account = this.p.store.accounts.find(JULIET)
    const row = this.p.store.db.raw
      .query<{ id: number }, [number, string]>(
        'SELECT id FROM archive WHERE account_id = ? AND instr(xml, ?)',
      )
      .get(account?.id ?? 0, this.pieceOf(name))
    return row ? String(row.id) : undefined
  }

  protected async peer(name: string): Promise<Actor> {
    const known = this.#peers.get(name)
    if (known) return known
    const actor = await this.p.bound(`${name}@bix.org/home`)
    this.#peers.set(name, actor)
    return actor
  }

  protected async sends(peer: string, xml: string): Promise<void> {
    const actor = await this.peer(peer)
    actor.sends(xml)
    await quietly(this.p)
    actor.forget()
  }

  #has(resource: string, el: Element): void {
    const name = this.nameOf(el)
    if (name === undefined) return
    this.excused.get(resource)?.add(name)
    if (this.fresh.get(resource)?.has(name)) this.spared.get(resource)?.add(name)
    this.shown(name)
  }

  /** What others have, or are still to resume for, the app that comes back fetches from the archive. */
  #fetches(): void {
    const rows = this.p.store.db.raw
      .query<{ id: number }, []>('SELECT id FROM offline WHERE in_flight = 0')
      .all()
    const stored = new Set(rows.map(({ id }) => String(id)))
    for (const { resource, actor, since } of this.phones) {
      if (!actor) continue
      for (const name of this.names().slice(0, since))
        if (!stored.has(this.idOf(name) ?? '')) this.excused.get(resource)?.add(name)
    }
  }

  #open(clock: FakeClock): Play {
    const p = play({ toml: this.#toml, file: this.#file, clock, seed: ++this.#runs })
    // As the dispatcher's: what Apple has not got may be taken back.
    p.store.push.recall = () => () => {}
    return p
  }
}
