/**
 * Apps as they are: how each registers, and what its extension, service worker or receiver makes of a push. Sources are
 * named by repository and commit; a key that an app does not read is not looked at here either.
 */
import { createECDH, createHash } from 'node:crypto'
import { type ApnsRequest } from '../../src/push/apns/composer.ts'
import { type FcmMessage } from '../../src/push/fcm/message.ts'
import { type WebPayload } from '../../src/push/webpush/payload.ts'
import { systemRandom } from '../../src/store/clock.ts'
import { vapidPair } from '../../src/store/vapid-keys.ts'
import { child, childText } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import { openAesGcm } from './aes-gcm.ts'
import { commandOf, commandText, resultOf } from './commands.ts'
import { doorOf } from './door.ts'
import { ROOM } from './rooms.ts'
import type { Play } from './world.ts'
import { parse } from './xml.ts'

export interface Got {
  readonly apns?: ApnsRequest
  readonly fcm?: FcmMessage
  readonly web?: WebPayload
  /** XML of an envelope (XEP-0420). */
  readonly sce?: string
}

/** Chats that a person has silenced in the app. */
export interface Silenced {
  readonly contact?: 'never'
  readonly room?: 'never' | 'on-mention'
}

export interface ClientPhone {
  readonly name: string
  readonly registers: (p: Play, app: Actor) => Promise<unknown>
  /** The app's own way to tell its server, which holds for this phone alone; a chat that is left out rings. */
  readonly silences?: (p: Play, app: Actor, chats: Silenced) => Promise<unknown>
  /** A line of its screen. @throws where its code would end or show nonsense */
  readonly shows: (got: Got) => string
}

export const VOIP = 'fedcba9876543210'.repeat(4)
const TOKEN = '0123456789abcdef'.repeat(4)
const KEY = Buffer.from('0123456789abcdef')
const FCM_TOKEN = `dXnE${'a'.repeat(60)}:APA91b${'x_-Z'.repeat(30)}`
const ENDPOINT = 'https://updates.push.services.mozilla.com/wpush/v2/gAAA'
const OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options'

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))
const line = (who: unknown, speaker: unknown, text: unknown, badge: unknown): string => {
  const whom = speaker === undefined ? textOf(who) : `${textOf(who)} (${textOf(speaker)})`
  return `${whom}: ${textOf(text)}${badge === undefined ? '' : ` [${textOf(badge)}]`}`
}

const form = (fields: Record<string, string>) =>
  `<x xmlns='jabber:x:data' type='submit'>` +
  Object.entries(fields)
    .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
    .join('') +
  '</x>'

function appleOf({ apns }: Got): ApnsRequest {
  if (!apns) throw new Error('no push of Apple’s')
  return apns
}

/** Shown by iOS itself: no extension has run. */
function asSent({ payload: { aps } }: ApnsRequest): string {
  const { alert, badge } = aps
  if (alert === undefined) return badge === undefined ? 'nothing' : `number ${textOf(badge)}`
  const { title, subtitle, body } = alert as Record<string, unknown>
  return line(title, subtitle, body, badge)
}

/** iOS runs an extension for a number 1 and an alert that has a text; "1", true or a number alone do not do. */
const runsExtension = ({ payload: { aps } }: ApnsRequest): boolean =>
  aps['mutable-content'] === 1 && typeof aps.alert === 'object' && aps['content-available'] !== 1

const noCall = ({ pushType }: ApnsRequest): void => {
  if (pushType === 'voip') throw new Error('the app has no handler of calls that reads this')
}

/** robbiehanson/XMPPFramework: its apps have no extension and read nothing; the alert must be whole. */
const xmppFramework: ClientPhone = {
  name: 'XMPPFramework’s default app',
  registers: (_, app) =>
    app.asks(
      'set',
      `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='n'>${form({ FORM_TYPE: OPTIONS, token: TOKEN })}</enable>`,
    ),
  shows(got) {
    const request = appleOf(got)
    noCall(request)
    return asSent(request)
  },
}

async function registersDevice(app: Actor, provider: string, inner: string): Promise<void> {
  const values = { provider, 'device-token': TOKEN, 'device-second-token': VOIP }
  const answer = commandOf(await app.asks('set', commandText('register-device', {}, values), 'push.bix.org'))
  const [node = ''] = resultOf(answer, 'node')
  await app.asks(
    'set',
    `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${node}' away='true'>${inner}</enable>`,
  )
}

/** tigase/Martin, PushNotificationsModule.swift: said with each `enable`; a room that is left out of the list is silent. */
function tigaseFilters({ contact, room }: Silenced): string {
  const muted = contact ? `<muted xmlns='tigase:push:filter:muted:0'><item jid='romeo@bix.org'/></muted>` : ''
  const allowed = {
    always: `<room jid='${ROOM}' allow='always'/>`,
    'on-mention': `<room jid='${ROOM}' allow='mentioned' nick='Juliet'/>`,
    never: '',
  }[room ?? 'always']
  return `${muted}<groupchat xmlns='tigase:push:filter:groupchat:0'>${allowed}</groupchat>`
}

