/**
 * Chats that a person has silenced, client by client: each app says it in its own dialect, for its own phone, or does not
 * say it at all; the wish that is kept with a bookmark (XEP-0492) holds for all of them. The server is real, as in
 * clients.test.ts.
 */
import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { CLIENTS, type Silenced } from '../support/client-phones.ts'
import { CLIENTS_TOML as TOML, inRoom, screenOf, stage } from '../support/client-screen.ts'
import { doorOf } from '../support/door.ts'
import { chat, says, settle } from '../support/phones.ts'
import { ROOM } from '../support/rooms.ts'
import { type Play, play } from '../support/world.ts'

const WISHES = {
  'a contact': { contact: 'never' },
  'a room': { room: 'never' },
  'a room but for mentions': { room: 'on-mention' },
} as const satisfies Record<string, Silenced>
type Wish = keyof typeof WISHES

/** Of a message, one in the room, one there that names juliet, and a call: those that a phone rings for. */
const RINGS: Readonly<Record<Wish, readonly string[]>> = {
  'a contact': ['room', 'mention'],
  'a room': ['message', 'call'],
  'a room but for mentions': ['message', 'mention', 'call'],
}
const ALL = ['message', 'room', 'mention', 'call']

/** What each app can say itself. Its other chats ring, and it is silent about them where they come. */
const SAYS: Readonly<Record<keyof typeof CLIENTS, readonly Wish[]>> = {
  // No module of the framework has it.
  xmppFramework: [],
  siskin: ['a contact', 'a room', 'a room but for mentions'],
  snikket: ['a contact', 'a room', 'a room but for mentions'],
  // Kept on the device: its extension fetches whatever there is, and shows what is not muted there.
  monal: [],
  // The form of register-push-fcm has no field for it; the receiver fetches, and decides.
  conversations: [],
  fluux: ['a room'],
  // A page has what the account has: the bookmark, and the switches of the device.
  pwa: [],
  borogove: ['a contact', 'a room', 'a room but for mentions'],
}

const JINGLE = 'urn:xmpp:jingle-message:0'
const ACTS: Readonly<Record<string, string>> = {
  message: chat('hist!', 'm1'),
  room: inRoom('all: come'),
  mention: inRoom('Juliet: come'),
  call:
    `<message to='juliet@bix.org' type='chat' id='propose'><propose xmlns='${JINGLE}' id='call-1'>` +
    `<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose><store xmlns='urn:xmpp:hints'/></message>`,
}

/** Names of those that the phone rings for. */
async function ringsFor(p: Play, screen: ReturnType<typeof screenOf>, romeo: Actor): Promise<string[]> {
  const rung: string[] = []
  await screen.shows()
  for (const [name, stanza] of Object.entries(ACTS)) {
    await says(romeo, stanza)
    await settle(p)
    if ((await screen.shows()).some((line) => !/^(nothing|number|fetches NORMAL)/.test(line))) rung.push(name)
  }
  return rung
}

/** Written by any client of the account; `ns` is that of the version which it knows. */
const keeps = (app: Actor, { contact, room }: Silenced, ns = 'urn:xmpp:notification-settings:1') =>
  app.asks(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='${contact ? 'romeo@bix.org' : ROOM}'>` +
      `<conference xmlns='urn:xmpp:bookmarks:1'><extensions><notify xmlns='${ns}'><${contact ?? room}/></notify></extensions></conference></item></publish></pubsub>`,
  )

for (const key of Object.keys(CLIENTS) as (keyof typeof CLIENTS)[]) {
  const client = CLIENTS[key]
  describe(client.name, () => {
    for (const wish of Object.keys(WISHES) as Wish[]) {
      if (SAYS[key].includes(wish))
        test(`silences ${wish} by its own words, for itself, and takes it back`, async () => {
          using p = play({ toml: TOML })
          await using screen = screenOf(p, client)
          const romeo = await stage(p, client, (app) => client.silences!(p, app, WISHES[wish]))
          expect(await ringsFor(p, screen, romeo)).toEqual([...RINGS[wish]])
          const again = await p.online('juliet@bix.org/phone')
          await client.silences!(p, again, {})
          again.sends('</stream:stream>')
          await settle(p)
          expect(await ringsFor(p, screen, romeo)).toEqual(ALL)
        })

      test(`is silent for ${wish} that the account has silenced (XEP-0492)`, async () => {
        using p = play({ toml: TOML })
        await using screen = screenOf(p, client)
        const romeo = await stage(p, client, (app) => keeps(app, WISHES[wish]))
        expect(await ringsFor(p, screen, romeo)).toEqual([...RINGS[wish]])
      })
    }

    test('rings for all where nobody has said anything, and for nothing while the device is muted', async () => {
      using p = play({ toml: TOML })
      await using screen = screenOf(p, client)
      const romeo = await stage(p, client)
      expect(await ringsFor(p, screen, romeo)).toEqual(ALL)
      const door = doorOf(p)
      const { body } = await door('GET', '/v1/me/devices', undefined, 'juliet@bix.org')
      const [{ id }] = body.items as [{ id: number }]
      const answer = await door('PATCH', `/v1/me/devices/${id}`, { muted: true }, 'juliet@bix.org')
      expect(answer.status).toBe(200)
      expect(await ringsFor(p, screen, romeo)).toEqual([])
    })
  })
}

test('a wish in the first version of XEP-0492 counts too, behind one in the present version', async () => {
  using p = play({ toml: TOML })
  await using screen = screenOf(p, CLIENTS.pwa)
  const romeo = await stage(p, CLIENTS.pwa, (app) =>
    keeps(app, { room: 'never' }, 'urn:xmpp:notification-settings:0'),
  )
  expect(await ringsFor(p, screen, romeo)).toEqual([...RINGS['a room']])
})
