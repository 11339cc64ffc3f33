/**
 * Registration as apps send it. Each fixture has the element and attribute order of the client's own code, named by
 * repository, commit, file and line.
 */
import { describe, expect, test } from 'bun:test'
import type { Device } from '../../src/store/devices.ts'
import { child, children, childText } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { commandOf, commandText, resultOf } from '../support/commands.ts'
import { play, type Play } from '../support/world.ts'

const TOKEN = '0123456789abcdef'.repeat(4)
const OTHER = 'fedcba9876543210'.repeat(4)
const OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options'
const INFO = 'http://jabber.org/protocol/disco#info'
const KEY = 'MDEyMzQ1Njc4OWFiY2RlZg=='

const key = `team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"\n`
const APP = `[push]\n[[push.apps]]\ntopic = "org.bix.chat"\n${key}`

const field = (name: string, value: string, type = '') =>
  `<field var='${name}'${type}><value>${value}</value></field>`

/** robbiehanson/XMPPFramework 7d4dd1f, Extensions/XEP-0357/XMPPIQ+XEP_0357.m:27–47: FORM_TYPE without a type. */
const xmppFramework = (jid: string, node: string, options: Record<string, string>) =>
  `<enable xmlns='urn:xmpp:push:0' jid='${jid}' node='${node}'><x xmlns='jabber:x:data' type='submit'>` +
  [['FORM_TYPE', OPTIONS], ...Object.entries(options)]
    .map(([name = '', value = '']) => field(name, value))
    .join('') +
  '</x></enable>'

/** monal-im/Monal 133bfd3, Monal/Classes/XMPPIQ.m:88–95 and XMPPDataForm.m:40,105. */
const monal = (pushModule: string) =>
  `<enable xmlns='urn:xmpp:push:0' jid='eu.prod.push.monal-im.org' node='${TOKEN}'>` +
  `<x xmlns='jabber:x:data' type='submit'><field type='hidden' var='FORM_TYPE'><value>${OPTIONS}</value></field>` +
  `${field('pushModule', pushModule)}</x></enable>`

/** tigase/Martin 95b99af, TigasePushNotificationsModule.swift:40–47, DataForm.swift:187–189, AdHocCommandsModule.swift. */
const martinCommand = (node: string, values: Record<string, string>) =>
  `<command xmlns='http://jabber.org/protocol/commands' node='${node}'><x xmlns='jabber:x:data' type='submit'>` +
  Object.entries(values)
    .map(([name, value]) => field(name, value, " type='text-single'"))
    .join('') +
  '</x></command>'

/**
 * tigase/Martin 95b99af, PushNotificationsModule.swift:97–109 with the extensions of TigasePushNotificationsModule.swift
 * (185, 201, 217–230, 247, 266, 280, 293), in the order of tigase/siskin-im d77818f, SiskinPushNotificationsModule.swift:109–147.
 */
const siskin = (jid: string, node: string, inner: string, away = true) =>
  `<enable xmlns='urn:xmpp:push:0' jid='${jid}' node='${node}'${away ? " away='true'" : ''}>${inner}</enable>`
const IGNORE = `<ignore-unknown xmlns='tigase:push:filter:ignore-unknown:0'/>`
const ROOMS =
  `<groupchat xmlns='tigase:push:filter:groupchat:0'><room jid='garden@conference.bix.org' allow='always'/>` +
  `<room jid='Hall@conference.bix.org' allow='mentioned' nick='Juliet'/></groupchat>`
const MUTED = `<muted xmlns='tigase:push:filter:muted:0'><item jid='nurse@bix.org'/></muted>`
const PRIORITY = `<priority xmlns='tigase:push:priority:0'/>`
const ENCRYPT = `<encrypt xmlns='tigase:push:encrypt:0' alg='aes-128-gcm' max-size='2700'>${KEY}</encrypt>`
const JINGLE = `<jingle xmlns='tigase:push:jingle:0'/>`

function devices(p: Play, jid = 'juliet@bix.org'): readonly Device[] {
  const account = p.store.accounts.find(jid)
  return account ? p.store.push.devices.of(account.id) : []
}

