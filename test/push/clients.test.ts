/**
 * What each app's own code makes of our pushes: payload × client. The server is real, from the registration in the app's
 * dialect to the request that would leave; the apps are test/support/client-phones.ts.
 */
import { describe, expect, test } from 'bun:test'
import { goesToPushKit, requestFor } from '../../src/push/apns/request.ts'
import { messageOf } from '../../src/push/fcm/message.ts'
import { Dispatcher } from '../../src/push/outbox/dispatcher.ts'
import type { Provider } from '../../src/push/outbox/provider.ts'
import { noticeOf, showsNothing } from '../../src/push/rules/notice.ts'
import { outdated } from '../../src/push/schedule/outdated.ts'
import { removalOf } from '../../src/push/schedule/removals.ts'
import { isBrowsers } from '../../src/push/webpush/endpoint.ts'
import { envelopeOf } from '../../src/push/webpush/envelope.ts'
import { webPayload } from '../../src/push/webpush/payload.ts'
import type { Job } from '../../src/store/push.ts'
import { CLIENTS, type ClientPhone, type Got } from '../support/client-phones.ts'
import { chat, passes, says, settle } from '../support/phones.ts'
import { changes, configures, inside, ROOM } from '../support/rooms.ts'
import { type Play, play } from '../support/world.ts'

const TOML =
  '[push]\nburst = 0\nreactions = "ring"\n' +
  '[[push.apps]]\ntopic = "org.bix.chat"\nteam_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"\n' +
  'body = "full"\nremovals = true\naliases = ["eu.prod.push.monal-im.org"]\n' +
  '[push.webpush]\ncontact = "mailto:admin@bix.org"\nremovals = true\n' +
  '[[push.fcm]]\ntopic = "org.bix.android"\nservice_account_file = "firebase.json"\nremovals = true\n'

/** The request of a row, as the provider of its device puts it. */
function gotBy(p: Play, job: Job): Got {
  const { push } = p.config
  const { device } = job
  const style = push.apps[0]
  if (!device || !style) throw new Error('a row without a device')
  if (device.kind === 'fcm')
    return { fcm: messageOf(job, { style: push.fcm[0]!, now: p.clock.now(), ringMs: push.ring_time }) }
  if (device.kind === 'webpush') {
    if (showsNothing(job.kind) && isBrowsers(new URL(device.address).hostname)) return {}
    const web = { body: push.webpush.body }
    const notice = noticeOf(job, web, device.options)
    if (device.options.web?.format === 'sce') return { sce: envelopeOf(job, notice, 3_993).toString() }
    return {
      web: webPayload(job, notice, { style: web, options: device.options, limit: 3_993, short: false }),
    }
  }
  const how = { environment: 'production', style, ringMs: push.ring_time, short: false } as const
  const bytes = (n: number) => p.random.bytes(n)
  return { apns: requestFor(job, { ...how, voip: goesToPushKit(job, style), bytes }) }
}

/** An outbox whose services take everything at once, and the lines that the app has shown since it was asked last. */
function screenOf(p: Play, client: ClientPhone) {
  const lines: string[] = []
  const service = (name: string): Provider => ({
    name,
    concurrency: 1,
    laneConcurrency: 1,
    ordered: true,
    replayable: false,
    lane: () => name,
    send(job, leaves) {
      const stays = leaves()
      if (stays) return Promise.resolve(stays)
      lines.push(client.shows(gotBy(p, job)))
      return Promise.resolve({ is: 'sent' })
    },
    stop: () => Promise.resolve(),
  })
  const dispatcher = new Dispatcher({
    push: p.store.push,
    badges: p.store.badges,
    outdated: (job, counts) => outdated(p.world, job, counts),
    removal: (job) => removalOf(p.world, job),
    run: (f) => p.router.run(f),
    providers: { apns: service('apns'), fcm: service('fcm'), webpush: service('webpush') },
    clock: p.clock,
    random: p.random,
  })
  dispatcher.start()
  return {
    async shows(): Promise<string[]> {
      await settle(p)
      while (p.store.push.counts().queued > 0) await settle(p)
      return lines.splice(0)
    },
    [Symbol.asyncDispose]: () => dispatcher.stop(1_000),
  }
}

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

/** Juliet's app is registered and gone; she is a member of romeo's room and has written to him. */
async function stage(p: Play, client: ClientPhone) {
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_persistentroom': '1', 'muc#roomconfig_membersonly': '1' })
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org' nick='Juliet'/>`)
  const app = await p.online('juliet@bix.org/phone')
  await client.registers(p, app)
  await says(app, `<message to='romeo@bix.org' type='chat' id='j1'><body>who?</body></message>`)
  app.sends('</stream:stream>')
  await settle(p)
  return romeo
}

const inRoom = (text: string) =>
  `<message to='${ROOM}' type='groupchat' id='${text}'><body>${text}</body></message>`

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
