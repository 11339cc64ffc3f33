/**
 * Random stories of one room: three accounts with two clients each come, leave, speak and take new nicks. The model knows
 * what clients have said, and what they have heard themselves; for test/features/rooms/model.test.ts.
 */
import { expect } from 'bun:test'
import { childText } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import { changes, configures, conditionOf, enters, inside, itemOf, MUC, ROOM, statuses } from './rooms.ts'
import { type Play, play } from './world.ts'

const PEOPLE = ['juliet', 'nurse', 'paul'] as const
const NICKS = ['Juliet', 'Nurse', 'Paul', 'Rosaline'] as const
const AFFILIATIONS = ['member', 'none', 'admin'] as const

/** One client, and what it believes of the room. */
class Member {
  isIn = false
  nick = ''
  /** By nick: affiliation and role, as presence has told it. */
  readonly sees = new Map<string, string>()
  readonly heard: string[] = []
  /** Of what is said in the room it hears what comes after its entry. */
  hears = 0

  constructor(
    readonly user: string,
    readonly actor: Actor,
  ) {}

  /** Takes what has come since the last time. */
  async listens(): Promise<void> {
    await this.actor.settles()
    for (const el of this.actor.heard) {
      if (!el.attrs.from?.startsWith(`${ROOM}/`)) continue
      const nick = (el.attrs.from ?? '').slice(ROOM.length + 1)
      const body = childText(el, 'body')
      if (el.name === 'message' && el.attrs.type === 'groupchat' && body !== undefined)
        this.heard.push(`${nick}: ${body}`)
      if (el.name !== 'presence' || conditionOf(el) !== undefined) continue
      const { affiliation, role } = itemOf(el)?.attrs ?? {}
      if (el.attrs.type === 'unavailable') this.sees.delete(nick)
      else this.sees.set(nick, `${affiliation}/${role}`)
      if (!statuses(el).includes('110')) continue
      if (el.attrs.type !== 'unavailable') [this.isIn, this.nick] = [true, nick]
      else if (!statuses(el).includes('303')) this.isIn = false
    }
    this.actor.forget()
    if (!this.isIn) this.sees.clear()
  }
}

export class RoomStory {
  readonly #members: Member[] = []
  readonly #said: string[] = []
  #n = 0

  private constructor(
    readonly p: Play,
    readonly owner: Member,
  ) {
    this.#members.push(owner)
  }

  static async begins(): Promise<RoomStory> {
    const p = play()
    const actor = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
    await configures(actor, { 'muc#roomconfig_persistentroom': '1' })
    const owner = new Member('romeo@bix.org', actor)
    const story = new RoomStory(p, owner)
    await enters(actor, 'Romeo')
    await owner.listens()
    for (const name of PEOPLE)
      for (const resource of ['phone', 'desk'])
        story.#members.push(new Member(`${name}@bix.org`, await p.online(`${name}@bix.org/${resource}`)))
    return story
  }

  [Symbol.dispose](): void {
    this.p[Symbol.dispose]()
  }

  #one(n: number): Member {
    return this.#members[1 + (n % (this.#members.length - 1))] ?? this.owner
  }

  async comes(n: number): Promise<void> {
    const member = this.#one(n)
    if (!member.isIn) [member.hears, member.heard.length] = [this.#said.length, 0]
    member.actor.sends(
      `<presence to='${ROOM}/${NICKS[(n >> 3) % 4]}'><x xmlns='${MUC}'><history maxstanzas='0'/></x></presence>`,
    )
    await this.#allListen()
  }

  async leaves(n: number): Promise<void> {
    const { actor, nick, isIn } = this.#one(n)
    if (isIn) actor.sends(`<presence to='${ROOM}/${nick}' type='unavailable'/>`)
    await this.#allListen()
  }

  async renames(n: number): Promise<void> {
    const { actor, isIn } = this.#one(n)
    if (isIn) actor.sends(`<presence to='${ROOM}/${NICKS[(n >> 3) % 4]}'/>`)
    await this.#allListen()
  }

  /** All at once: whoever comes first, it is the same for everybody. */
  async speak(n: number): Promise<void> {
    const some = this.#members.filter(({ isIn }, i) => isIn && (n >> i) % 2 === 0)
    for (const { actor } of some)
      actor.sends(`<message to='${ROOM}' type='groupchat'><body>${++this.#n}</body></message>`)
    await this.#allListen()
    this.#said.push(...this.owner.heard.slice(this.#said.length))
    expect(this.#said).toHaveLength(this.#n)
  }

  async kicks(n: number): Promise<void> {
    const { nick, isIn } = this.#one(n)
    if (isIn) await changes(this.owner.actor, `<item nick='${nick}' role='none'/>`)
    await this.#allListen()
  }

  async appoints(n: number): Promise<void> {
    const { user } = this.#one(n)
    const affiliation = AFFILIATIONS[(n >> 3) % 3]
    await changes(this.owner.actor, `<item jid='${user}' affiliation='${affiliation}'/>`)
    await this.#allListen()
  }

  /** A turn whose commit fails: whoever has asked for something in it is refused, and nothing has happened. */
  async fails(n: number): Promise<void> {
    const { actor } = this.#one(n)
    const to = `${ROOM}/${NICKS[(n >> 3) % 4]}`
    const mend = this.p.commitsFail()
    actor.sends(
      [
        `<message to='${ROOM}' type='groupchat'><body>lost</body></message>`,
        `<presence to='${to}'><x xmlns='${MUC}'><history maxstanzas='0'/></x></presence>`,
        `<presence to='${to}' type='unavailable'/>`,
        // Of what is in memory alone the turn fails by its neighbour.
      ][n % 3] + `<message to='romeo@bix.org' type='chat'><body>lost</body></message>`,
    )
    await actor.settles()
    mend()
    await this.#allListen()
  }

  async #allListen(): Promise<void> {
    for (const { actor } of this.#members) await actor.settles()
    for (const member of this.#members) await member.listens()
    // everybody sees the same: who is in the room believes of it what its owner does.
    for (const { isIn, sees } of this.#members)
      if (isIn) expect(Object.fromEntries(sees)).toEqual(Object.fromEntries(this.owner.sees))
    // nobody is there who is not: the nicks that are seen are those of clients that are in.
    const nicks = new Set(this.#members.filter(({ isIn }) => isIn).map(({ nick }) => nick))
    expect([...this.owner.sees.keys()].sort()).toEqual([...nicks].sort())
    // a nick is one account's.
    for (const nick of nicks)
      expect(
        new Set(this.#members.filter((one) => one.isIn && one.nick === nick).map(({ user }) => user)).size,
      ).toBe(1)
    // the same in the same order: what was said since one came.
    for (const { isIn, heard, hears } of this.#members)
      if (isIn) expect(heard).toEqual(this.owner.heard.slice(hears))
  }

  /** the archive is what was said. */
  ends(): void {
    const rows = this.p.store.db.raw.query<{ nick: string; xml: string }, []>(
      `SELECT nick, xml FROM room_archive WHERE xml LIKE '%<body>%' ORDER BY id`,
    )
    const kept = rows.all().map(({ nick, xml }) => `${nick}: ${/<body>(\d+)</.exec(xml)?.[1]}`)
    expect(kept).toEqual(this.#said)
  }
}
