/**
 * Random stories of calls (XEP-0353) to juliet's phones, one with CallKit and one without, and what must hold whatever
 * happens: for test/features/calls-model.test.ts. Known is what the clients have said, and nothing that only the server
 * knows.
 */
import { expect } from 'bun:test'
import type { PushVerdict } from '../../src/store/push.ts'
import { child, type Element } from '../../src/xmpp/xml.ts'
import { PhoneStory } from './phone-story.ts'
import { atDesk, PUSH, quietly, registers, registersForCalls, settle } from './phones.ts'
import type { StoryClient } from './story-client.ts'
import { JULIET, markOf } from './story-words.ts'

const JINGLE = 'urn:xmpp:jingle-message:0'
const ENDS = ['proceed', 'accept', 'reject'] as const
/** `push.ring_time` */
const RING_MS = 60_000

const part = (name: string, to: string, sid: string) =>
  `<message to='${to}' type='chat' id='${name}-${sid}'><${name} xmlns='${JINGLE}' id='${sid}'/>` +
  `<store xmlns='urn:xmpp:hints'/></message>`

/** The caller has vanished. */
const NOBODY = 'nobody'

const KINDS = new Set(['call', 'call-ended', 'call-missed'])
type Promised = [what: string, is: boolean]

interface Call {
  readonly sid: string
  readonly n: number
  readonly at: number
  end?: {
    readonly missed: boolean
    readonly by: string
    readonly at: number
    /** Phones whose app was there. */
    readonly there: ReadonlySet<string>
  }
  /** By phone: what Apple had been told when the call ended. */
  readonly told: Map<string, string[]>
  /** The server has started again since: of calls it knows nothing any more. */
  forgotten: boolean
}

export class CallStory extends PhoneStory {
  readonly calls: Call[] = []
  /** By phone: calls that came while it was not there at all. */
  readonly #asleep = new Map<string, Set<string>>()

  constructor() {
    super(['phone', 'tablet'], PUSH, true)
    for (const { resource } of this.phones) this.#asleep.set(resource, new Set())
  }

  async begin(): Promise<void> {
    const phone = await this.p.online(`${JULIET}/phone`)
    await registersForCalls(this.p, '1'.repeat(64), 'a'.repeat(64))
    phone.sends('</stream:stream>')
    await registers(this.p, 'tablet', 2)
    const app = await atDesk(this.p)
    await this.p.account('romeo@bix.org')
    app.sends(markOf('romeo', 'none'))
    app.sends('</stream:stream>')
    await settle(this.p)
  }

  async proposes(): Promise<void> {
    const n = this.calls.length + 1
    const sid = `call-${n}-`
    this.calls.push({ sid, n, at: this.p.clock.now(), told: new Map(), forgotten: false })
    this.arrives(sid)
    for (const { resource, actor } of this.phones) if (!actor) this.#asleep.get(resource)?.add(sid)
    await this.sends('romeo', part('propose', JULIET, sid))
  }

  /** The caller gives up. */
  async retracts(n: number): Promise<void> {
    const call = this.#ringing(n)
    if (!call) return
    this.#ends(call, true, 'romeo')
    await this.sends('romeo', part('retract', JULIET, call.sid))
  }

  /** It is answered, or refused, by one of juliet's clients that is there. */
  async takes(n: number): Promise<void> {
    const call = this.#ringing(n)
    const client = this.one(n)
    if (!call || !client.actor) return
    this.#ends(call, false, client.resource)
    const name = ENDS[n % ENDS.length] ?? 'reject'
    client.says(part(name, name === 'accept' ? JULIET : 'romeo@bix.org/home', call.sid))
    await settle(this.p)
  }

  /** It is over for good, whoever had it. */
  async finishes(n: number): Promise<void> {
    const over = this.calls.filter(({ end }) => end)
    const call = over[n % (over.length || 1)]
    if (call) await this.sends('romeo', part('finish', JULIET, call.sid))
  }

  async passes(n: number): Promise<void> {
    this.#jumps([1_000, 4_000, 12_000, 30_000, 70_000][n % 5] ?? 0)
    await quietly(this.p)
  }

  /** The disk is full for a while. */
  async fails(n: number): Promise<void> {
    const client = this.one(n)
    for (const one of this.clients) this.mayHaveMissed(one)
    const mend = this.p.commitsFail()
    const call = this.#ringing(n)
    if (n % 4 === 0) client.leaves(false)
    else if (n % 4 === 1) client.acksSome(2)
    else if (n % 4 === 2) this.p.clock.advance(12_000)
    // It is refused, and he says it again.
    else if (call) await this.sends('romeo', part('retract', JULIET, call.sid))
    await quietly(this.p)
    mend()
    if (n % 4 === 3) await this.retracts(n)
    this.p.clock.advance(5_000)
    await quietly(this.p)
  }

  /** Of calls it knows nothing after that. */
  override async restarts(orderly: boolean): Promise<void> {
    for (const call of this.calls) call.forgotten = true
    await super.restarts(orderly)
  }

