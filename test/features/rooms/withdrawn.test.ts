/** What a moderator or its writer has taken back rings no phone any more, whichever form a member had it in: XEP-0425 §5, XEP-0424 §5. */
import { expect, test } from 'bun:test'
import { child } from '../../../src/xmpp/xml.ts'
import type { Actor } from '../../support/actor.ts'
import { FULL, manages, passes, registers, settle } from '../../support/phones.ts'
import { changes, enters, inside, ROOM, says } from '../../support/rooms.ts'
import { type Play, play } from '../../support/world.ts'

const RETRACT = 'urn:xmpp:message-retract:1'
const MODERATE = 'urn:xmpp:message-moderate:1'
const MUCSUB = 'urn:xmpp:mucsub:0'

/** Romeo moderates, nurse says rude things, juliet's phone is registered and her app closed. */
async function group(p: Play): Promise<{ romeo: Actor; nurse: Actor }> {
  await registers(p)
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  const nurse = await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  await settle(p)
  return { romeo, nurse }
}

async function speaks(p: Play, actor: Actor, text: string): Promise<string> {
  actor.forget()
  says(actor, text)
  await actor.settles()
  await settle(p)
  return child(actor.heard[0]!, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id ?? ''
}

const WAYS: [way: string, (romeo: Actor, nurse: Actor, id: string) => Promise<unknown>][] = [
  [
    'a moderator',
    (romeo, _, id) =>
      romeo.asks(
        'set',
        `<moderate xmlns='${MODERATE}' id='${id}'><retract xmlns='${RETRACT}'/></moderate>`,
        ROOM,
      ),
  ],
  [
    'the writer',
    async (_, nurse, id) => {
      nurse.sends(`<message to='${ROOM}' type='groupchat'><retract xmlns='${RETRACT}' id='${id}'/></message>`)
      await nurse.settles()
    },
  ],
]

/** Forms in which juliet's open app has the message. */
const FORMS: [form: string, (app: Actor) => Promise<unknown>][] = [
  ['plain', (app) => enters(app, 'Capulet')],
  [
    'wrapped for MucSub',
    (app) =>
      app.asks(
        'set',
        `<subscribe xmlns='${MUCSUB}' nick='Capulet'><event node='urn:xmpp:mucsub:nodes:messages'/></subscribe>`,
        ROOM,
      ),
  ],
]

for (const [way, takesBack] of WAYS) {
  for (const [form, has] of FORMS)
    test(`${way} takes back what an app has ${form} and has not acknowledged: its phone does not ring for it later`, async () => {
      using p = play({ toml: FULL })
      const { romeo, nurse } = await group(p)
      const app = await p.online('juliet@bix.org/phone')
      await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
      await has(app)
      await manages(app)
      p.pushed.length = 0
      const rude = await speaks(p, nurse, 'Capulet is rude')
      await takesBack(romeo, nurse, rude)
      await speaks(p, nurse, 'Capulet is kind')
      expect(p.pushed).toEqual([])
      await passes(p, 10_001)
      await settle(p)
      expect(p.pushed.filter(({ kind }) => kind !== 'badge').map(({ body }) => body)).toEqual([
        'Capulet is kind',
      ])
      const account = p.store.accounts.find('juliet@bix.org')!
      expect(p.store.unread.count(account.id)).toBe(1)
    })

  test(`${way} takes back what waits for another device: the push is withdrawn, and nobody keeps a copy`, async () => {
    using p = play({ toml: FULL })
    const { romeo, nurse } = await group(p)
    const desk = await p.online('juliet@bix.org/desk')
    await desk.asks(
      'set',
      `<subscribe xmlns='${MUCSUB}' nick='Capulet'><event node='urn:xmpp:mucsub:nodes:messages'/></subscribe>`,
      ROOM,
    )
    p.pushed.length = 0
    const rude = await speaks(p, nurse, 'fiend')
    await takesBack(romeo, nurse, rude)
    await settle(p)
    await passes(p, 60_000)
    expect(p.pushed.filter(({ body }) => body !== null)).toEqual([])
    const words = ['archive', 'offline', 'outbox', 'room_archive'].flatMap((table) =>
      p.store.db.raw
        .query(`SELECT * FROM ${table}`)
        .all()
        .filter((row) => JSON.stringify(row).includes('>fiend<')),
    )
    expect(words).toEqual([])
  })
}