async function why(actor: Actor, payload: string, condition = 'bad-request', to?: string): Promise<string> {
  const error = child(await actor.isRefused(condition, 'set', payload, to), 'error')
  return (error && childText(error, 'text', 'urn:ietf:params:xml:ns:xmpp-stanzas')) ?? ''
}

async function juliet(toml = ''): Promise<{ p: Play; phone: Actor }> {
  const p = play({ toml })
  return { p, phone: await p.bound('juliet@bix.org/phone') }
}

async function isDone(actor: Actor, payload: string, to?: string): Promise<void> {
  expect((await actor.asks('set', payload, to)).attrs.type).toBe('result')
}

describe('XEP-0357 §5: enable', () => {
  test('ChatSecure: token and endpoint in the form, an alias as the service', async () => {
    // ChatSecure/ChatSecure-iOS 38d6abb, OTRXMPPManager.m:1142–1152 over XMPPFramework's form.
    const { p, phone } = await juliet(`${APP}aliases = ["pubsub.chatsecure.org"]\n`)
    using _ = p
    const form = { token: TOKEN, endpoint: 'https://push.chatsecure.org/api/v1/messages/' }
    const node = '9B3BCB2E-7E9A-4A5C-8D7B-1A4A0E4D5F10'
    for (let i = 0; i < 2; i++) await isDone(phone, xmppFramework('pubsub.chatsecure.org', node, form))
    expect(devices(p)).toMatchObject([
      { address: TOKEN, node, service: 'pubsub.chatsecure.org', topic: 'org.bix.chat', options: {} },
    ])
  })

  test('MongooseIM: what the form says of the push is kept', async () => {
    // esl/MongooseIM 475087c, doc/tutorials/push-notifications/Push-notifications-client-side.md:98–109, 118–141.
    const { p, phone } = await juliet(APP)
    using _ = p
    const form = {
      service: 'apns',
      device_id: TOKEN,
      silent: 'false',
      topic: 'org.bix.chat',
      priority: 'normal',
      mode: 'dev',
      click_action: 'CHAT',
      sound: 'bell.caf',
      mutable_content: 'true',
    }
    await isDone(phone, xmppFramework('push.bix.org', 'my_private_iphone', form))
    expect(devices(p)).toMatchObject([{ address: TOKEN, environment: 'sandbox', environmentPinned: true }])
    expect(devices(p)[0]?.options).toEqual({
      importance: 'normal',
      category: 'CHAT',
      sound: 'bell.caf',
      mutableContent: true,
    })
    await isDone(
      phone,
      xmppFramework('push.bix.org', 'n', { service: 'apns', device_id: TOKEN, silent: 'true' }),
    )
    expect(devices(p)[0]?.options).toEqual({ silent: true })
    const bad = (more: Record<string, string>) =>
      why(phone, xmppFramework('push.bix.org', 'n', { device_id: TOKEN, ...more }))
    expect(await bad({ service: 'hms' })).toStartWith('service:')
    expect(await bad({ sound: 'x'.repeat(101) })).toStartWith('sound:')
    expect(await bad({ click_action: 'x'.repeat(101) })).toStartWith('click_action:')
  })

  test('Monal: the node is the token, the module’s name says which of Apple’s services', async () => {
    const { p, phone } = await juliet(`${APP}aliases = ["eu.prod.push.monal-im.org"]\n`)
    using _ = p
    for (const [name, environment] of [
      ['monalProdiOS', 'production'],
      ['monalProdiOS-sandbox', 'sandbox'],
    ] as const) {
      await isDone(phone, monal(name))
      expect(devices(p)).toMatchObject([
        {
          address: TOKEN,
          node: TOKEN,
          environment,
          environmentPinned: true,
          options: { mutableContent: true },
        },
      ])
    }
    // XMPPIQ.m:98–104
    await isDone(phone, `<disable xmlns='urn:xmpp:push:0' jid='eu.prod.push.monal-im.org' node='${TOKEN}'/>`)
    expect(devices(p)).toEqual([])
  })

  test('a token for calls in the form is kept, and one that is none refused', async () => {
    const { p, phone } = await juliet()
    using _ = p
    await isDone(phone, xmppFramework('push.bix.org', 'n', { token: TOKEN, voip_token: OTHER.toUpperCase() }))
    // Without a word about it, it stays.
    await isDone(phone, xmppFramework('push.bix.org', 'n', { token: TOKEN }))
    expect(devices(p)).toMatchObject([{ address: TOKEN, callAddress: OTHER }])
    const bad = xmppFramework('push.bix.org', 'n', { token: TOKEN, voip_token: 'xyz' })
    expect(await why(phone, bad)).toStartWith('voip_token:')
  })
})

