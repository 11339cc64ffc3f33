/**
 * Random stories of juliet's phones, her desk and who writes to her, and what must hold whatever happens: for
 * test/features/push-model.test.ts. Known is what the clients have said, and nothing that only the server knows.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'bun:test'
import type { Job } from '../../src/store/push.ts'
import type { Actor } from './actor.ts'
import { FakeClock } from './clock.ts'
import { areSent, atDesk, cast, count, PUSH, quietly, settle } from './phones.ts'
import { bodyOf, type Manages, StoryClient } from './story-client.ts'
import { answerTo, JULIET, markOf, noiseOf, type Peer, peerOf, PEERS, xmlOf } from './story-words.ts'
import { type Play, play } from './world.ts'

const TOML = PUSH.replace('burst = 3', 'burst = 0')

interface Written {
  readonly body: string
  readonly peer: Peer
  readonly n: number
  read: boolean
  /** A client has shown that it has it. */
  taken: boolean
  /** Only memory had it when the server crashed (ARCHITECTURE.md): of clients that do not acknowledge. */
  trusted: boolean
}

/** Where a story begins. */
export interface Beginning {
  readonly phones: 1 | 2
  /** Her apps tell what was read. */
  readonly marks: boolean
  readonly onDisk: boolean
}

export class Story {
  p: Play
  readonly written: Written[] = []
  /** By phone: what it has, has shown to have, or may fetch from the archive; or what was read anywhere. */
  readonly excused: Map<string, Set<string>>
  /** By phone: what it had at once, or what was read before it left: it must not ring. */
  readonly spared: Map<string, Set<string>>
  /** By phone: what came while it was open and answered; once it has shown to have it, it is spared. */
  readonly #fresh: Map<string, Set<string>>
  readonly phones: readonly StoryClient[]
  readonly clients: readonly StoryClient[]
  #peers = new Map<Peer, Actor>()
  #pushed: Job[] = []
  readonly #dir: string | undefined
  #file: string
  #n = 0
  #runs = 0

