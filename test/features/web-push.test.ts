/** Phones that are not Apple's register, each in its own dialect. */
import { createECDH, createHash } from 'node:crypto'
import { describe, expect, test } from 'bun:test'
import { systemRandom } from '../../src/store/clock.ts'
import { vapidPair } from '../../src/store/vapid-keys.ts'
import { child, children } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { play } from '../support/world.ts'

const WEB = '[push]\nsimulator = true\n[push.webpush]\ncontact = "mailto:admin@bix.org"\n'
const FCM =
  WEB +
  '[[push.fcm]]\ntopic = "org.bix.android"\nservice_account_file = "firebase.json"\naliases = ["p2.siacs.eu"]\n'
const ENDPOINT = 'https://updates.push.services.mozilla.com/wpush/v2/gAAA#BBB'.replace('#', '-')
const TOKEN = `dXnE${'a'.repeat(60)}:APA91b${'x_-Z'.repeat(30)}`

function keys() {
  const curve = createECDH('prime256v1')
  return { p256dh: curve.generateKeys(), auth: systemRandom.bytes(16) }
}

function devices(p: ReturnType<typeof play>, jid = 'juliet@bix.org') {
  const account = p.store.accounts.find(jid)
  return account ? p.store.push.devices.of(account.id) : []
}

async function why(actor: Actor, payload: string): Promise<string> {
  const answer = await actor.asks('set', payload)
  const error = child(answer, 'error')
  return (
    (error && child(error, 'text', 'urn:ietf:params:xml:ns:xmpp-stanzas')?.getText()) ?? answer.toString()
  )
}

describe('p1:push with the type webpush, as Fluux Messenger sends it', () => {
  const push = (id: string) =>
    `<push xmlns='p1:push'><body send='all' groupchat='true' from='name'/><offline>true</offline>` +
    `<notification><type>webpush</type><id>${id}</id></notification><appid>fluux</appid></push>`
  const disable = (id: string) =>
    `<disable xmlns='p1:push'><appid>fluux</appid><notification><type>webpush</type><id>${id}</id></notification></disable>`

  test('the key is asked for, the subscription registered with it, and ended', async () => {
    using p = play({ toml: WEB })
    const juliet = await p.bound('juliet@bix.org/web')
    const answer = await juliet.asks('get', `<services xmlns='p1:push:webpush'/>`)
    const services = child(answer, 'services', 'p1:push:webpush')
    const vapid = services && children(services, 'service')[0]?.attrs.vapid
    expect(vapid).toBe(p.store.vapidKeys.all()[0]?.publicKey ?? 'none')
    const { p256dh, auth } = keys()
    const id = `${ENDPOINT}#${p256dh.toString('base64url')}#${auth.toString('base64url')}`
    expect((await juliet.asks('set', push(id))).attrs.type).toBe('result')
    expect(devices(p)).toMatchObject([
      {
        kind: 'webpush',
        address: ENDPOINT,
        sessionKey: 'web',
        options: {
          web: { p256dh: p256dh.toString('base64url'), auth: auth.toString('base64url'), vapid },
        },
      },
    ])
    expect((await juliet.asks('set', disable(id))).attrs.type).toBe('result')
    expect(devices(p)).toEqual([])
  })

  test('plain base64 does as well, and a key that is rotated leaves older subscriptions theirs', async () => {
    using p = play({ toml: WEB })
    const juliet = await p.bound('juliet@bix.org/web')
    const { p256dh, auth } = keys()
    const id = `${ENDPOINT}#${p256dh.toString('base64')}#${auth.toString('base64')}`
    await juliet.asks('set', push(id))
    const first = devices(p)[0]?.options.web?.vapid
    await p.router.run((t) => t.store.vapidKeys.rotate(t.now))
    await juliet.asks('set', push(id))
    expect(devices(p)[0]?.options.web?.vapid).toBe(first as string)
    await juliet.asks('set', push(id.replace('gAAA', 'other')))
    const made = p.store.vapidKeys.all().at(-1)?.publicKey
    expect(devices(p).map(({ options }) => options.web?.vapid)).toEqual([first, made])
  })

  test('what is none is refused by the name of the field', async () => {
    using p = play({ toml: WEB })
    const juliet = await p.bound('juliet@bix.org/web')
    const { p256dh, auth } = keys()
    const [good, secret] = [p256dh.toString('base64url'), auth.toString('base64url')]
    const off = Buffer.from(p256dh)
    off[10] = (off[10] ?? 0) ^ 1
    for (const id of [
      'https://push.example/x',
      `http://push.example/x#${good}#${secret}`,
      `https://push.example/x#${off.toString('base64url')}#${secret}`,
      `https://push.example/x#${good}#${secret}AA`,
      `https://u:p@push.example/x#${good}#${secret}`,
    ])
      expect(await why(juliet, push(id)), id).toStartWith('id: ')
    expect(devices(p)).toEqual([])
  })
})