describe('XEP-0357 §5: the same service and node with another token', () => {
  const enabled = (token: string, node = 'E0B1') => xmppFramework('push.bix.org', node, { token })

  test('is the same app, whose token has changed: the older one is rung no more', async () => {
    using p = play()
    const phone = await p.online('juliet@bix.org/phone')
    await phone.asks('set', enabled(TOKEN))
    await phone.asks('set', enabled(OTHER))
    expect(devices(p)).toMatchObject([{ address: OTHER, node: 'E0B1' }])
  })

  test('what its person has wished for the phone goes on', async () => {
    using p = play()
    const phone = await p.online('juliet@bix.org/phone')
    await phone.asks('set', enabled(TOKEN))
    const wishes = { muted: { until: null }, through: ['calls'] as const }
    await p.router.run((t) => {
      const [device] = devices(p)
      if (device) t.store.push.devices.setOptions(device, { ...device.options, wishes })
    })
    await phone.asks('set', enabled(OTHER))
    expect(devices(p)).toMatchObject([{ address: OTHER, options: { wishes } }])
  })

  test('but not where the node is another, or another app gave the same one', async () => {
    using p = play()
    const phone = await p.online('juliet@bix.org/phone')
    const pad = await p.online('juliet@bix.org/pad')
    await phone.asks('set', enabled(TOKEN))
    await phone.asks('set', enabled(OTHER, 'E0B2'))
    await pad.asks('set', enabled('ee'.repeat(32)))
    expect(devices(p)).toHaveLength(3)
  })
})

