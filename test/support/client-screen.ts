/** An app's screen at the end of the real road: from the row of a push to the line that the app's own code shows. */
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
import type { Actor } from './actor.ts'
import type { ClientPhone, Got } from './client-phones.ts'
import { says, settle } from './phones.ts'
import { changes, configures, inside, ROOM } from './rooms.ts'
import type { Play } from './world.ts'

/** An app of each kind, whose pushes have the texts and whose notices can be taken back. */
export const CLIENTS_TOML =
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
export function screenOf(p: Play, client: ClientPhone) {
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

/** Juliet's app is registered, has said what it wants and is gone; she is a member of romeo's room and has written to him. */
export async function stage(p: Play, client: ClientPhone, before?: (app: Actor) => Promise<unknown>) {
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await configures(romeo, { 'muc#roomconfig_persistentroom': '1', 'muc#roomconfig_membersonly': '1' })
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org' nick='Juliet'/>`)
  const app = await p.online('juliet@bix.org/phone')
  await client.registers(p, app)
  await before?.(app)
  await says(app, `<message to='romeo@bix.org' type='chat' id='j1'><body>who?</body></message>`)
  app.sends('</stream:stream>')
  await settle(p)
  return romeo
}

export const inRoom = (text: string) =>
  `<message to='${ROOM}' type='groupchat' id='${text}'><body>${text}</body></message>`
