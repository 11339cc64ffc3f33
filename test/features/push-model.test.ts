/**
 * Random stories: each message rings a sleeping phone once, nothing else rings, nothing is lost. PUSH_RUNS is the number
 * of stories.
 */
import { expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Actor } from '../support/actor.ts'
import {
  acks,
  areSent,
  atDesk,
  cast,
  chat,
  manages,
  PUSH,
  says,
  settle,
  verdicts,
} from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const RUNS = Number(process.env.PUSH_RUNS ?? 25)
const TOML = PUSH.replace('burst = 3', 'burst = 0')
const JULIET = 'juliet@bix.org'
/** What never rings, as romeo's client sends it. */
const NOISE = [
  `<message to='${JULIET}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
  `<message to='${JULIET}'><received xmlns='urn:xmpp:receipts' id='x'/></message>`,
  `<message to='${JULIET}'><displayed xmlns='urn:xmpp:chat-markers:0' id='x'/><store xmlns='urn:xmpp:hints'/></message>`,
]
const STANZAS = new Set(['message', 'presence', 'iq'])

/** Juliet's phone: with stream management it shows by acks alone what it has, else by its answers to pings. */
interface Phone {
  readonly actor: Actor
  readonly acknowledges: boolean
  handled: number
}

class Story {
  #phone: Phone | undefined
  #desk: Actor | undefined
  #n = 0
  /** Bodies that the phone has shown to have, or that were read anywhere. */
  readonly known = new Set<string>()
  readonly written: string[] = []

  constructor(
    readonly p: Play,
    readonly romeo: Actor,
  ) {}

  async writes(): Promise<void> {
    const body = `m${++this.#n}`
    this.written.push(body)
    await says(this.romeo, chat(body))
    this.#hears()
  }

  async noise(i: number): Promise<void> {
    await says(this.romeo, NOISE[i % NOISE.length] ?? '')
  }

  async phoneComes(acknowledges: boolean): Promise<void> {
    if (this.#phone) return
    const actor = await this.p.bound(`${JULIET}/phone`)
    if (acknowledges) await manages(actor)
    actor.pongs = true
    this.#phone = { actor, acknowledges, handled: 1 }
    actor.sends('<presence/>')
    await settle(this.p)
    this.#hears()
    // What others have taken it fetches from the archive.
    const stored = this.p.store.db.raw
      .query<{ xml: string }, []>('SELECT xml FROM offline WHERE in_flight = 0')
      .all()
    const waiting = new Set(stored.map(({ xml }) => bodyOf(xml)))
    for (const body of this.written) if (!waiting.has(body)) this.known.add(body)
  }

  async phoneAcks(): Promise<void> {
    const phone = this.#phone
    if (!phone?.acknowledges) return
    this.#hears()
    for (const body of this.#given) this.known.add(body)
    await acks(phone.actor, phone.handled++)
  }

  async phoneGoes(politely: boolean): Promise<void> {
    const phone = this.#phone
    if (!phone) return
    this.#hears()
    if (politely) phone.actor.sends('</stream:stream>')
    else phone.actor.transport.destroy()
    this.#phone = undefined
    this.#given.clear()
    await settle(this.p)
  }

  async phoneSleeps(inactive: boolean): Promise<void> {
    this.#phone?.actor.sends(`<${inactive ? 'inactive' : 'active'} xmlns='urn:xmpp:csi:0'/>`)
    await settle(this.p)
    this.#hears()
  }

  async deskChanges(): Promise<void> {
    if (this.#desk) this.#desk.sends('</stream:stream>')
    this.#desk = this.#desk ? undefined : await atDesk(this.p)
    await settle(this.p)
  }

  async deskMarks(): Promise<void> {
    const last = this.written.at(-1)
    if (!this.#desk || last === undefined) return
    await says(this.#desk, mark(last))
    for (const body of this.written) this.known.add(body)
  }

  async passes(ms: number): Promise<void> {
    this.p.clock.advance(ms)
    await settle(this.p)
    this.#hears()
  }

  readonly #given = new Set<string>()

  /** What has come to the phone since; without stream management it has answered the ping behind that. */
  #hears(): void {
    const phone = this.#phone
    if (!phone) return
    for (const el of phone.actor.heard) {
      if (STANZAS.has(el.name)) phone.handled++
      const body = bodyOf(el.toString())
      if (body !== undefined) this.#given.add(body)
    }
    phone.actor.forget()
  }

  /** Who answers pings by itself is asked at the latest after sm.ack_timeout. */
  shown(): void {
    if (this.#phone && !this.#phone.acknowledges) for (const body of this.#given) this.known.add(body)
  }
}

const bodyOf = (xml: string): string | undefined => /<body>(.*?)<\/body>/.exec(xml)?.[1]

const mark = (id: string) =>
  `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`

const ACTS = {
  writes: (story: Story) => story.writes(),
  noise: (story: Story, n: number) => story.noise(n),
  phoneComes: (story: Story, n: number) => story.phoneComes(n % 2 === 0),
  phoneAcks: (story: Story) => story.phoneAcks(),
  phoneGoes: (story: Story, n: number) => story.phoneGoes(n % 2 === 0),
  phoneSleeps: (story: Story, n: number) => story.phoneSleeps(n % 2 === 0),
  deskChanges: (story: Story) => story.deskChanges(),
  deskMarks: (story: Story) => story.deskMarks(),
  apple: (story: Story) => areSent(story.p),
  passes: (story: Story, n: number) => story.passes([1_000, 5_000, 12_000, 40_000, 130_000][n] ?? 0),
}
type Act = keyof typeof ACTS
/** How often, each beside the others. */
const OFTEN: Record<Act, number> = {
  writes: 6,
  noise: 1,
  phoneComes: 3,
  phoneAcks: 2,
  phoneGoes: 3,
  phoneSleeps: 2,
  deskChanges: 2,
  deskMarks: 1,
  apple: 2,
  passes: 4,
}
const acts = (Object.keys(ACTS) as Act[]).flatMap((act) => Array<Act>(OFTEN[act]).fill(act))
const step = fc.tuple(fc.constantFrom(...acts), fc.nat({ max: 4 }))

/** By body: the message's id, which is that of its place in the archive. */
function ids({ store }: Play): Map<string, string> {
  const account = store.accounts.find(JULIET)
  const rows = store.db.raw.query<{ id: number; xml: string }, [number]>(
    "SELECT id, xml FROM archive WHERE account_id = ? AND instr(xml, '<body>')",
  )
  return new Map(rows.all(account?.id ?? 0).map(({ id, xml }) => [bodyOf(xml) ?? '', String(id)]))
}

test('random stories: a sleeping phone rings once for each message, and for nothing else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 8, maxLength: 40 }), async (all) => {
      using p = play({ toml: TOML })
      const { romeo } = await cast(p)
      // From here on only what the apps tell is read.
      const app = await atDesk(p)
      await says(app, mark('none'))
      app.sends('</stream:stream>')
      await settle(p)
      const story = new Story(p, romeo)
      for (const [act, n] of all) {
        await ACTS[act](story, n)
        story.shown()
      }
      // Nobody comes any more.
      await story.phoneGoes(false)
      for (let i = 0; i < 60; i++) {
        p.clock.advance(30_000)
        await settle(p)
        await areSent(p)
      }
      const id = ids(p)
      const rings = p.pushed.filter(({ kind }) => kind !== 'badge')
      expect(new Set(rings.map(({ kind }) => kind))).toEqual(new Set(rings.length > 0 ? ['body'] : []))
      const account = p.store.accounts.find(JULIET)
      const decided = account ? p.store.push.explain(account.id, 10_000) : []
      for (const body of story.written) {
        const message = id.get(body)
        const about = decided.filter(({ messageId }) => messageId === message)
        const sent = about.filter(({ verdict, rule }) => verdict === 'sent' && rule === 'body').length
        expect([body, 'archived', message !== undefined]).toEqual([body, 'archived', true])
        expect([body, 'explained', about.length > 0]).toEqual([body, 'explained', true])
        expect([body, 'at most once', sent <= 1]).toEqual([body, 'at most once', true])
        if (!story.known.has(body)) expect([body, 'rung', sent]).toEqual([body, 'rung', 1])
      }
      expect(verdicts(p).length).toBeGreaterThanOrEqual(story.written.length)
    }),
    { numRuns: RUNS },
  )
}, 600_000)