/** tigase/siskin-im d77818f, Shared/notifications/NotificationsManagerHelper.swift: forced unwraps end the extension. */
function unsealed(payload: Record<string, unknown>): Record<string, unknown> {
  const { encrypted, iv } = payload as { encrypted: string; iv: string }
  const text = openAesGcm(KEY, Buffer.from(iv, 'base64'), Buffer.from(encrypted, 'base64')).toString()
  const content = JSON.parse(text) as Record<string, unknown>
  const { unread, sender, type = 'unknown' } = content
  if (!Number.isInteger(unread) || typeof sender !== 'string')
    throw new Error('the extension decodes nothing')
  if (!['unknown', 'groupchat', 'chat', 'call'].includes(String(type)))
    throw new Error('the extension has ended')
  return content
}

const media = (words: unknown): string => {
  if (!Array.isArray(words) || words.length === 0) throw new Error('the handler takes it for an end')
  if (words.some((word) => word !== 'audio' && word !== 'video')) throw new Error('the app has ended')
  return words.join('+')
}

const SISKIN =
  `<encrypt xmlns='tigase:push:encrypt:0' alg='aes-128-gcm' max-size='2700'>${KEY.toString('base64')}</encrypt>` +
  `<jingle xmlns='tigase:push:jingle:0'/>`

/** NotificationService.swift: of its own roster the app has the names; without `message` it says "New message!". */
const siskin: ClientPhone = {
  name: 'Siskin',
  registers: (_, app) => registersDevice(app, 'tigase:messenger:apns:1', SISKIN),
  silences: (_, app, chats) => registersDevice(app, 'tigase:messenger:apns:1', SISKIN + tigaseFilters(chats)),
  shows(got) {
    const request = appleOf(got)
    const { pushType, payload } = request
    if (pushType === 'voip') {
      // voip/CallManager.swift: what is not sealed rings as "Unknown" and ends at once.
      const { sid, sender, media: words } = unsealed(payload)
      if (typeof sid !== 'string') throw new Error('a call from "Unknown"')
      return `ring ${textOf(sender)} ${media(words)}`
    }
    if (!runsExtension(request) || payload.account === undefined) return asSent(request)
    const { sender, nickname, message = 'New message!', unread } = unsealed(payload)
    return line(sender, nickname, message, unread)
  },
}

/** snikket-im/snikket-ios a939ea4, the same files; here without a key, so that it reads the plain keys. */
const snikket: ClientPhone = {
  name: 'Snikket',
  registers: (_, app) => registersDevice(app, 'snikket:apns:1', `<jingle xmlns='tigase:push:jingle:0'/>`),
  silences: (_, app, chats) =>
    registersDevice(app, 'snikket:apns:1', `<jingle xmlns='tigase:push:jingle:0'/>${tigaseFilters(chats)}`),
  shows(got) {
    const request = appleOf(got)
    noCall(request)
    const { payload } = request
    if (!runsExtension(request) || payload.account === undefined) return asSent(request)
    const { sender, nickname, body, 'unread-messages': unread } = payload
    if (typeof sender !== 'string' || typeof body !== 'string') return 'New message!'
    if (!Number.isInteger(unread)) throw new Error('the number is none')
    return line(sender, nickname, body, unread)
  },
}

/** monal-im/Monal 133bfd394, NotificationService.m: it reads nothing and fetches all; PushKit would hit its assert. */
const monal: ClientPhone = {
  name: 'Monal',
  registers: (_, app) =>
    app.asks(
      'set',
      `<enable xmlns='urn:xmpp:push:0' jid='eu.prod.push.monal-im.org' node='${TOKEN}'>${form({ FORM_TYPE: OPTIONS, pushModule: 'monalProdiOS' })}</enable>`,
    ),
  shows(got) {
    const request = appleOf(got)
    noCall(request)
    return runsExtension(request) ? 'fetches' : asSent(request)
  },
}

const ANDROID = 'android-7'
const OWN_NAME = createHash('sha1').update(`juliet@bix.org\0${ANDROID}`).digest('hex')

