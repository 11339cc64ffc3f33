/** Who may do what to whom, cell by cell, as XEP-0045 §5, §8, §9 and §10 have it. */
import { expect, test } from 'bun:test'
import type { Actor } from '../../support/actor.ts'
import { changes, conditionOf, enters, inside, ROOM } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

/** An affiliation and a role that go together. */
const KINDS = [
  'owner/moderator',
  'admin/moderator',
  'member/moderator',
  'member/participant',
  'none/moderator',
  'none/participant',
  'none/visitor',
] as const
type Kind = (typeof KINDS)[number]

const ROLES = ['none', 'visitor', 'participant', 'moderator']
const AFFILIATIONS = ['owner', 'admin', 'member', 'none', 'outcast']

/**
 * Rows: who asks. In a row one word for each of KINDS, whom it is about; in a word a letter for each of ROLES, 'none' being
 * a kick: + it is done, f forbidden (§8, §9: not entitled), n not-allowed (§8.2, §8.4, §9.7: outranked).
 */
const BY_ROLE: Record<Kind, string> = {
  'owner/moderator': '+nn+ +nn+ ++++ ++++ ++++ ++++ ++++',
  'admin/moderator': 'nnn+ +nn+ ++++ ++++ ++++ ++++ ++++',
  'member/moderator': 'nnnf nnnf +fff +n+f +fff +++f +++f',
  'member/participant': 'ffff ffff ffff ffff ffff ffff ffff',
  'none/moderator': 'nnnf nnnf nfff nn+f +fff +++f +++f',
  'none/participant': 'ffff ffff ffff ffff ffff ffff ffff',
  'none/visitor': 'ffff ffff ffff ffff ffff ffff ffff',
}

/** The same for AFFILIATIONS (§9.1–§9.5, §10.3–§10.8); another owner is there. */
const BY_AFFILIATION: Record<Kind, string> = {
  'owner/moderator': '+++++ +++++ +++++ +++++ +++++ +++++ +++++',
  'admin/moderator': 'ffffn ffffn ff+++ ff+++ ff+++ ff+++ ff+++',
  'member/moderator': 'fffff fffff fffff fffff fffff fffff fffff',
  'member/participant': 'fffff fffff fffff fffff fffff fffff fffff',
  'none/moderator': 'fffff fffff fffff fffff fffff fffff fffff',
  'none/participant': 'fffff fffff fffff fffff fffff fffff fffff',
  'none/visitor': 'fffff fffff fffff fffff fffff fffff fffff',
}

const LETTERS: Record<string, string> = { forbidden: 'f', 'not-allowed': 'n' }
const letterOf = (condition: string | undefined) =>
  condition === undefined ? '+' : (LETTERS[condition] ?? condition)

/** The room's first owner, who makes the others what they are to be. */
class Stage {
  constructor(
    readonly p: Play,
    readonly god: Actor,
    readonly asker: Actor,
    readonly target: Actor,
  ) {}

  static async of(p: Play): Promise<Stage> {
    const god = await inside(p, 'god@bix.org/sky', 'God')
    return new Stage(p, god, await p.online('asker@bix.org/a'), await p.online('target@bix.org/t'))
  }

  async becomes(who: 'asker' | 'target', kind: Kind): Promise<void> {
    const [affiliation = '', role = ''] = kind.split('/')
    await changes(this.god, `<item affiliation='${affiliation}' jid='${who}@bix.org'/>`)
    await enters(this[who], who)
    await changes(this.god, `<item role='${role}' nick='${who}'/>`)
    expect(this.is(who)).toBe(kind)
  }

  /** What the list and the room say of somebody, by the answers that the first owner gets. */
  is(who: string): string {
    const user = `${who}@bix.org`
    const id = this.p.store.rooms.find(ROOM)?.id ?? 0
    const affiliation = this.p.store.roomAffiliations.get(id, user)?.affiliation ?? 'none'
    const heard = this.god.heard.findLast(
      ({ name, attrs }) => name === 'presence' && attrs.from === `${ROOM}/${who}`,
    )
    const role = /role="(\w+)"/.exec(heard?.toString() ?? '')?.[1]
    return `${affiliation}/${role}`
  }

  /** One word of a row: each verb on a target that is as it was. */
  async word(target: Kind, verbs: readonly string[], item: (verb: string) => string): Promise<string> {
    let word = ''
    for (const verb of verbs) {
      const letter = letterOf(conditionOf(await changes(this.asker, item(verb))))
      word += letter
      // What is refused has changed nothing; what is done is as it was asked for.
      if (letter !== '+') expect([target, verb, this.is('target')]).toEqual([target, verb, target])
      else {
        await this.god.settles()
        expect([target, verb, this.is('target').split('/').includes(verb)]).toEqual([target, verb, true])
        await this.becomes('target', target)
      }
    }
    return word
  }

  async rowOf(asker: Kind, verbs: readonly string[], item: (verb: string) => string): Promise<string> {
    await this.becomes('asker', asker)
    const words: string[] = []
    for (const target of KINDS) {
      await this.becomes('target', target)
      words.push(await this.word(target, verbs, item))
      this.god.forget()
      this.asker.forget()
      this.target.forget()
    }
    return words.join(' ')
  }
}

for (const asker of KINDS) {
  test(`XEP-0045 §5.1.1, §8, §8.2, §8.3, §8.4, §8.5, §9, §9.6, §9.7, §9.8: roles that ${asker} may give and take`, async () => {
    using p = play()
    const stage = await Stage.of(p)
    const item = (role: string) => `<item role='${role}' nick='target'/>`
    expect(await stage.rowOf(asker, ROLES, item)).toBe(BY_ROLE[asker])
  })

  test(`XEP-0045 §9.1, §9.2, §9.3, §9.4, §9.5, §10, §10.3, §10.4, §10.5, §10.6, §10.7, §10.8: affiliations that ${asker} may give and take`, async () => {
    using p = play()
    const stage = await Stage.of(p)
    const item = (affiliation: string) => `<item affiliation='${affiliation}' jid='target@bix.org'/>`
    expect(await stage.rowOf(asker, AFFILIATIONS, item)).toBe(BY_AFFILIATION[asker])
  })
}