describe('Siskin and Snikket', () => {
  /** As the app does: finds the service, registers, enables what it was given. */
  async function registers(phone: Actor, second = true): Promise<{ jid: string; node: string }> {
    // findPushComponent, TigasePushNotificationsModule.swift:72–112
    const items = child(
      await phone.asks('get', `<query xmlns='http://jabber.org/protocol/disco#items'/>`, 'bix.org'),
      'query',
      'http://jabber.org/protocol/disco#items',
    )
    const item = items && children(items, 'item').find(({ attrs }) => attrs.node === 'push')
    const jid = item?.attrs.jid ?? ''
    const info = child(
      await phone.asks('get', `<query xmlns='http://jabber.org/protocol/disco#info' node='push'/>`, jid),
      'query',
      INFO,
    )
    const identity = info && child(info, 'identity')
    expect(identity?.attrs).toMatchObject({ category: 'pubsub', type: 'push' })
    const features = info ? children(info, 'feature').map(({ attrs }) => attrs.var) : []
    for (const name of ['urn:xmpp:push:0', 'tigase:messenger:apns:1']) expect(features).toContain(name)
    const values = {
      provider: 'tigase:messenger:apns:1',
      'device-token': TOKEN,
      ...(second ? { 'device-second-token': OTHER } : {}),
    }
    const answer = commandOf(await phone.asks('set', martinCommand('register-device', values), jid))
    expect(answer.attrs.status).toBe('completed')
    expect(resultOf(answer, 'features')).toContain('tigase:push:encrypt:0')
    expect(Number(resultOf(answer, 'max-payload-size')[0])).toBeGreaterThan(1000)
    const [node = ''] = resultOf(answer, 'node')
    return { jid, node }
  }

  test('the account advertises what the app then makes use of', async () => {
    const { p, phone } = await juliet()
    using _ = p
    const answer = await phone.asks(
      'get',
      `<query xmlns='http://jabber.org/protocol/disco#info'/>`,
      'juliet@bix.org',
    )
    const query = child(answer, 'query', INFO)
    const features = query ? children(query, 'feature').map(({ attrs }) => attrs.var) : []
    for (const name of [
      'filter:ignore-unknown:0',
      'filter:groupchat:0',
      'filter:muted:0',
      'priority:0',
      'encrypt:0',
    ])
      expect(features).toContain(`tigase:push:${name}`)
    for (const name of ['encrypt:aes-128-gcm', 'jingle:0', 'away:0'])
      expect(features).toContain(`tigase:push:${name}`)
  })

  test('nothing rings before the node is enabled; then all that was asked for is kept', async () => {
    const { p, phone } = await juliet()
    using _ = p
    const { jid, node } = await registers(phone)
    expect(devices(p)).toEqual([])
    const all = siskin(jid, node, IGNORE + ROOMS + MUTED + PRIORITY + ENCRYPT + JINGLE)
    for (let i = 0; i < 2; i++) await isDone(phone, all)
    expect(devices(p)).toMatchObject([{ address: TOKEN, callAddress: OTHER, node, service: 'bix.org' }])
    expect(devices(p)[0]?.options).toEqual({
      dialect: 'tigase',
      away: true,
      byContent: true,
      calls: true,
      ignoreUnknown: true,
      muted: ['nurse@bix.org'],
      rooms: [
        { jid: 'garden@conference.bix.org', allow: 'always' },
        { jid: 'hall@conference.bix.org', allow: 'mentioned', nick: 'Juliet' },
      ],
      encryption: { scheme: 'aes-128-gcm', key: KEY, maxSize: 2700 },
    })
    // The settings have changed: the new ones are whole.
    await isDone(phone, siskin(jid, node, PRIORITY, false))
    expect(devices(p)[0]?.options).toEqual({ dialect: 'tigase', byContent: true })
    // TigasePushNotificationsModule.swift:57–70
    const gone = martinCommand('unregister-device', {
      provider: 'tigase:messenger:apns:1',
      'device-token': TOKEN,
    })
    await isDone(phone, gone, jid)
    expect(devices(p)).toEqual([])
    // It never registers again by itself: the node alone brings everything back.
    await isDone(phone, all)
    expect(devices(p)).toMatchObject([{ address: TOKEN, callAddress: OTHER }])
  })

  test('of several apps the provider tells which', async () => {
    const app = (topic: string, provider: string) =>
      `[[push.apps]]\ntopic = "${topic}"\nproviders = ["${provider}"]\n${key}`
    const { p, phone } = await juliet(
      `[push]\n${app('org.bix.chat', 'other:1')}${app('org.bix.siskin', 'tigase:messenger:apns:1')}`,
    )
    using _ = p
    const { jid, node } = await registers(phone, false)
    await isDone(phone, siskin(jid, node, PRIORITY))
    expect(devices(p)).toMatchObject([{ address: TOKEN, callAddress: null, topic: 'org.bix.siskin' }])
  })

  test('what cannot be meant is refused and named', async () => {
    const { p, phone } = await juliet('[limits]\nrates = false\ndevice_filters = 3\n')
    using _ = p
    const bad = (inner: string) => why(phone, siskin('bix.org', TOKEN, inner))
    expect(await bad(ENCRYPT.replace('aes-128-gcm', 'rot13'))).toStartWith('encrypt:')
    expect(await bad(ENCRYPT.replace(KEY, 'AAAA'))).toStartWith('encrypt:')
    expect(await bad(ENCRYPT.replace('2700', '-1'))).toStartWith('encrypt:')
    expect(await bad(MUTED.replace('nurse@bix.org', '@@'))).toStartWith('muted:')
    expect(await bad(ROOMS.replace('always', 'sometimes'))).toStartWith('groupchat:')
    expect(await bad(ROOMS.replace(` nick='Juliet'`, ''))).toStartWith('groupchat:')
    const many = MUTED.replace('</muted>', `<item jid='a@b'/><item jid='c@d'/></muted>`) + ROOMS
    await phone.isRefused('policy-violation', 'set', siskin('bix.org', TOKEN, many))
    expect(devices(p)).toEqual([])
    const command = (values: Record<string, string>) =>
      why(phone, martinCommand('register-device', values), 'bad-request', 'bix.org')
    expect(await command({ provider: 'x' })).toStartWith('device-token:')
    expect(await command({ 'device-token': 'xyz' })).toStartWith('device-token:')
    expect(await command({ 'device-token': TOKEN, 'device-second-token': '0' })).toStartWith(
      'device-second-token:',
    )
  })
})

