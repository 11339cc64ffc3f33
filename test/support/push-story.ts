/**
 * Random stories of messages to juliet's phones, and what must hold whatever happens: for
 * test/features/push-model.test.ts. Known is what the clients have said, and nothing that only the server knows.
 */
import { expect } from 'bun:test'
import type { PushVerdict } from '../../src/store/push.ts'
import type { Element } from '../../src/xmpp/xml.ts'
import { PhoneStory } from './phone-story.ts'
import { atDesk, cast, count, PUSH, quietly, settle } from './phones.ts'
import { bodyOf, type StoryClient } from './story-client.ts'
import { answerTo, JULIET, markOf, noiseOf, type Peer, peerOf, PEERS, xmlOf } from './story-words.ts'

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
  /** `push.burst` */
  readonly burst: number
}

export class Story extends PhoneStory {
  readonly written: Written[] = []
  #n = 0

  constructor(readonly begins: Beginning) {
    const { phones, burst, onDisk } = begins
    super(['phone', 'tablet'].slice(0, phones), PUSH.replace('burst = 3', `burst = ${burst}`), onDisk)
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
    if (last) await this.sends(last.peer, xmlOf(last.body))
  }

  async noise(n: number): Promise<void> {
    await this.sends(peerOf(n), noiseOf(n))
  }

  override async appears(n: number): Promise<void> {
    const client = this.one(n)
    if (!client.actor) return
    // An app that tells nothing of what was read has shown everything once it is open.
    if (!this.begins.marks && !client.inactive) this.#areRead(() => true)
    await super.appears(n)
  }

  /** A chat is marked as displayed up to one of its messages, or answered. */
  async reads(n: number): Promise<void> {
    const client = this.one(n)
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

  /** The disk is full for a while. */
  async fails(n: number): Promise<void> {
    const client = this.one(n)
    const writer = n % 4 === 0 ? await this.peer(peerOf(n)) : undefined
    for (const one of this.clients) this.mayHaveMissed(one)
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

  /** What must hold at any time. */
  override async goesOn(): Promise<void> {
    await super.goesOn()
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

  protected override nameOf(el: Element): string | undefined {
    return bodyOf(el)
  }

  protected override pieceOf(body: string): string {
    return `<body>${body}</body>`
  }

  protected override names(): string[] {
    return this.written.map(({ body }) => body)
  }

  protected override shown(body: string): void {
    const message = this.#find(body)
    if (message) message.taken = true
    // An app that tells nothing of what was read has shown what it got.
    if (!this.begins.marks) for (const bodies of this.excused.values()) bodies.add(body)
  }

  /** What only memory knew: that of clients that do not acknowledge (ARCHITECTURE.md), and what others had taken. */
  protected override unshown(
    { resource, manages, actor }: StoryClient,
    body: string,
    orderly: boolean,
  ): void {
    const message = this.#find(body)
    if (!message) return
    if (manages === 'no' && actor) message.trusted = true
    else if (orderly || !message.taken) return
    this.excused.get(resource)?.add(body)
  }

  #find(body: string): Written | undefined {
    return this.written.find((one) => one.body === body)
  }

  #next(n: number): { body: string; xml: string } {
    const body = `m${++this.#n}-${peerOf(n)}`
    return { body, xml: xmlOf(body) }
  }

  async #arrives(body: string, n: number, xml: string): Promise<void> {
    this.written.push({ body, peer: peerOf(n), n: this.#n, read: false, taken: false, trusted: false })
    this.arrives(body)
    await this.sends(peerOf(n), xml)
  }

  #areRead(which: (message: Written) => boolean): void {
    for (const message of this.written.filter(which)) {
      if (message.read) continue
      message.read = true
      for (const { resource } of this.phones) {
        this.excused.get(resource)?.add(message.body)
        // Of what an app without marks shows at once nothing is remembered that an answer could change.
        if (this.begins.marks && !this.#hasRung(resource, message.body))
          this.spared.get(resource)?.add(message.body)
      }
    }
  }

  #ranAsPromised(): void {
    const known = new Set(this.written.map(({ body }) => this.idOf(body)))
    for (const { kind, messageId, collapseId } of this.pushed.filter((job) => job.kind !== 'badge')) {
      // nothing else rings
      expect([kind, known.has(messageId)]).toEqual(['body', true])
      if (this.begins.burst === 0) expect(collapseId).toBe(messageId)
    }
    // nothing waits for ever
    expect(this.p.store.push.counts()).toEqual({ queued: 0, held: 0, dead: 0 })
    for (const { resource } of this.phones) {
      const all = this.decided(resource)
      for (const { body } of this.written) {
        const id = this.idOf(body) ?? ''
        const times = all.filter((one) => isRing(one) && one.messageId === id).length
        // each decision is explained
        const what = (rings: number) => ({ resource, body, explained: true, rings })
        const was = { resource, body, explained: all.some(({ messageId }) => messageId === id), rings: times }
        // who has it does not ring
        if (this.spared.get(resource)?.has(body)) expect(was).toEqual(what(0))
        else if (this.excused.get(resource)?.has(body)) expect(was).toEqual(what(Math.min(times, 1)))
        // a sleeping phone rings once
        else expect({ ...was, rings: times + ringsMerged(all, id) }).toEqual(what(1))
      }
    }
  }

  /** nothing is lost */
  #nothingIsLost(): void {
    const rows = this.p.store.db.raw.query<{ id: number }, []>('SELECT id FROM offline').all()
    const stored = new Set(rows.map(({ id }) => String(id)))
    for (const { body, taken, trusted } of this.written) {
      const id = this.idOf(body)
      expect({ body, archived: id !== undefined }).toEqual({ body, archived: true })
      const kept = taken || trusted || stored.has(id ?? '')
      expect({ body, kept }).toEqual({ body, kept: true })
    }
  }

  /** what is read does not count */
  async #allIsRead(): Promise<void> {
    const reader = await this.p.bound(`${JULIET}/reader`)
    for (const peer of PEERS) reader.sends(answerTo(peer))
    await settle(this.p)
    expect(count(this.p)).toBe(0)
  }

  #unread(): Written[] {
    return this.written.filter(({ read }) => !read)
  }

  #hasRung(resource: string, body: string): boolean {
    const id = this.idOf(body)
    return this.decided(resource).some((one) => isRing(one) && one.messageId === id)
  }
}

const isRing = ({ verdict, rule }: PushVerdict): boolean => verdict === 'sent' && rule === 'body'

/** How often a push rang into which it was merged. */
function ringsMerged(all: readonly PushVerdict[], id: string): number {
  const merged = all.find(({ messageId, verdict }) => messageId === id && verdict === 'coalesced')
  const into = merged?.reason?.replace('into ', '')
  if (into === undefined) return 0
  return all.filter((one) => isRing(one) && one.messageId === into).length + ringsMerged(all, into)
}
