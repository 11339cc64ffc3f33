/**
 * Random stories of a group over the life of its server: members whose clients come, sleep, resume and leave, subscribe
 * (MucSub) and do not, while the server is stopped, started and killed. Known is what clients have said and heard, and
 * nothing that only the server knows; for test/features/rooms/life-model.test.ts.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'bun:test'
import { child, childText, type Element, elements } from '../../src/xmpp/xml.ts'
import type { Job } from '../../src/store/push.ts'
import type { Actor } from './actor.ts'
import { FakeClock } from './clock.ts'
import { enableOf, FULL, quietly, settle } from './phones.ts'
import { changes, configures, enters, inside, MUC, ROOM, statuses } from './rooms.ts'
import { type Manages, StoryClient } from './story-client.ts'
import { type Play, play } from './world.ts'

const TOML = FULL.replace('burst = 3', 'burst = 0')
const MUCSUB = 'urn:xmpp:mucsub:0'
const PEOPLE = ['juliet', 'nurse'] as const
const OWNER = 'romeo'

/** The text of a room's message, plain or wrapped; those of before (XEP-0203) were said to others. */
function textOf(el: Element): string | undefined {
  if (el.name !== 'message' || !el.attrs.from?.startsWith(ROOM) || child(el, 'delay')) return undefined
  const event = child(el, 'event', 'http://jabber.org/protocol/pubsub#event')
  const items = event && child(event, 'items')
  const inner = items && elements(child(items, 'item') ?? items)[0]
  return childText(inner ?? el, 'body')
}

const isText = (text: string | undefined): text is string => text !== undefined && /^m\d+$/.test(text)

class Client {
  readonly it: StoryClient
  /** What this session is to hear. */
  due = new Set<string>()

  constructor(
    readonly name: (typeof PEOPLE)[number],
    readonly resource: string,
    has: (name: string, text: string) => void,
  ) {
    const told = (el: Element) => {
      const text = textOf(el)
      if (isText(text)) has(name, text)
    }
    this.it = new StoryClient(resource, told, `${name}@bix.org`)
  }

  get texts(): string[] {
    return this.it.got.map((el) => textOf(el)).filter(isText)
  }

  /** By its own presence, as the room has told it. */
  get isIn(): boolean {
    const own = this.it.got.findLast((el) => el.name === 'presence' && statuses(el).includes('110'))
    return own !== undefined && own.attrs.type !== 'unavailable'
  }
}

export class RoomLifeStory {
  p: Play
  readonly #clients: Client[]
  readonly #said: { readonly text: string; readonly by: string }[] = []
  readonly #subscribed = new Set<string>()
  /** By account: what a client of it has had in hand. */
  readonly #had = new Map<string, Set<string>>(PEOPLE.map((name) => [name, new Set()]))
  readonly #dir = mkdtempSync(join(tmpdir(), 'belfry-rooms-'))
  #file = join(this.#dir, 'belfry.db')
  #pushed: Job[] = []
  #owner: Actor | undefined
  #runs = 0
  #n = 0