describe('register-push-apns', () => {
  // iNPUTmice/p2 8b83fd5, PushController.java:98–200: token and device-id in, jid, node and secret out.
  const register = (values: Record<string, string>) =>
    commandText('register-push-apns', { action: 'execute' }, values)
  const unregister = (values: Record<string, string>) =>
    commandText('unregister-push-apns', { action: 'execute' }, values)

  test('registers at once; enabling what it gave is the same registration', async () => {
    const { p, phone } = await juliet()
    using _ = p
    const answer = commandOf(
      await phone.asks('set', register({ token: TOKEN, 'device-id': 'my phone' }), 'bix.org'),
    )
    expect(devices(p)).toMatchObject([{ address: TOKEN, service: 'bix.org' }])
    const [jid = ''] = resultOf(answer, 'jid')
    const [node = ''] = resultOf(answer, 'node')
    const [secret = ''] = resultOf(answer, 'secret')
    expect(secret).not.toBe('')
    await isDone(phone, xmppFramework(jid, node, { secret }))
    expect(devices(p)).toMatchObject([{ address: TOKEN, node }])
    await phone.isRefused('item-not-found', 'set', unregister({ 'device-id': 'another' }), 'bix.org')
    await isDone(phone, unregister({ 'device-id': 'my phone' }), 'bix.org')
    expect(devices(p)).toEqual([])
  })

  test('push.<host> answers as the host does, and nothing that is the host’s own business', async () => {
    const { p, phone } = await juliet()
    using _ = p
    const disco = (what: string, node = '') =>
      `<query xmlns='http://jabber.org/protocol/disco#${what}'${node === '' ? '' : ` node='${node}'`}/>`
    for (const payload of [disco('info'), disco('items', 'http://jabber.org/protocol/commands')]) {
      const [service, host] = await Promise.all([
        phone.asks('get', payload, 'push.bix.org'),
        phone.asks('get', payload, 'bix.org'),
      ])
      expect(service.attrs).toMatchObject({ type: 'result', from: 'push.bix.org' })
      expect(service.children.join('').replaceAll(`jid="push.bix.org"`, `jid="bix.org"`)).toBe(
        host.children.join(''),
      )
    }
    const first = commandOf(await phone.asks('set', commandText('register-push-apns'), 'push.bix.org'))
    const { sessionid = '' } = first.attrs
    const answer = await phone.asks(
      'set',
      commandText('register-push-apns', { sessionid }, { token: TOKEN }),
      'push.bix.org',
    )
    expect(resultOf(commandOf(answer), 'jid')).toEqual(['push.bix.org'])
    expect(devices(p)).toMatchObject([{ address: TOKEN, service: 'push.bix.org' }])
    await phone.isRefused('service-unavailable', 'get', `<query xmlns='jabber:iq:register'/>`, 'push.bix.org')
    await phone.isRefused('service-unavailable', 'get', disco('info'), 'push.bix.org/x')
    await phone.isRefused('service-unavailable', 'get', disco('info'), 'juliet@push.bix.org')
    await phone.isRefused('remote-server-not-found', 'get', disco('info'), 'pull.bix.org')
  })

  test('whoever sends no form is shown one', async () => {
    const { p, phone } = await juliet()
    using _ = p
    const first = commandOf(await phone.asks('set', commandText('register-push-apns'), 'bix.org'))
    expect(first.attrs.status).toBe('executing')
    const { sessionid = '' } = first.attrs
    await isDone(phone, commandText('register-push-apns', { sessionid }, { token: TOKEN }), 'bix.org')
    expect(devices(p)).toMatchObject([{ address: TOKEN }])
    await isDone(phone, unregister({ token: TOKEN }), 'bix.org')
    expect(devices(p)).toEqual([])
  })

  test('never another account’s', async () => {
    const { p, phone } = await juliet()
    using _ = p
    const romeo = await p.bound('romeo@bix.org/phone')
    await isDone(phone, register({ token: TOKEN, 'device-id': 'd' }), 'bix.org')
    const named: Record<string, string>[] = [{ token: TOKEN }, { 'device-id': 'd' }]
    for (const values of named) await romeo.isRefused('item-not-found', 'set', unregister(values), 'bix.org')
    await romeo.asks(
      'set',
      martinCommand('unregister-device', { provider: 'x', 'device-token': TOKEN }),
      'bix.org',
    )
    expect(devices(p)).toHaveLength(1)
  })
})

