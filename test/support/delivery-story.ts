/**
 * Random stories of three accounts and their clients, and what must hold whatever happens: for
 * test/features/delivery-model.test.ts. Known is what the clients have said and heard, and nothing that only the server
 * knows.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Element } from '../../src/xmpp/xml.ts'
import { FakeClock } from './clock.ts'
import { Broken, checkComplete, checkHeard, checkPresence, itemsOf } from './delivery-checks.ts'
import { castOf, Client, type Life, type Person, takes } from './delivery-client.ts'
import { isSent, type Sent, truthOf, type Ways } from './delivery-truth.ts'
import { conditionOf, itemOf, type Kind, kindOf, messageOf } from './delivery-words.ts'
import { befriends } from './friends.ts'
import { quietly, settle } from './phones.ts'
import type { Manages } from './story-client.ts'
import { type Play, play } from './world.ts'

const TOML = '[sm]\nmax = "2m"\n[limits]\nrates = false\noffline_page = 2\ncsi_queue = 4'
const MANAGES: readonly Manages[] = ['resumes', 'no', 'acks', 'resumes']

/** Where a story begins. */
export interface Beginning {
  readonly onDisk: boolean
  /** Juliet has been away, and more than a page waits for her. */
  readonly away: boolean
}

export class Deliveries {
  p: Play
  readonly messages = new Map<string, Sent>()
  readonly people: readonly Person[]
  readonly clients: readonly Client[]
  readonly #lives = new Set<Life>()
  readonly #dir: string | undefined
  #file: string
  #act = 0
  #n = 0
  #said = 0

