/** Registering with a room (XEP-0045 §7.10), cell by cell: who asks, what is kept already, the room, the nick, the verb. */
import { expect, test } from 'bun:test'
import { child, children, childText } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { changes, conditionOf, configures, inside, MUC, ROOM } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const REGISTER = 'jabber:iq:register'
const WHO = ['owner', 'admin', 'member', 'none', 'outcast'] as const
type Who = (typeof WHO)[number]
const KEPT = ['no nick', 'a nick'] as const
const DOORS = ['open', 'members-only'] as const
/** The nick that is asked for; "kept" is the absent paul's, "present" the nurse's, who is there. */
const NICKS = {
  free: 'Asker',
  same: 'Mine',
  kept: 'Paul',
  present: 'Nurse',
  alike: 'Nur\u0455e',
  empty: ' ',
} as const
type Nick = keyof typeof NICKS

const form = (nick: string) =>
  `<query xmlns='${REGISTER}'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${MUC}#register</value></field>` +
  `<field var='muc#register_roomnick'><value>${nick}</value></field></x></query>`

/** How the asker stands to the room, with nick, reason, and whether it came by registering. */
function standing(p: Play): unknown {
  const row = p.store.roomAffiliations.get(p.store.rooms.find(ROOM)?.id ?? 0, 'asker@bix.org')
  return row && { affiliation: row.affiliation, nick: row.nick, reason: row.reason, joined: row.joined }
}

interface Stage {
  readonly p: Play
  readonly god: Actor
  readonly asker: Actor
}

async function stage(p: Play): Promise<Stage> {
  const god = await inside(p, 'god@bix.org/sky', 'God')
  await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  await changes(god, `<item affiliation='member' jid='paul@bix.org' nick='Paul'/>`)
  await changes(god, `<item affiliation='member' jid='nurse@bix.org'/>`)
  return { p, god, asker: await p.online('asker@bix.org/a') }
}

/** Whoever has no affiliation keeps a nick only by a registration, which makes a member: that cell is one of members. */
async function becomes({ god, asker }: Stage, who: Who, kept: (typeof KEPT)[number]): Promise<void> {
  await configures(god, { 'muc#roomconfig_membersonly': '0' })
  await changes(god, `<item affiliation='none' jid='asker@bix.org'/>`)
  const item = (inner: string) =>
    changes(god, `<item jid='asker@bix.org' ${inner}><reason>why</reason></item>`)
  if (kept === 'a nick' && who === 'none') await asker.asks('set', form('Mine'), ROOM)
  else if (who !== 'none')
    await item(`affiliation='${who}'${kept === 'a nick' && who !== 'outcast' ? ` nick='Mine'` : ''}`)
  asker.forget()
}

/** The answer that the text has for a new registration; undefined: it is done. */
function refusal(who: Who, isMember: boolean, door: string, nick: Nick): string | undefined {
  if (who === 'outcast') return 'forbidden'
  if (!isMember && door === 'members-only') return 'not-allowed'
  if (nick === 'empty') return 'bad-request'
  return nick === 'free' || nick === 'same' ? undefined : 'conflict'
}

for (const who of WHO)
  for (const kept of KEPT)
    test(`XEP-0045 §7.10, §9.1: ${who} with ${kept}: what registering, asking and giving back do in open and closed rooms`, async () => {
      using p = play()
      const all = await stage(p)
      const { god, asker } = all
      for (const door of DOORS)
        for (const [name, nick] of Object.entries(NICKS) as [Nick, string][]) {
          await becomes(all, who, kept)
          if (door === 'members-only') await configures(god, { 'muc#roomconfig_membersonly': '1' })
          const cell = `${door}, ${name}`
          const before = standing(p)
          const isMember = before !== undefined
          const wanted = refusal(who, isMember, door, name)
          // Asking tells who may, and what is kept.
          const got = await asker.asks('get', `<query xmlns='${REGISTER}'/>`, ROOM)
          const mayAsk =
            who === 'outcast' ? 'forbidden' : isMember || door === 'open' ? undefined : 'not-allowed'
          expect([cell, 'get', conditionOf(got)]).toEqual([cell, 'get', mayAsk])
          const query = child(got, 'query', REGISTER)
          if (mayAsk === undefined && query) {
            const isKept = kept === 'a nick'
            expect([cell, child(query, 'registered') !== undefined, childText(query, 'username')]).toEqual([
              cell,
              isKept,
              isKept ? 'Mine' : undefined,
            ])
            const names = children(child(query, 'x', 'jabber:x:data')!, 'field').map(({ attrs }) => attrs.var)
            expect(names).toContain('muc#register_roomnick')
          }
          expect([cell, 'asked', standing(p)]).toEqual([cell, 'asked', before])
          // Registering changes the nick, of nobody the standing but of who had none, and never why it is so.
          const set = await asker.asks('set', form(nick), ROOM)
          expect([cell, 'set', conditionOf(set)]).toEqual([cell, 'set', wanted])
          const after =
            wanted === undefined
              ? before === undefined
                ? { affiliation: 'member', nick, reason: null, joined: true }
                : { ...before, nick }
              : before
          expect([cell, 'set', standing(p)]).toEqual([cell, 'set', after])
          // Giving it back takes the nick, and a membership only where it came by registering to an open room.
          const removed = await asker.asks('set', `<query xmlns='${REGISTER}'><remove/></query>`, ROOM)
          expect([cell, 'remove', conditionOf(removed)]).toEqual([
            cell,
            'remove',
            who === 'outcast' ? 'forbidden' : undefined,
          ])
          const own = after as { joined: boolean } | undefined
          const left =
            who === 'outcast' || own === undefined
              ? after
              : own.joined && door === 'open'
                ? undefined
                : { ...own, nick: null }
          expect([cell, 'removed', standing(p)]).toEqual([cell, 'removed', left])
        }
    })

test('XEP-0045 §7.10 a ban of a whole domain holds for registering, too', async () => {
  using p = play()
  const { god } = await stage(p)
  const bob = await p.online('bob@other.example/work')
  await changes(god, `<item affiliation='outcast' jid='other.example'/>`)
  for (const [type, payload] of [
    ['get', `<query xmlns='${REGISTER}'/>`],
    ['set', form('Bob')],
    ['set', `<query xmlns='${REGISTER}'><remove/></query>`],
  ] as const)
    expect([payload, conditionOf(await bob.asks(type, payload, ROOM))]).toEqual([payload, 'forbidden'])
})