describe('p1:push', () => {
  /** robbiehanson/XMPPFramework 7d4dd1f, Extensions/ProcessOne/XMPPProcessOne.h:34–45, sent as .m:133–142 does. */
  const p1 = (body = `send='all' groupchat='true' from='jid'`, id = TOKEN, type = 'applepush') =>
    `<push xmlns='p1:push'><keepalive max='30'/><session duration='60'/><body ${body}/>` +
    `<status type='xa'>Text Message when in push mode</status><offline>false</offline>` +
    `<notification><type>${type}</type><id>${id}</id></notification><appid>application1</appid></push>`
  const DISABLE = `<disable xmlns='p1:push'/>`

  test('is advertised to whom it is for', async () => {
    using p = play()
    await p.account('juliet@bix.org')
    const guest = p.connect()
    expect(child(await guest.opens(), 'push', 'p1:push')).toBeUndefined()
    await guest.authenticates('juliet')
    expect(child(await guest.opens(), 'push', 'p1:push')).toBeDefined()
  })

  test('registers, refreshes, and lowers what Apple sees', async () => {
    const { p, phone } = await juliet(APP)
    using _ = p
    for (const [body, options] of [
      [`send='all' groupchat='true' from='jid'`, {}],
      [`send='all' groupchat='false' from='jid'`, { rooms: [] }],
      [`send='none' groupchat='true' from='name'`, { hides: 'body' }],
      [`send='all' groupchat='true' from='none'`, { hides: 'sender' }],
    ] as const) {
      await isDone(phone, p1(body))
      expect(devices(p)).toMatchObject([{ address: TOKEN, topic: 'org.bix.chat', sessionKey: 'phone' }])
      expect(devices(p)[0]?.options).toEqual(options)
    }
    expect(await why(phone, p1('', 'xyz'))).toStartWith('id:')
    expect(await why(phone, p1('', ''))).toStartWith('id:')
    expect(await why(phone, p1('', TOKEN, 'gcm'))).toStartWith('type:')
  })

  test('disable means this session’s device, or the only one; never one of another dialect', async () => {
    const { p, phone } = await juliet()
    using _ = p
    const tablet = await p.bound('juliet@bix.org/tablet')
    await isDone(phone, p1())
    await isDone(tablet, p1('', OTHER))
    await isDone(phone, xmppFramework('push.bix.org', 'n', { token: 'ab'.repeat(32) }))
    await isDone(phone, DISABLE)
    expect(devices(p).map(({ address }) => address)).toEqual([OTHER, 'ab'.repeat(32)])
    await isDone(phone, DISABLE)
    expect(devices(p).map(({ address }) => address)).toEqual(['ab'.repeat(32)])
    await isDone(phone, DISABLE)
    expect(devices(p)).toHaveLength(1)
  })
})