/** Conversations' PushMessageReceiver (forks of 2024 to 2026) and iNPUTmice/p2 8b83fd5: data alone, by the app's own name. */
const conversations: ClientPhone = {
  name: 'Conversations',
  async registers(_, app) {
    const values = { token: FCM_TOKEN, 'android-id': ANDROID }
    const answer = await app.asks(
      'set',
      commandText('register-push-fcm', { action: 'execute' }, values),
      'push.bix.org',
    )
    const [jid, node] = ['jid', 'node'].map((name) => resultOf(commandOf(answer), name)[0])
    await app.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='${jid}' node='${node}'/>`)
  },
  shows({ fcm }) {
    if (fcm?.data.account !== OWN_NAME) throw new Error('of none of its accounts')
    if (Object.hasOwn(fcm, 'notification')) throw new Error('Android shows it, and the app does not run')
    return `fetches ${(fcm.android as { priority: string }).priority}`
  },
}

const subscription = (bytes: 'base64' | 'base64url') => {
  const curve = createECDH('prime256v1')
  return { p256dh: curve.generateKeys().toString(bytes), auth: systemRandom.bytes(16).toString(bytes) }
}

/** A worker that shows what it is told; a browser shows a declarative push (WebKit) by the same fields. */
function inBrowser({ web }: Got): string {
  if (!web) return 'nothing'
  const { notification } = web as { notification?: Record<string, unknown> }
  if (!notification) throw new Error('a push that shows nothing costs the page its permission')
  const { title, body, navigate, tag, app_badge: badge } = notification
  if (web.web_push !== 8030 || !URL.canParse(String(navigate))) throw new Error('no declarative push')
  if (typeof tag !== 'string' || tag === '') throw new Error('nothing that takes its place')
  return line(title, undefined, body, badge)
}

/** processone/fluux-messenger, WebPush.ts: of chats its `body` knows no more than whether rooms ring at all. */
const fluux: ClientPhone = {
  name: 'Fluux',
  registers: (_, app) => registersP1(app, true),
  silences: (_, app, { room }) => registersP1(app, room !== 'never'),
  shows: inBrowser,
}

function registersP1(app: Actor, rooms: boolean): Promise<unknown> {
  const { p256dh, auth } = subscription('base64url')
  return app.asks(
    'set',
    `<push xmlns='p1:push'><body send='all' groupchat='${rooms}' from='name'/><offline>true</offline><notification>` +
      `<type>webpush</type><id>${ENDPOINT}#${p256dh}#${auth}</id></notification><appid>fluux</appid></push>`,
  )
}

const pwa: ClientPhone = {
  name: 'a PWA',
  async registers(p) {
    const wish = { kind: 'webpush', endpoint: ENDPOINT, ...subscription('base64url'), resource: 'phone' }
    const { status } = await doorOf(p)('POST', '/v1/me/devices', wish, 'juliet@bix.org')
    if (status !== 200) throw new Error(`the subscription was refused: ${status}`)
  },
  shows: inBrowser,
}

/** Borogove and the Snikket SDK: the sealed envelope holds a stanza, which is handled as if the stream had brought it. */
const borogove: ClientPhone = {
  name: 'Borogove',
  registers: (_, app) => registersPush2(app, {}),
  silences: (_, app, chats) => registersPush2(app, chats),
  shows({ sce }) {
    if (sce === undefined) return 'nothing'
    const content = child(parse(sce), 'content')
    const forwarded = content && child(content, 'forwarded', 'urn:xmpp:forward:0')
    const message = forwarded && child(forwarded, 'message', 'jabber:client')
    if (!message) throw new Error('no stanza')
    const { from = '', to, type } = message.attrs
    if (to !== 'juliet@bix.org') throw new Error('of none of its accounts')
    const propose = child(message, 'propose', 'urn:xmpp:jingle-message:0')
    if (propose) return `ring ${from} ${propose.attrs.id}`
    return line(from, type === 'groupchat' ? 'room' : undefined, childText(message, 'body') ?? '-', undefined)
  },
}

/** A filter without a child silences its chat. */
function registersPush2(app: Actor, { contact, room }: Silenced): Promise<unknown> {
  const filters =
    (contact ? `<filter jid='romeo@bix.org'/>` : '') +
    (room ? `<filter jid='${ROOM}'>${room === 'never' ? '' : '<mention/>'}</filter>` : '')
  const { p256dh, auth } = subscription('base64')
  const { privateKey } = vapidPair((n) => systemRandom.bytes(n))
  return app.asks(
    'set',
    `<enable xmlns='urn:xmpp:push2:0'><service>push.bix.org</service><client>${ENDPOINT}</client>` +
      `<match profile='urn:xmpp:push2:match:important'>${filters}<send xmlns='urn:xmpp:push2:send:sce+rfc8291+rfc8292:0'>` +
      `<ua-public>${p256dh}</ua-public><auth-secret>${auth}</auth-secret><jwt-alg>ES256</jwt-alg>` +
      `<jwt-key>${privateKey}</jwt-key></send></match></enable>`,
    'juliet@bix.org',
  )
}

export const CLIENTS = { xmppFramework, siskin, snikket, monal, conversations, fluux, pwa, borogove }