  constructor(readonly begins: Beginning) {
    this.#dir = begins.onDisk ? mkdtempSync(join(tmpdir(), 'belfry-story-')) : undefined
    this.#file = this.#dir ? join(this.#dir, 'belfry.db') : ':memory:'
    this.people = castOf((client, el) => this.#isShown(client, el))
    this.clients = this.people.flatMap(({ clients }) => clients)
    this.p = this.#open(new FakeClock())
  }

  async begin(): Promise<void> {
    for (const { bare } of this.people) await this.p.account(bare)
    for (const { bare, friends } of this.people)
      for (const other of friends) await befriends(this.p, bare, other)
    for (const [i, { clients }] of this.people.entries()) {
      const [client] = clients
      if (client && !(i === 1 && this.begins.away)) await this.#comes(client, i === 1 ? 'resumes' : 'no', 0)
    }
    if (this.begins.away) await this.floods(0, 1)
  }

  /** `a` chooses who writes, `b` what, and to whom. */
  async writes(a: number, b: number): Promise<void> {
    const { life, actor, person } = this.#one(a)
    if (!life || !actor) return
    const to = this.people[[0, 1, 2, 1][b % 4] ?? 0] ?? person
    const resource = b % 5 === 0 ? to.clients[a % to.clients.length]?.resource : undefined
    await this.#sends(this.#one(a), to, resource, kindOf(Math.floor(b / 4)))
  }

  /** More than a page of what waits. */
  async floods(a: number, b: number): Promise<void> {
    const client = this.#one(a)
    const to = this.people[b % 2] ?? client.person
    for (let i = 0; i < 3; i++) if (client.actor) await this.#sends(client, to, undefined, kindOf(0))
  }

  /** The same again, with the same origin-id (XEP-0359): it is accepted, and that is all. */
  async writesAgain(a: number): Promise<void> {
    const client = this.#one(a)
    const sent = [...this.messages.values()].findLast(({ from }) => from.person === client.person)
    if (!client.actor || !sent || sent.refusal !== undefined) return
    // Who has come to be blocked is told so first.
    if (sent.to.blocks.has(client.bare) || client.person.blocks.has(sent.to.bare)) return
    if (sent.restarted && !sent.archivedBy.includes(sent.to)) return
    this.#mayNotCount(client)
    client.says(messageOf(sent.key, sent.to.bare, sent.kind))
    await quietly(this.p)
  }

  async comes(a: number, b: number): Promise<void> {
    const client = this.#one(a)
    if (!client.actor) await this.#comes(client, MANAGES[b % 4] ?? 'no', b)
  }

  async appears(a: number, b: number): Promise<void> {
    this.#one(a).shows(`s${++this.#said}`, [0, 5, -1][b % 3])
    await quietly(this.p)
  }

  async disappears(a: number): Promise<void> {
    this.#one(a).shows('')
    await quietly(this.p)
  }

  async resumes(a: number, b: number): Promise<void> {
    const client = this.#one(a)
    const { life } = client
    if (!life || client.actor || !client.resumable) return
    const there = this.#isThere(life)
    if ((await client.returnsTo(this.p, b % 4)) !== there) throw new Broken(`resumed: ${!there}`)
  }

  async leaves(a: number, b: number): Promise<void> {
    this.#one(a).parts(this.p.clock.now(), b % 3 === 0)
    await quietly(this.p)
  }

  async turns(a: number, b: number): Promise<void> {
    this.#one(a).turns(b % 2 === 0)
    await quietly(this.p)
  }

  toggles(a: number): void {
    this.#one(a).toggles()
  }

  acksSome(a: number, b: number): void {
    this.#one(a).acksSome(b % 3)
  }

  async copies(a: number, b: number): Promise<void> {
    const client = this.#one(a)
    const on = b % 3 > 0
    if (!client.life) return
    if (await this.#asks(client, `<${on ? 'enable' : 'disable'} xmlns='urn:xmpp:carbons:2'/>`))
      client.life.carbons = on
  }

  async blocks(a: number, b: number): Promise<void> {
    const client = this.#one(a)
    const { person } = client
    const other = this.people[b % 3] ?? person
    if (other === person) return
    const on = !person.blocks.has(other.bare)
    const [name, item] = [on ? 'block' : 'unblock', `<item jid='${other.bare}'/>`]
    if (!(await this.#asks(client, `<${name} xmlns='urn:xmpp:blocking'>${item}</${name}>`))) return
    if (on) {
      person.blocks.add(other.bare)
      for (const one of person.clients) one.forgets(other.bare)
    } else person.blocks.delete(other.bare)
  }

  async prefers(a: number, b: number): Promise<void> {
    const client = this.#one(a)
    const mode = (['always', 'roster', 'never', 'always'] as const)[b % 4] ?? 'always'
    const never = b % 5 === 0 ? this.people[b % 3]?.bare : undefined
    const list = `<always/><never>${never === undefined ? '' : `<jid>${never}</jid>`}</never>`
    if (!(await this.#asks(client, `<prefs xmlns='urn:xmpp:mam:2' default='${mode}'>${list}</prefs>`))) return
    client.person.archives = mode
    client.person.never.clear()
    if (never !== undefined) client.person.never.add(never)
  }

  /** What the archive has beyond the last message that the client knows of. */
  async fetches(a: number): Promise<void> {
    const client = this.#one(a)
    if (!client.life || !client.actor) return
    client.hears()
    const known = itemsOf(client.life).filter(({ id }) => id !== undefined)
    await this.#readsArchive(client, known.at(-1))
  }

  async passes(a: number): Promise<void> {
    this.p.clock.advance([1_000, 5_000, 12_000, 40_000, 130_000][a % 5] ?? 0)
    await quietly(this.p)
  }

  /** The disk is full for a while. */
  async fails(a: number, b: number): Promise<void> {
    const client = this.#one(a)
    for (const sent of this.messages.values()) sent.doubtful = true
    const mend = this.p.commitsFail()
    if (b % 3 === 0) await this.writes(a, b)
    else if (b % 3 === 1) client.parts(this.p.clock.now(), false)
    else this.p.clock.advance(12_000)
    await quietly(this.p)
    mend()
    this.p.clock.advance(60_000)
    await quietly(this.p)
  }

  async restarts(orderly: boolean): Promise<void> {
    if (!this.#dir) return
    for (const client of this.clients) this.#listens(client)
    for (const sent of this.messages.values()) {
      sent.restarted = true
      if (!orderly) this.#isForgotten(sent)
    }
    const { p } = this
    if (orderly) p.stop()
    else this.#file = p.crash()
    p[Symbol.dispose]()
    for (const client of this.clients) client.isLeft(p.clock.now(), orderly)
    this.p = this.#open(new FakeClock(p.clock.now() + 1_000))
    await settle(this.p)
  }

  /** After each act: what came is answered, and what must hold at any time does. */
  async goesOn(): Promise<void> {
    for (let i = 0; i < 50; i++) {
      await quietly(this.p)
      if (!this.clients.map((client) => this.#reacts(client)).includes(true)) break
    }
    for (const life of this.#lives) {
      if (life.until !== undefined && life.until <= this.p.clock.now()) life.over = true
      checkHeard(this.messages, life)
    }
    const all = this.people.map((person) => this.#ways(person))
    for (const client of this.clients) {
      if (!client.actor) continue
      if (client.answers) checkComplete(this.messages, client)
      checkPresence(client, all)
    }
    this.#act++
  }

  async ends(): Promise<void> {
    for (const client of this.clients) {
      await this.resumes(this.clients.indexOf(client), 0)
      if (client.actor && !client.answers) client.toggles()
      client.turns(false)
    }
    await this.goesOn()
    this.p.clock.advance(10_000)
    await this.goesOn()
    const taken = this.people.map((person) =>
      this.#ways(person).lives.some((life) => life.until === undefined && takes(life)),
    )
    for (const client of this.clients) client.parts(this.p.clock.now(), true)
    await quietly(this.p)
    this.p.clock.advance(200_000)
    await this.goesOn()
    for (const [i, person] of this.people.entries()) await this.#isKept(person, taken[i] ?? false)
  }

  [Symbol.dispose](): void {
    this.p[Symbol.dispose]()
    if (this.#dir) rmSync(this.#dir, { recursive: true })
  }

  /** Whoever comes now finds what nobody has shown to have, once and in order, and all in the archive. */
  async #isKept(person: Person, taken: boolean): Promise<void> {
    const fresh = new Client(person, 'fresh', (client, el) => this.#isShown(client, el))
    await this.#comes(fresh, 'no', 1)
    for (let i = 0; i < 50; i++) {
      await quietly(this.p)
      if (!this.#reacts(fresh)) break
    }
    if (!fresh.life) throw new Broken('nobody came')
    checkHeard(this.messages, fresh.life)
    const found = itemsOf(fresh.life).filter(({ how }) => how === 'itself')
    const keys = found.map(({ key }) => key)
    // nothing is left over
    if (taken && keys.length > 0) throw new Broken(`left in the box of ${person.bare}: ${keys.join()}`)
    // nothing is lost
    for (const sent of this.messages.values()) {
      if (sent.to !== person || sent.refusal !== undefined || !sent.kind.waits) continue
      if (sent.shownIn === undefined) throw new Broken(`lost: ${sent.key} for ${person.bare}`)
    }
    await this.#readsArchive(fresh, undefined)
    fresh.parts(this.p.clock.now(), true)
    await quietly(this.p)
  }

  /** the archive has each message once */
  async #readsArchive(
    client: Client,
    after: { key: string; id: string | undefined } | undefined,
  ): Promise<void> {
    const { person, life } = client
    if (!life) return
    const from = client.got.length
    const rsm = after?.id === undefined ? '' : `<after>${after.id}</after>`
    const set = `<set xmlns='http://jabber.org/protocol/rsm'><max>200</max>${rsm}</set>`
    await this.#asks(client, `<query xmlns='urn:xmpp:mam:2'>${set}</query>`)
    const found = client.got.slice(from).flatMap((el) => itemOf(el, person.bare) ?? [])
    const results = found.filter(({ how }) => how === 'result' || how === 'error result')
    const least = after ? (this.messages.get(after.key)?.n ?? 0) : 0
    const wanted = [...this.messages.values()]
      .filter((sent) => isSent(sent) && sent.archivedBy.includes(person) && sent.n > least)
      .flatMap(({ key, refusal }) => (refusal === undefined ? [key] : [key, `${key} refused`]))
    const has = results.map(({ how, key }) => (how === 'result' ? key : `${key} refused`))
    if (has.join() !== wanted.join())
      throw new Broken(`archive of ${person.bare}: ${has.join()}, not ${wanted.join()}`)
    const ids = new Map(results.flatMap(({ how, key, id }) => (how === 'result' ? [[key, id]] : [])))
    for (const one of this.#lives) {
      if (one.person !== person) continue
      for (const { how, key, id } of itemsOf(one))
        if (how === 'itself' && ids.has(key) && ids.get(key) !== id) throw new Broken(`id of ${key}`)
    }
  }

  #open(clock: FakeClock): Play {
    return play({ toml: TOML, file: this.#file, clock, seed: ++this.#said })
  }

  #one(n: number): Client {
    const client = this.clients[n % this.clients.length]
    if (!client) throw new Error('nobody')
    return client
  }

  #ways(person: Person): Ways {
    return { person, lives: [...this.#lives].filter((life) => life.person === person && this.#isThere(life)) }
  }

  #isThere({ over, until }: Life): boolean {
    return !over && (until === undefined || until > this.p.clock.now())
  }

  async #comes(client: Client, manages: Manages, n: number): Promise<void> {
    await client.begins(this.p, manages)
    if (client.life) this.#lives.add(client.life)
    // It comes out of a tunnel and into the next one.
    if (n % 3 === 2) client.toggles()
    if (n % 2 === 0) await this.copies(this.clients.indexOf(client), 1)
    if (n % 5 < 4) client.shows(`s${++this.#said}`, n % 7 === 6 ? -1 : 0)
    await quietly(this.p)
  }

  async #sends(client: Client, to: Person, resource: string | undefined, kind: Kind): Promise<void> {
    const { life, person } = client
    if (!life) return
    const key = `m${++this.#n}`
    const message = { key, n: this.#n, kind }
    const sent = truthOf(message, life, this.#ways(person), this.#ways(to), resource)
    if (sent.refusal !== undefined) this.#mayNotCount(client)
    this.messages.set(key, sent)
    client.says(messageOf(key, resource === undefined ? to.bare : `${to.bare}/${resource}`, sent.kind))
    await quietly(this.p)
    this.#listens(client)
    const answer = itemsOf(life).find((item) => item.how === 'error' && item.key === key)
    const told = answer && conditionOf(answer.el)
    // A disk that fails refuses anything.
    if (told === 'resource-constraint') sent.refusal = told
    else if (told !== sent.refusal) throw new Broken(`${key}: ${told}, not ${sent.refusal}`)
  }

  /** Whether the answer is a result. */
  async #asks(client: Client, payload: string): Promise<boolean> {
    if (!client.actor) return false
    const id = `q${++this.#said}`
    client.says(`<iq type='set' id='${id}'>${payload}</iq>`)
    await quietly(this.p)
    this.#listens(client)
    const answer = client.got.find((el) => el.name === 'iq' && el.attrs.id === id)
    if (!answer) throw new Broken(`no answer to ${payload}`)
    return answer.attrs.type === 'result'
  }

  #reacts(client: Client): boolean {
    const had = client.actor !== undefined
    this.#listens(client)
    const said = client.reacts()
    this.#stamps(client)
    if (had && !client.actor) throw new Broken(`${client.bare}/${client.resource} was cut off`)
    return said
  }

  #listens(client: Client): void {
    if (!client.actor) return
    client.hears()
    this.#stamps(client)
  }

  #stamps({ life, got }: Client): void {
    if (!life) return
    for (const el of got) if (!life.at.has(el)) life.at.set(el, this.#act)
  }

  #isShown({ bare }: Client, el: Element): void {
    const item = itemOf(el, bare)
    const sent = item?.how === 'itself' ? this.messages.get(item.key) : undefined
    if (sent) sent.shownIn ??= this.#act
  }

  /** What is refused or was taken before is no sure sign of what its sender had read. */
  #mayNotCount(client: Client): void {
    this.#listens(client)
    if (client.manages !== 'no') return
    for (const el of client.unshown) {
      const sent = this.messages.get(itemOf(el, client.bare)?.key ?? '')
      if (sent) sent.doubtful = true
    }
  }

  /** Of clients that do not acknowledge only memory knows what they were given (ARCHITECTURE.md). */
  #isForgotten(sent: Sent): void {
    if (sent.shownIn !== undefined || sent.itself.length === 0) return
    if (sent.itself.some(({ manages }) => manages !== 'no')) return
    sent.doubtful = true
    sent.shownIn = this.#act
  }
}