  async ends(): Promise<void> {
    for (let i = 0; i < 60; i++) {
      this.#jumps(30_000)
      await this.goesOn()
      await this.apple()
    }
    expect(this.p.store.push.counts()).toEqual({ queued: 0, held: 0, dead: 0 })
    for (const call of this.calls) for (const phone of this.phones) this.#rangAsPromised(call, phone)
  }

  protected override nameOf(el: Element): string | undefined {
    return sidOf(el)
  }

  protected override pieceOf(sid: string): string {
    return `propose-${sid}`
  }

  protected override names(): string[] {
    return this.calls.map(({ sid }) => sid)
  }

  protected override shown(): void {}

  /** What only memory knew: that of clients that do not acknowledge, and what others had taken. */
  protected override unshown({ resource, manages, actor }: StoryClient, sid: string, orderly: boolean): void {
    if ((manages === 'no' && actor) || !orderly) this.excused.get(resource)?.add(sid)
  }

  #rangAsPromised(call: Call, { resource }: StoryClient): void {
    const about = this.#about(resource, call)
    const sent = sentOf(about)
    const how = { ...call, resource, about: about.map(({ verdict, rule }) => `${verdict} ${rule}`) }
    expect({ ...how, explained: about.length > 0 }).toEqual({ ...how, explained: true })
    const promises = [...this.#always(call, resource, sent)]
    if (!call.forgotten) promises.push(...this.#ofKnown(call, resource, sent, about.some(isTakenBack)))
    for (const [what, is] of promises) expect({ ...how, what, is }).toEqual({ ...how, what, is: true })
  }

  #always({ sid, at, end, forgotten }: Call, resource: string, sent: readonly string[]): Promised[] {
    const late = this.p.clock.now() - at >= RING_MS
    return [
      ['each at most once', new Set(sent).size === sent.length],
      ['nothing else', sent.every((kind) => KINDS.has(kind))],
      ['what ends has rung', !sent.includes('call-ended') || sent.includes('call')],
      [
        'missed is what was taken back, or is told late',
        !sent.includes('call-missed') || (end?.missed ?? (late || forgotten)),
      ],
      ['who has it is not rung', !this.spared.get(resource)?.has(sid) || !sent.includes('call')],
    ]
  }

  /** Of what the server has not forgotten by a restart. */
  #ofKnown(
    { sid, end, told }: Call,
    resource: string,
    sent: readonly string[],
    takenBack: boolean,
  ): Promised[] {
    const rung = sent.includes('call')
    const before = told.get(resource) ?? []
    const asleep = this.#asleep.get(resource)?.has(sid) === true
    const promises: Promised[] = [['who sleeps is called', !asleep || rung || takenBack]]
    const knows = this.excused.get(resource)?.has(sid) === true
    if (!end)
      return [
        ...promises,
        ['who does not know of it hears of it', knows || rung || sent.includes('call-missed')],
      ]
    if (end.by !== NOBODY) promises.push(['what is over does not ring', !rung || before.includes('call')])
    if (end.missed)
      promises.push([
        'who does not know of it hears that it was missed',
        knows || sent.includes('call-missed'),
      ])
    else
      promises.push([
        'what was taken is not missed',
        sent.includes('call-missed') === before.includes('call-missed'),
      ])
    if (end.by === resource) return [...promises, ['who took it knows', !sent.includes('call-ended')]]
    // An app with PushKit's token hears by its stream, if it has one; an alert is replaced by the word that it was missed.
    const stops = rung && !end.missed
    const hears = resource === 'phone' && end.there.has(resource)
    return [
      ...promises,
      ['who was rung hears the end', sent.includes('call-ended') === stops || (stops && hears)],
    ]
  }

  #about(resource: string, { sid }: Call): PushVerdict[] {
    const id = this.idOf(sid)
    return this.decided(resource).filter(({ messageId }) => messageId === id)
  }

  #ends(call: Call, missed: boolean, by: string): void {
    const there = new Set(this.phones.filter(({ actor }) => actor).map(({ resource }) => resource))
    call.end = { missed, by, at: this.p.clock.now(), there }
    for (const { resource } of this.phones) call.told.set(resource, sentOf(this.#about(resource, call)))
  }

  #ringing(n: number): Call | undefined {
    const ringing = this.calls.filter(({ end }) => !end)
    return ringing.at(-1 - (n % 2)) ?? ringing.at(-1)
  }

  /** Who has something to show may be too late now: a call is not taken back. */
  #jumps(ms: number): void {
    for (const client of this.clients) {
      client.hears()
      if (client.unshown.length > 0) this.mayHaveMissed(client)
    }
    this.p.clock.advance(ms)
    const now = this.p.clock.now()
    for (const call of this.calls) if (!call.end && now - call.at >= RING_MS) this.#ends(call, true, NOBODY)
  }
}

const sidOf = (el: Element): string | undefined =>
  el.attrs.type === 'error' ? undefined : child(el, 'propose', JINGLE)?.attrs.id

/** What Apple was told, in order. */
const sentOf = (about: readonly PushVerdict[]): string[] =>
  about.flatMap(({ verdict, rule }) => (verdict === 'sent' ? [rule ?? ''] : []))

const isTakenBack = ({ verdict, rule }: PushVerdict): boolean =>
  verdict === 'withdrawn' && rule === 'call-ended'