describe('Push 2.0, as Borogove’s SDK sends it', () => {
  const own = vapidPair((n) => systemRandom.bytes(n))
  const { p256dh, auth } = keys()
  const enable = (inner = '', service = 'push.bix.org', key = own.privateKey) =>
    `<enable xmlns='urn:xmpp:push2:0'><service>${service}</service><client>${ENDPOINT}</client>` +
    `<match profile='urn:xmpp:push2:match:important'>${inner}` +
    `<send xmlns='urn:xmpp:push2:send:sce+rfc8291+rfc8292:0'><ua-public>${p256dh.toString('base64')}</ua-public>` +
    `<auth-secret>${auth.toString('base64')}</auth-secret><jwt-alg>ES256</jwt-alg><jwt-key>${key}</jwt-key>` +
    `<jwt-claim name='aud'>updates.push.services.mozilla.com</jwt-claim><jwt-claim name='sub'>mailto:a@bix.org</jwt-claim>` +
    `</send></match></enable>`

  test('registers with the app’s own key, its grace and its filters, and ends', async () => {
    using p = play({ toml: WEB })
    const juliet = await p.bound('juliet@bix.org/phone')
    const filters = `<grace>20</grace><filter jid='loud@bix.org'/><filter jid='room@muc.bix.org'><mention/><reply/></filter>`
    expect((await juliet.asks('set', enable(filters), 'juliet@bix.org')).attrs.type).toBe('result')
    expect(devices(p)).toMatchObject([
      {
        kind: 'webpush',
        address: ENDPOINT,
        sessionKey: 'phone',
        options: {
          web: { vapid: own.publicKey, own: { claims: { sub: 'mailto:a@bix.org' } }, format: 'sce' },
          grace: 20_000,
          muted: ['loud@bix.org'],
          mentions: ['room@muc.bix.org'],
        },
      },
    ])
    expect((await juliet.asks('set', `<disable xmlns='urn:xmpp:push2:0'/>`)).attrs.type).toBe('result')
    expect(devices(p)).toEqual([])
  })

  test('another service, a key that is none, and what cannot be sent are refused', async () => {
    using p = play({ toml: WEB })
    const juliet = await p.bound('juliet@bix.org/phone')
    expect(await why(juliet, enable('', 'push.snikket.example'))).toStartWith('service: ')
    expect(await why(juliet, enable('', 'push.bix.org', 'bm90IGEga2V5'))).toStartWith('jwt-key: ')
    expect(await why(juliet, enable('<grace>soon</grace>'))).toStartWith('grace: ')
    expect(await why(juliet, enable().replaceAll('sce+rfc8291+rfc8292', 'notify-only'))).toStartWith('send: ')
    expect(devices(p)).toEqual([])
  })
})

describe('Google’s FCM', () => {
  const command = (node: string, fields: Record<string, string>) =>
    `<command xmlns='http://jabber.org/protocol/commands' node='${node}' action='execute'>` +
    `<x xmlns='jabber:x:data' type='submit'>` +
    Object.entries(fields)
      .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
      .join('') +
    '</x></command>'
  const name = createHash('sha1').update('juliet@bix.org\0android-7').digest('hex')

  test('Conversations: register-push-fcm, then its enable; the device keeps the app’s name of the account', async () => {
    using p = play({ toml: FCM })
    const juliet = await p.bound('juliet@bix.org/phone')
    const answer = await juliet.asks(
      'set',
      command('register-push-fcm', { token: TOKEN, 'android-id': 'android-7' }),
      'push.bix.org',
    )
    const x = child(
      child(answer, 'command', 'http://jabber.org/protocol/commands') ?? answer,
      'x',
      'jabber:x:data',
    )
    const values = new Map(
      children(x ?? answer, 'field').map((field) => [field.attrs.var, child(field, 'value')?.getText()]),
    )
    for (const field of ['jid', 'node', 'secret']) expect(values.get(field)).toBeTruthy()
    const expected = {
      kind: 'fcm',
      topic: 'org.bix.android',
      address: TOKEN,
      options: { accountName: name },
    }
    expect(devices(p)).toMatchObject([expected])
    await juliet.asks(
      'set',
      `<enable xmlns='urn:xmpp:push:0' jid='${values.get('jid')}' node='${values.get('node')}'/>`,
    )
    expect(devices(p)).toMatchObject([expected])
    await juliet.asks('set', command('unregister-push-fcm', { 'device-id': 'android-7' }), 'push.bix.org')
    expect(devices(p)).toEqual([])
  })

  test('MongooseIM’s service=fcm; a token of the wrong kind is refused', async () => {
    using p = play({ toml: FCM })
    const juliet = await p.bound('juliet@bix.org/phone')
    const enable = (service: string, token: string) =>
      `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='n'><x xmlns='jabber:x:data' type='submit'>` +
      `<field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
      `<field var='service'><value>${service}</value></field><field var='device_id'><value>${token}</value></field></x></enable>`
    await juliet.asks('set', enable('fcm', TOKEN))
    expect(devices(p)).toMatchObject([{ kind: 'fcm', address: TOKEN }])
    expect(await why(juliet, enable('fcm', 'no token'))).toStartWith('device_id: ')
    expect(await why(juliet, enable('apns', TOKEN))).toStartWith('device_id: ')
    expect(await why(juliet, enable('hms', TOKEN))).toStartWith('service: ')
  })

  test('where none is configured nothing of it is offered', async () => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/phone')
    const answer = await juliet.asks('set', command('register-push-fcm', { token: TOKEN }), 'push.bix.org')
    expect(answer.attrs.type).toBe('error')
    const disco = await juliet.asks(
      'get',
      `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
      'bix.org',
    )
    expect(disco.toString()).not.toContain('webpush')
  })
})
