/**
 * What each app's own code makes of our pushes: payload × client. The server is real, from the registration in the app's
 * dialect to the request that would leave; the apps are test/support/client-phones.ts.
 */
import { describe, expect, test } from 'bun:test'
import { CLIENTS } from '../support/client-phones.ts'
import { CLIENTS_TOML as TOML, inRoom, screenOf, stage } from '../support/client-screen.ts'
import { chat, passes, says, settle } from '../support/phones.ts'
import { changes, ROOM } from '../support/rooms.ts'
import { play } from '../support/world.ts'

const JINGLE = 'urn:xmpp:jingle-message:0'
const call = (name: string, inner = '') =>
  `<message to='juliet@bix.org' type='chat' id='${name}'><${name} xmlns='${JINGLE}' id='call-1'>${inner}</${name}><store xmlns='urn:xmpp:hints'/></message>`
const PROPOSE = call('propose', `<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>`)
const REACTION =
  `<message to='juliet@bix.org' type='chat' id='r1'><reactions xmlns='urn:xmpp:reactions:0' id='j1'>` +
  `<reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>`

interface Lines {
  readonly message: string
  readonly mention: string
  readonly call: string
  readonly missed: string
  readonly reaction: string
  /** The number on the icon falls, since one was read elsewhere. */
  readonly badge: readonly string[]
  /** Its notice goes. */
  readonly removal: readonly string[]
}

const SHOWN: Readonly<Record<keyof typeof CLIENTS, Lines>> = {
  xmppFramework: {
    message: 'romeo: hist! [1]',
    mention: 'coven (Romeo): Juliet: come [2]',
    call: 'romeo: is calling you [3]',
    missed: 'romeo: Missed call [3]',
    reaction: 'romeo: reacted to your message: 👍 [3]',
    badge: ['number 2'],
    removal: ['nothing'],
  },
  siskin: {
    message: 'romeo@bix.org: hist! [1]',
    mention: `${ROOM} (Romeo): Juliet: come [2]`,
    call: 'ring romeo@bix.org/orchard audio',
    missed: 'romeo@bix.org: Missed call [3]',
    reaction: 'romeo@bix.org: reacted to your message: 👍 [3]',
    badge: ['number 2'],
    removal: ['nothing'],
  },
  snikket: {
    message: 'romeo@bix.org: hist! [1]',
    mention: `${ROOM} (Romeo): Juliet: come [2]`,
    // Its handler of calls reads only what is sealed.
    call: 'romeo@bix.org: is calling you [3]',
    missed: 'romeo@bix.org: Missed call [3]',
    reaction: 'romeo@bix.org: reacted to your message: 👍 [3]',
    badge: ['number 2'],
    removal: ['nothing'],
  },
  monal: {
    message: 'fetches',
    mention: 'fetches',
    call: 'fetches',
    missed: 'fetches',
    reaction: 'fetches',
    badge: ['number 2'],
    removal: ['nothing'],
  },
  conversations: {
    message: 'fetches HIGH',
    mention: 'fetches HIGH',
    call: 'fetches HIGH',
    missed: 'fetches HIGH',
    reaction: 'fetches HIGH',
    badge: ['fetches NORMAL'],
    removal: [],
  },
  fluux: {
    message: 'romeo: hist! [1]',
    mention: 'coven: Juliet: come [2]',
    call: 'romeo: is calling you [3]',
    missed: 'romeo: Missed call [3]',
    reaction: 'romeo: reacted to your message: 👍 [3]',
    badge: ['nothing'],
    removal: [],
  },
  pwa: {
    message: 'romeo: hist! [1]',
    mention: 'coven: Juliet: come [2]',
    call: 'romeo: is calling you [3]',
    missed: 'romeo: Missed call [3]',
    reaction: 'romeo: reacted to your message: 👍 [3]',
    badge: ['nothing'],
    removal: [],
  },
  borogove: {
    message: 'romeo@bix.org: hist!',
    mention: `${ROOM}/Romeo (room): Juliet: come`,
    call: 'ring romeo@bix.org/orchard call-1',
    missed: 'romeo@bix.org/orchard: Missed call',
    reaction: 'romeo@bix.org: reacted to your message: 👍',
    badge: ['nothing'],
    removal: [],
  },
}

for (const [key, lines] of Object.entries(SHOWN)) {
  const client = CLIENTS[key as keyof typeof CLIENTS]
  describe(client.name, () => {
    test('shows a message, a mention in a room, a call, one that was missed, a reaction; the number falls, and the notice goes', async () => {
      using p = play({ toml: TOML })
      await using screen = screenOf(p, client)
      const romeo = await stage(p, client)
      await screen.shows()
      await says(romeo, chat('hist!', 'm1'))
      expect(await screen.shows()).toEqual([lines.message])
      await says(romeo, inRoom('Juliet: come'))
      expect(await screen.shows()).toEqual([lines.mention])
      await says(romeo, PROPOSE)
      expect(await screen.shows()).toEqual([lines.call])
      await says(romeo, call('retract'))
      expect(await screen.shows()).toEqual([lines.missed])
      await says(romeo, REACTION)
      expect(await screen.shows()).toEqual([lines.reaction])
      const desk = await p.bound('juliet@bix.org/desk')
      await says(
        desk,
        `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>`,
      )
      await passes(p, 2_000)
      expect((await screen.shows()).toSorted()).toEqual([...lines.badge, ...lines.removal].toSorted())
    })

    test('stays silent for a room whose member it no longer is', async () => {
      using p = play({ toml: TOML })
      await using screen = screenOf(p, client)
      const romeo = await stage(p, client)
      await screen.shows()
      await says(romeo, inRoom('Juliet: come'))
      expect(await screen.shows()).toHaveLength(1)
      await changes(romeo, `<item affiliation='none' jid='juliet@bix.org'/>`)
      await settle(p)
      await screen.shows()
      await says(romeo, inRoom('Juliet: are you there?'))
      await passes(p, 60_000)
      expect(await screen.shows()).toEqual([])
    })
  })
}
