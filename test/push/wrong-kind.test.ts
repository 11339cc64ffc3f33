/** A token of another kind than it says is refused at every door, by name, and nothing is registered. */
import { expect, test } from 'bun:test'
import { createECDH } from 'node:crypto'
import type { Element } from '../../src/xmpp/xml.ts'
import { child } from '../../src/xmpp/xml.ts'
import { commandText } from '../support/commands.ts'
import { CLIENTS_TOML } from '../support/client-screen.ts'
import { doorOf } from '../support/door.ts'
import { type Play, play } from '../support/world.ts'

const APPLE = '0123456789abcdef'.repeat(4)
const GOOGLE = `dXnE${'a'.repeat(18)}:APA91b${'x_-Z'.repeat(30)}`
const ENDPOINT = 'https://updates.push.services.mozilla.com/wpush/v2/gAAA'
const P256DH = createECDH('prime256v1').generateKeys('base64url')
const AUTH = Buffer.alloc(16, 7).toString('base64url')

const none = (p: Play) => {
  const juliet = p.store.accounts.find('juliet@bix.org')
  expect(juliet && p.store.push.devices.of(juliet.id)).toEqual([])
}

const web = (endpoint: string, p256dh = P256DH, auth = AUTH) => ({ kind: 'webpush', endpoint, p256dh, auth })
const POSTS: [what: string, device: object, field: string][] = [
  ['Google’s as Apple’s', { token: GOOGLE }, 'token'],
  ['an endpoint as Apple’s', { token: ENDPOINT }, 'token'],
  ['a bare number as Apple’s', { token: '12345678' }, 'token'],
  ['Google’s as PushKit’s', { token: APPLE, voip_token: GOOGLE }, 'voip_token'],
  ['an endpoint as Google’s', { kind: 'fcm', token: ENDPOINT }, 'token'],
  ['nothing as Google’s', { kind: 'fcm', token: 'a b' }, 'token'],
  ['Apple’s as an endpoint', web(APPLE), 'endpoint'],
  ['Google’s as an endpoint', web(GOOGLE), 'endpoint'],
  ['an endpoint in the clear', web('http://push.example/x'), 'endpoint'],
  ['another scheme', web('file:///etc/passwd'), 'endpoint'],
  ['the secret as the key', web(ENDPOINT, AUTH), 'p256dh'],
  ['the key as the secret', web(ENDPOINT, P256DH, P256DH), 'auth'],
]

test.each(POSTS)('by HTTP: %s', async (_, device, field) => {
  using p = play({ toml: CLIENTS_TOML })
  await p.bound('juliet@bix.org/phone')
  const { status, body } = await doorOf(p)('POST', '/v1/me/devices', device, 'juliet@bix.org')
  expect([status, (body.errors as { field: string }[] | undefined)?.[0]?.field]).toEqual([422, field])
  none(p)
})

const why = (answer: Element): string => {
  const error = child(answer, 'error')
  const text = error && child(error, 'text', 'urn:ietf:params:xml:ns:xmpp-stanzas')
  return text?.getText() ?? ''
}
const options = (fields: Record<string, string>) =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/pubsub#publish-options</value></field>` +
  Object.entries(fields)
    .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
    .join('') +
  '</x>'
const enable = (node: string, inner = '', more = '') =>
  `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${node}'${more}>${inner}</enable>`
const p1 = (type: string, id: string) =>
  `<push xmlns='p1:push'><notification><type>${type}</type><id>${id}</id></notification></push>`

const STANZAS: [what: string, stanza: string, to: string | undefined, field: string][] = [
  ['Google’s in the options of enable', enable('n', options({ token: GOOGLE })), undefined, 'token'],
  [
    'an endpoint for service=fcm',
    enable('n', options({ service: 'fcm', device_id: ENDPOINT })),
    undefined,
    'device_id',
  ],
  [
    'Google’s for service=apns',
    enable('n', options({ service: 'apns', device_id: GOOGLE })),
    undefined,
    'device_id',
  ],
  ['Google’s in p1:push for Apple', p1('applepush', GOOGLE), undefined, 'id'],
  ['Apple’s in p1:push for a browser', p1('webpush', `${APPLE}#${P256DH}#${AUTH}`), undefined, 'id'],
  [
    'Apple’s by register-push-fcm',
    commandText('register-push-fcm', { action: 'execute' }, { token: 'no token', 'android-id': 'a' }),
    'push.bix.org',
    'token',
  ],
  [
    'Google’s by register-device',
    commandText('register-device', {}, { provider: 'tigase:messenger:apns:1', 'device-token': GOOGLE }),
    'push.bix.org',
    'device-token',
  ],
]

test.each(STANZAS)('by XMPP: %s', async (_, stanza, to, field) => {
  using p = play({ toml: CLIENTS_TOML })
  const juliet = await p.bound('juliet@bix.org/phone')
  const answer = await juliet.asks('set', stanza, to)
  expect(answer.attrs.type).toBe('error')
  expect(why(answer)).toStartWith(`${field}: `)
  none(p)
})
