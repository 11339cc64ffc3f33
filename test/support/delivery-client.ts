/** A client of a random story of deliveries, and what its server has to believe of it. */
import { childText, type Element } from '../../src/xmpp/xml.ts'
import { type Manages, StoryClient } from './story-client.ts'
import type { Play } from './world.ts'

export interface Person {
  readonly bare: string
  readonly clients: Client[]
  /** Bare JIDs. */
  readonly blocks: Set<string>
  /** Bare JIDs; who sees whom is mutual. */
  readonly friends: readonly string[]
  archives: 'always' | 'roster' | 'never'
  readonly never: Set<string>
}

const RESOURCES = {
  romeo: ['street', 'orchard'],
  juliet: ['phone', 'desk', 'tablet'],
  nurse: ['hall'],
} as const
const FRIENDS = { romeo: ['juliet'], juliet: ['romeo', 'nurse'], nurse: ['juliet'] } as const
const NAMES = ['romeo', 'juliet', 'nurse'] as const
const bareOf = (name: string) => `${name}@bix.org`

/** Everybody, with clients that are not there yet. */
export function castOf(has: (client: Client, el: Element) => void): Person[] {
  return NAMES.map((name) => {
    const clients: Client[] = []
    const person: Person = {
      bare: bareOf(name),
      clients,
      blocks: new Set(),
      friends: FRIENDS[name].map(bareOf),
      archives: 'always',
      never: new Set(),
    }
    for (const resource of RESOURCES[name]) clients.push(new Client(person, resource, has))
    return person
  })
}

/** A session as the server has to see it. */
export interface Life {
  readonly person: Person
  readonly resource: string
  readonly manages: Manages
  /** What its client heard and, if that was lost with the session, never will again. */
  readonly got: Element[]
  /** The story's act in which each was heard. */
  readonly at: Map<Element, number>
  priority: number
  /** Status of its last presence; undefined where it is not available. */
  status: string | undefined
  carbons: boolean
  inactive: boolean
  /** It was in the background or without a stream: what passes may have been dropped. */
  spared: boolean
  /** It did not always answer: its box may have been emptied in parts. */
  slow: boolean
  /** It has taken messages, and then no more. */
  shut: boolean
  /** Where it has to begin to believe in presence, in `got`. */
  since: number
  /** The same for whom its account has blocked: what it knew of them it does not show any more. */
  readonly forgot: Map<string, number>
  /** ms since the epoch; of one that has no stream. */
  until: number | undefined
  over: boolean
}

export const takes = (life: Life): boolean => life.status !== undefined && life.priority >= 0

export const jidOf = ({ person, resource }: Life): string => `${person.bare}/${resource}`

export class Client extends StoryClient {
  life: Life | undefined

  constructor(
    readonly person: Person,
    resource: string,
    has: (client: Client, el: Element) => void,
  ) {
    super(resource, (el) => has(this, el), person.bare)
  }

  async begins(p: Play, manages: Manages): Promise<void> {
    if (this.actor) return
    if (this.life) this.life.over = true
    await this.comes(p, manages, 0)
    this.life = {
      person: this.person,
      resource: this.resource,
      manages,
      got: this.got,
      at: new Map(),
      priority: 0,
      status: undefined,
      carbons: false,
      inactive: false,
      spared: false,
      slow: false,
      shut: false,
      since: 0,
      forgot: new Map(),
      until: undefined,
      over: false,
    }
  }

  /** Says its presence; no priority means that it goes. */
  shows(status: string, priority?: number): void {
    const { life, actor } = this
    if (!life || !actor) return
    this.hears()
    if (takes(life) && (priority ?? -1) < 0) life.shut = true
    if (priority === undefined) {
      this.says(`<presence type='unavailable'/>`)
      life.status = undefined
      return
    }
    if (life.status === undefined) life.since = this.got.length
    this.says(`<presence><priority>${priority}</priority><status>${status}</status></presence>`)
    life.status = status
    life.priority = priority
  }

  override turns(inactive: boolean): void {
    super.turns(inactive)
    const { life, actor } = this
    if (!life || !actor) return
    life.inactive = inactive
    life.spared ||= inactive
  }

  override toggles(): void {
    super.toggles()
    if (this.life) this.life.slow = true
  }

  /** The stream is gone; the server keeps the session if it can. */
  parts(now: number, politely: boolean): void {
    const { life } = this
    if (!life || !this.actor) return
    this.leaves(politely)
    this.#isAlone(now)
  }

  /** The server has stopped, or was killed. */
  isLeft(now: number, orderly: boolean): void {
    const streamed = this.actor !== undefined
    this.isCutOff(orderly)
    if (!orderly && this.life) this.life.over = true
    else if (streamed) this.#isAlone(now)
  }

  /** Whether it has its session again. */
  async returnsTo(p: Play, lost: number): Promise<boolean> {
    const { life } = this
    if (!life || !(await this.resumes(p, lost))) return false
    life.until = undefined
    life.inactive = false
    return true
  }

  #isAlone(now: number): void {
    const { life } = this
    if (!life) return
    life.spared = true
    if (this.resumable) life.until = now + this.max
    else life.over = true
  }

  /** Its account has blocked somebody. */
  forgets(bare: string): void {
    this.hears()
    this.life?.forgot.set(bare, this.got.length)
  }

  /** What it believes of others' resources: the status of each that is available. */
  get beliefs(): Map<string, string> {
    const known = new Map<string, string>()
    const { since = 0, forgot } = this.life ?? {}
    for (const [i, el] of this.got.entries()) {
      const { type, from = '' } = el.attrs
      if (el.name !== 'presence' || i < Math.max(since, forgot?.get(from.split('/')[0] ?? '') ?? 0)) continue
      if (type === undefined) known.set(from, childText(el, 'status') ?? '')
      else if (type === 'unavailable') known.delete(from)
    }
    return known
  }
}