  constructor(readonly begins: Beginning) {
    this.#dir = begins.onDisk ? mkdtempSync(join(tmpdir(), 'belfry-story-')) : undefined
    this.#file = this.#dir ? join(this.#dir, 'belfry.db') : ':memory:'
    this.phones = ['phone', 'tablet'].slice(0, begins.phones).map((name) => this.#client(name))
    this.clients = [...this.phones, this.#client('desk')]
    this.excused = new Map(this.phones.map(({ resource }) => [resource, new Set()]))
    this.spared = new Map(this.phones.map(({ resource }) => [resource, new Set()]))
    this.#fresh = new Map(this.phones.map(({ resource }) => [resource, new Set()]))
    this.p = this.#open(new FakeClock())
  }

  async begin(): Promise<void> {
    await cast(
      this.p,
      this.phones.map(({ resource }) => resource),
    )
    await this.p.account('nurse@bix.org')
    if (this.begins.marks) {
      const app = await atDesk(this.p)
      app.sends(markOf('romeo', 'none'))
      app.sends('</stream:stream>')
    }
    await settle(this.p)
  }

  async writes(n: number): Promise<void> {
    const { body, xml } = this.#next(n)
    await this.#arrives(body, n, xml)
  }

  /** The same again, with the same origin-id (XEP-0359): it is accepted, and that is all. */
  async writesAgain(): Promise<void> {
    const last = this.written.at(-1)
    if (last) await this.#sends(last.peer, xmlOf(last.body))
  }

  async noise(n: number): Promise<void> {
    await this.#sends(peerOf(n), noiseOf(n))
  }

  async comes(n: number): Promise<void> {
    const client = this.#one(n)
    if (client.actor) return
    const manages: Manages[] = ['no', 'acks', 'resumes', 'resumes']
    await client.comes(this.p, manages[n % 4] ?? 'no', this.written.length)
    if (n % 5 > 0) await this.#appears(client)
  }

  async appears(n: number): Promise<void> {
    await this.#appears(this.#one(n))
  }

  async resumes(n: number): Promise<void> {
    await this.#one(n).resumes(this.p, n % 3)
  }

  leaves(n: number): void {
    if (n % 3 > 0) this.#mayHaveMissed(this.#one(n))
    this.#one(n).leaves(n % 3 === 0)
  }

  turns(n: number): void {
    this.#one(n).turns(n % 2 === 0)
  }

  toggles(n: number): void {
    this.#mayHaveMissed(this.#one(n))
    this.#one(n).toggles()
  }

  acksSome(n: number): void {
    this.#one(n).acksSome(n % 3)
  }

  /** A chat is marked as displayed up to one of its messages, or answered. */
  async reads(n: number): Promise<void> {
    const client = this.#one(n)
    const peer = peerOf(n)
    const chat = this.written.filter((message) => message.peer === peer)
    const last = chat.at(n % 3 === 0 ? -2 : -1)
    if (!client.actor || !last) return
    const answers = n % 4 === 0 || !this.begins.marks
    // A marker may only name what is not read yet.
    const upTo = answers ? this.#n : last.read ? 0 : last.n
    this.#areRead((message) => message.peer === peer && message.n <= upTo)
    client.says(answers ? answerTo(peer) : markOf(peer, last.body))
    await settle(this.p)
  }

  async passes(n: number): Promise<void> {
    this.p.clock.advance([1_000, 5_000, 12_000, 40_000, 130_000][n % 5] ?? 0)
    await quietly(this.p)
  }

  async apple(): Promise<void> {
    await areSent(this.p)
  }

  /** The disk is full for a while. */
  async fails(n: number): Promise<void> {
    const client = this.#one(n)
    const writer = n % 4 === 0 ? await this.#peer(peerOf(n)) : undefined
    for (const one of this.clients) this.#mayHaveMissed(one)
    const mend = this.p.commitsFail()
    if (writer) writer.sends(this.#next(n).xml)
    else if (n % 4 === 1) client.leaves(false)
    else if (n % 4 === 2) client.acksSome(2)
    else this.p.clock.advance(12_000)
    await quietly(this.p)
    mend()
    this.p.clock.advance(60_000)
    await quietly(this.p)
  }

  async restarts(orderly: boolean): Promise<void> {
    if (!this.#dir) return
    for (const client of this.clients) {
      this.#mayHaveMissed(client)
      client.hears()
      for (const body of client.unshown) this.#isForgotten(client, body, orderly)
    }
    const { p } = this
    if (orderly) p.stop()
    else this.#file = p.crash()
    this.#pushed.push(...p.pushed)
    p[Symbol.dispose]()
    for (const client of this.clients) client.isCutOff(orderly)
    this.#peers = new Map()
    const clock = new FakeClock(p.clock.now() + 1_000)
    this.p = this.#open(clock)
    await settle(this.p)
  }

  /** After each act: what came is answered, and what must hold at any time does. */
  async goesOn(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await quietly(this.p)
      const said = this.clients.map((client) => client.reacts())
      if (!said.includes(true)) break
    }
    this.#fetches()
    if (this.begins.marks) expect(['unread', count(this.p)]).toEqual(['unread', this.#unread().length])
    else expect(count(this.p)).toBeGreaterThanOrEqual(0)
  }

  async ends(): Promise<void> {
    for (let i = 0; i < 60; i++) {
      this.p.clock.advance(30_000)
      await this.goesOn()
      await this.apple()
    }
    this.#ranAsPromised()
    this.#nothingIsLost()
    await this.#allIsRead()
  }

  [Symbol.dispose](): void {
    this.p[Symbol.dispose]()
    if (this.#dir) rmSync(this.#dir, { recursive: true })
  }

  #open(clock: FakeClock): Play {
    const p = play({ toml: TOML, file: this.#file, clock, seed: ++this.#runs })
    // As the dispatcher's: what Apple has not got may be taken back.
    p.store.push.recall = () => () => {}
    return p
  }

  #client(resource: string): StoryClient {
    return new StoryClient(resource, (el) => {
      const body = bodyOf(el)
      if (body === undefined) return
      const message = this.written.find((one) => one.body === body)
      if (message) message.taken = true
      this.excused.get(resource)?.add(body)
      if (this.#fresh.get(resource)?.has(body)) this.spared.get(resource)?.add(body)
      // An app that tells nothing of what was read has shown what it got.
      if (!this.begins.marks) for (const bodies of this.excused.values()) bodies.add(body)
    })
  }

  #one(n: number): StoryClient {
    const client = this.clients[n % this.clients.length]
    if (!client) throw new Error('nobody')
    return client
  }

  #next(n: number): { body: string; xml: string } {
    const body = `m${++this.#n}-${peerOf(n)}`
    return { body, xml: xmlOf(body) }
  }

  async #arrives(body: string, n: number, xml: string): Promise<void> {
    this.written.push({ body, peer: peerOf(n), n: this.#n, read: false, taken: false, trusted: false })
    for (const { resource, actor, available, inactive, answers } of this.phones)
      if (actor && available && !inactive && answers) this.#fresh.get(resource)?.add(body)
    await this.#sends(peerOf(n), xml)
  }

  /** What only memory knew: that of clients that do not acknowledge (ARCHITECTURE.md), and what others had taken. */
  #isForgotten({ resource, manages, actor }: StoryClient, body: string, orderly: boolean): void {
    const message = this.written.find((one) => one.body === body)
    if (!message) return
    if (manages === 'no' && actor) message.trusted = true
    else if (orderly || !message.taken) return
    this.excused.get(resource)?.add(body)
  }

  #mayHaveMissed({ resource }: StoryClient): void {
    this.#fresh.get(resource)?.clear()
  }

  async #appears(client: StoryClient): Promise<void> {
    if (!client.actor) return
    // An app that tells nothing of what was read has shown everything once it is open.
    if (!this.begins.marks && !client.inactive) this.#areRead(() => true)
    client.appears()
    await settle(this.p)
  }

  #areRead(which: (message: Written) => boolean): void {
    for (const message of this.written.filter(which)) {
      if (message.read) continue
      message.read = true
      for (const { resource } of this.phones) {
        this.excused.get(resource)?.add(message.body)
        // Of what an app without marks shows at once nothing is remembered that an answer could change.
        if (this.begins.marks && !this.#sentTo(resource).includes(this.#idOf(message.body)))
          this.spared.get(resource)?.add(message.body)
      }
    }
  }

  /** What others have, or are still to resume for, the app that comes back fetches from the archive. */
  #fetches(): void {
    const rows = this.p.store.db.raw
      .query<{ id: number }, []>('SELECT id FROM offline WHERE in_flight = 0')
      .all()
    const stored = new Set(rows.map(({ id }) => String(id)))
    for (const { resource, actor, since } of this.phones) {
      if (!actor) continue
      for (const { body } of this.written.slice(0, since))
        if (!stored.has(this.#idOf(body) ?? '')) this.excused.get(resource)?.add(body)
    }
  }

  #ranAsPromised(): void {
    const pushed = [...this.#pushed, ...this.p.pushed].filter(({ kind }) => kind !== 'badge')
    const known = new Set(this.written.map(({ body }) => this.#idOf(body)))
    for (const { kind, messageId, collapseId } of pushed)
      expect([kind, collapseId, known.has(messageId)]).toEqual(['body', messageId, true])
    expect(this.p.store.push.counts()).toEqual({ queued: 0, held: 0, dead: 0 })
    for (const { resource } of this.phones) {
      const sent = this.#sentTo(resource)
      const about = new Set(this.#decided(resource).map(({ messageId }) => messageId))
      for (const { body } of this.written) {
        const id = this.#idOf(body) ?? ''
        const times = sent.filter((one) => one === id).length
        const what = (rings: number) => ({ resource, body, explained: true, rings })
        const was = { resource, body, explained: about.has(id), rings: times }
        if (this.spared.get(resource)?.has(body)) expect(was).toEqual(what(0))
        else if (this.excused.get(resource)?.has(body)) expect(was).toEqual(what(Math.min(times, 1)))
        else expect(was).toEqual(what(1))
      }
    }
  }

  #nothingIsLost(): void {
    const rows = this.p.store.db.raw.query<{ id: number }, []>('SELECT id FROM offline').all()
    const stored = new Set(rows.map(({ id }) => String(id)))
    for (const { body, taken, trusted } of this.written) {
      const id = this.#idOf(body)
      expect({ body, archived: id !== undefined }).toEqual({ body, archived: true })
      const kept = taken || trusted || stored.has(id ?? '')
      expect({ body, kept }).toEqual({ body, kept: true })
    }
  }

  async #allIsRead(): Promise<void> {
    const reader = await this.p.bound(`${JULIET}/reader`)
    for (const peer of PEERS) reader.sends(answerTo(peer))
    await settle(this.p)
    expect(count(this.p)).toBe(0)
  }

  #unread(): Written[] {
    return this.written.filter(({ read }) => !read)
  }

  #decided(resource: string) {
    const account = this.p.store.accounts.find(JULIET)
    const device = this.p.store.push.devices
      .of(account?.id ?? 0)
      .find(({ sessionKey }) => sessionKey === resource)
    return this.p.store.push
      .explain(account?.id ?? 0, 10_000)
      .filter(({ deviceId }) => deviceId === device?.id)
  }

  #sentTo(resource: string): (string | undefined)[] {
    return this.#decided(resource).flatMap(({ verdict, rule, messageId }) =>
      verdict === 'sent' && rule === 'body' ? [messageId] : [],
    )
  }

  /** The message's id, which is that of its place in the archive. */
  #idOf(body: string): string | undefined {
    const account = this.p.store.accounts.find(JULIET)
    const row = this.p.store.db.raw
      .query<{ id: number }, [number, string]>(
        'SELECT id FROM archive WHERE account_id = ? AND instr(xml, ?)',
      )
      .get(account?.id ?? 0, `<body>${body}</body>`)
    return row ? String(row.id) : undefined
  }

  async #peer(peer: Peer): Promise<Actor> {
    const known = this.#peers.get(peer)
    if (known) return known
    const actor = await this.p.bound(`${peer}@bix.org/home`)
    this.#peers.set(peer, actor)
    return actor
  }

  async #sends(peer: Peer, xml: string): Promise<void> {
    const actor = await this.#peer(peer)
    actor.sends(xml)
    await settle(this.p)
    actor.forget()
  }
}