describe('hostile', () => {
  test('case 68: whatever door a token comes through, it is hexadecimal, and one account’s unless the app has several', async () => {
    const { p, phone } = await juliet()
    using _ = p
    const romeo = await p.bound('romeo@bix.org/phone')
    const doors: ((token: string) => [payload: string, to?: string])[] = [
      (token: string) => [xmppFramework('bix.org', 'n', { token })],
      (token: string) => [xmppFramework('bix.org', 'n', { device_id: token })],
      (token: string) => [
        monal('monalProdiOS').replace(TOKEN, token).replace('eu.prod.push.monal-im.org', 'bix.org'),
      ],
      (token: string) => [siskin('bix.org', token, PRIORITY)],
      (token: string) => [commandText('register-push-apns', {}, { token }), 'bix.org'],
      (token: string) => [
        `<push xmlns='p1:push'><notification><type>applepush</type><id>${token}</id></notification></push>`,
      ],
    ]
    for (const door of doors) {
      for (const token of ['xyz', `../../${TOKEN}`, 'ab'.repeat(201), '0'.repeat(31)]) {
        const [payload, to] = door(token)
        await phone.isRefused('bad-request', 'set', payload, to)
      }
      const [payload, to] = door(TOKEN)
      await isDone(phone, payload, to)
      expect(devices(p)).toHaveLength(1)
      await isDone(romeo, payload, to)
      // Monal and Siskin have several accounts, and one token for all.
      const stays = /pushModule|tigase:push/.test(payload)
      expect(devices(p)).toHaveLength(stays ? 1 : 0)
      expect(devices(p, 'romeo@bix.org')).toMatchObject([{ address: TOKEN }])
    }
  })

  test('case 69: a thousand devices leave as many as the limit says', async () => {
    const { p, phone } = await juliet()
    using _ = p
    for (let i = 0; i < 1000; i++)
      phone.sends(
        `<iq type='set' id='d${i}'>${xmppFramework('bix.org', `n${i}`, { token: i.toString(16).padStart(64, '0') })}</iq>`,
      )
    await phone.settles()
    expect(devices(p)).toHaveLength(10)
  })

  test('case 71: what a device’s own wish hides from Apple is not written down', async () => {
    const { p, phone } = await juliet(`${APP}body = "full"\n`)
    using _ = p
    const p1 = `<push xmlns='p1:push'><body from='none'/><notification><type>applepush</type><id>${TOKEN}</id></notification></push>`
    await isDone(phone, p1)
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`)
    await romeo.settles()
    expect(p.pushed).toMatchObject([{ body: null }])
  })

  test('case 72: a disabled account is not rung', async () => {
    const { p, phone } = await juliet()
    using _ = p
    await isDone(phone, xmppFramework('bix.org', 'n', { token: TOKEN }))
    phone.sends('</stream:stream>')
    const account = p.store.accounts.find('juliet@bix.org')
    if (!account) throw new Error('no account')
    await p.router.run((t) => t.store.accounts.setDisabled(account, true))
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`)
    await romeo.settles()
    expect(p.pushed).toEqual([])
  })

  test('case 74: no service but the built-in one is ever spoken to', async () => {
    const { p, phone } = await juliet()
    using _ = p
    for (const jid of [
      '127.0.0.1',
      '169.254.169.254',
      '[::1]',
      'localhost',
      'push.bix.org.evil.example',
      'evil.example/bix.org',
    ])
      await phone.isRefused('remote-server-not-found', 'set', xmppFramework(jid, TOKEN, { token: TOKEN }))
    expect(devices(p)).toEqual([])
  })
})

test('a call rings the token for calls with what it is, in one row', async () => {
  const { p, phone } = await juliet()
  using _ = p
  await isDone(phone, siskin('bix.org', `${TOKEN}.${OTHER}`, JINGLE))
  phone.sends('</stream:stream>')
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(
    `<message to='juliet@bix.org' type='chat'><propose xmlns='urn:xmpp:jingle-message:0' id='c1'>` +
      `<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></propose></message>`,
  )
  await romeo.settles()
  const call = { sid: 'c1', from: 'romeo@bix.org/orchard', media: ['audio'] }
  expect(p.pushed).toMatchObject([{ kind: 'call', call, device: { callAddress: OTHER } }])
  // From the table it is the same as from memory.
  expect(p.store.push.waiting(0, 10)).toMatchObject([{ kind: 'call', call, nick: null }])
})