  constructor() {
    const has = (name: string, text: string) => void this.#had.get(name)?.add(text)
    this.#clients = PEOPLE.flatMap((name) =>
      ['phone', 'desk'].map((resource) => new Client(name, resource, has)),
    )
    this.p = this.#open(new FakeClock())
  }

  async begin(): Promise<void> {
    for (const [i, name] of PEOPLE.entries()) {
      const app = await this.p.online(`${name}@bix.org/phone`)
      await app.asks('set', enableOf(i + 1))
      app.sends('</stream:stream>')
    }
    this.#owner = await inside(this.p, `${OWNER}@bix.org/orchard`, OWNER)
    await configures(this.#owner, {
      'muc#roomconfig_persistentroom': '1',
      'muc#roomconfig_membersonly': '1',
    })
    const items = PEOPLE.map((name) => `<item affiliation='member' jid='${name}@bix.org' nick='${name}'/>`)
    await changes(this.#owner, items.join(''))
    await settle(this.p)
    this.p.pushed.length = 0
  }

  [Symbol.dispose](): void {
    this.p[Symbol.dispose]()
    rmSync(this.#dir, { recursive: true })
  }

  #open(clock: FakeClock): Play {
    const p = play({ toml: TOML, file: this.#file, clock, seed: ++this.#runs })
    // As the dispatcher's: what Apple has not got may be taken back.
    p.store.push.recall = () => () => {}
    return p
  }

  #one(n: number): Client {
    const client = this.#clients[n % this.#clients.length]
    if (!client) throw new Error('nobody')
    return client
  }

  async comes(n: number): Promise<void> {
    const client = this.#one(n)
    if (client.it.actor) return
    const manages: Manages[] = ['no', 'acks', 'resumes', 'resumes']
    client.due.clear()
    await client.it.comes(this.p, manages[(n >> 2) % 4] ?? 'no', this.#said.length)
    client.it.appears()
    await settle(this.p)
    if (n % 3 > 0) await this.joins(n)
  }

  async joins(n: number): Promise<void> {
    const { it, name } = this.#one(n)
    it.says(`<presence to='${ROOM}/${name}'><x xmlns='${MUC}'><history maxstanzas='0'/></x></presence>`)
    await settle(this.p)
    it.hears()
  }

  async parts(n: number): Promise<void> {
    const client = this.#one(n)
    if (client.isIn) client.it.says(`<presence to='${ROOM}/${client.name}' type='unavailable'/>`)
    await settle(this.p)
    client.it.hears()
  }

  leaves(n: number): void {
    const client = this.#one(n)
    client.it.leaves(n % 3 === 0)
    if (!client.it.resumable) client.due.clear()
  }

  async resumes(n: number): Promise<void> {
    const client = this.#one(n)
    if (!(await client.it.resumes(this.p, n % 3)) && !client.it.actor) client.due.clear()
  }

  toggles(n: number): void {
    this.#one(n).it.toggles()
  }

  /** An account subscribes, or ends that, by a client that is there; in a group it stays a member. */
  async subscribes(n: number): Promise<void> {
    const { it, name } = this.#one(n)
    if (!it.actor) return
    const ends = this.#subscribed.has(name)
    const node = `<event node='urn:xmpp:mucsub:nodes:messages'/>`
    const payload = ends
      ? `<unsubscribe xmlns='${MUCSUB}'/>`
      : `<subscribe xmlns='${MUCSUB}' nick='${name}'>${node}</subscribe>`
    it.says(`<iq type='set' id='sub-${++this.#n}' to='${ROOM}'>${payload}</iq>`)
    await settle(this.p)
    if (ends) this.#subscribed.delete(name)
    else this.#subscribed.add(name)
  }

  /** The owner says something, or a client that may. */
  async speaks(n: number): Promise<void> {
    const client = this.#one(n)
    const own = n % 3 > 0 || !client.it.actor || !(client.isIn || this.#subscribed.has(client.name))
    const text = this.#next(own ? OWNER : client.name)
    const xml = `<message to='${ROOM}' type='groupchat' id='${text}'><body>${text}</body></message>`
    if (own) this.#owner?.sends(xml)
    else client.it.says(xml)
    for (let i = 0; i < 3; i++) await settle(this.p)
    this.#owner?.forget()
  }

  /** Notes what is about to be said, and which sessions are to hear it. */
  #next(by: string): string {
    const text = `m${++this.#n}`
    this.#said.push({ text, by })
    for (const client of this.#clients) {
      const { it, name } = client
      it.hears()
      const isThere = it.available && (it.actor !== undefined || it.resumable)
      if (isThere && (client.isIn || this.#subscribed.has(name))) client.due.add(text)
    }
    return text
  }

  async passes(n: number): Promise<void> {
    this.p.clock.advance([1_000, 5_000, 12_000, 40_000, 130_000][n % 5] ?? 0)
    await quietly(this.p)
  }

  /** In order, or by a kill: between two messages, or right behind the word that one is on disk. */
  async restarts(n: number): Promise<void> {
    const orderly = n % 2 === 0
    if (n % 3 === 0) {
      const text = this.#next(OWNER)
      this.#owner?.sends(`<message to='${ROOM}' type='groupchat' id='${text}'><body>${text}</body></message>`)
      await this.p.router.run(() => {})
    }
    const { p } = this
    if (orderly) p.stop()
    else this.#file = p.crash()
    for (const { it } of this.#clients) it.hears()
    this.#pushed.push(...p.pushed)
    p[Symbol.dispose]()
    for (const client of this.#clients) {
      client.it.isCutOff(orderly)
      // Nobody is in the room any more; what a session that is kept has in its queue it may hear yet.
      client.due.clear()
    }
    this.p = this.#open(new FakeClock(p.clock.now() + 1_000))
    await settle(this.p)
    this.#owner = await this.p.online(`${OWNER}@bix.org/orchard`)
    await enters(this.#owner, OWNER, `<history maxstanzas='0'/>`)
    this.#owner.forget()
  }

  /** After each act: what came is answered, and holds. */
  async goesOn(): Promise<void> {
    for (let i = 0; i < 4; i++) {
      await quietly(this.p)
      if (!this.#clients.map(({ it }) => it.reacts()).includes(true)) break
    }
    for (const client of this.#clients) {
      const { it, due, texts, name, resource } = client
      if (!it.actor && !it.resumable) due.clear()
      // nothing is delivered twice: plain, wrapped or again after a resumption.
      expect([name, resource, texts]).toEqual([name, resource, [...new Set(texts)]])
      // whoever is there hears it: in the room, or subscribed to it.
      if (it.actor)
        expect([name, resource, [...due].filter((text) => !texts.includes(text))]).toEqual([
          name,
          resource,
          [],
        ])
    }
    this.#storedOnce()
    this.#rungOnce()
  }

  /** the room alone keeps it: once, and no account's archive or box does. */
  #storedOnce(): void {
    const texts = (table: string) =>
      this.p.store.db.raw
        .query<{ xml: string }, []>(`SELECT xml FROM ${table} WHERE xml LIKE '%<body>m%' ORDER BY id`)
        .all()
        .map(({ xml }) => /<body>(m\d+)</.exec(xml)?.[1])
    expect(texts('room_archive')).toEqual(this.#said.map(({ text }) => text))
    for (const table of ['archive', 'offline']) expect([table, texts(table)]).toEqual([table, []])
  }

  #rings(name: string): (string | null)[] {
    const account = this.p.store.accounts.find(`${name}@bix.org`)?.id
    return [...this.#pushed, ...this.p.pushed]
      .filter((job) => job.kind === 'body' && job.accountId === account)
      .map(({ body }) => body)
  }

  /** nothing is rung twice: of one message no phone has two pushes, also over starts of the server. */
  #rungOnce(): void {
    for (const name of PEOPLE) {
      const rings = this.#rings(name)
      expect([name, rings]).toEqual([name, [...new Set(rings)]])
    }
  }

  async ends(): Promise<void> {
    for (let i = 0; i < 60; i++) {
      this.p.clock.advance(30_000)
      await this.goesOn()
    }
    // nothing of it is lost: who has had it in no client's hand was rung for it, and nobody for his own words.
    for (const name of PEOPLE) {
      const rings = new Set(this.#rings(name))
      for (const client of this.#clients)
        if (client.name === name) for (const text of client.texts) this.#had.get(name)?.add(text)
      for (const { text, by } of this.#said) {
        if (by === name) expect([name, text, rings.has(text)]).toEqual([name, text, false])
        else if (!this.#had.get(name)?.has(text))
          expect([name, text, rings.has(text)]).toEqual([name, text, true])
      }
    }
  }
}
