import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'bun:test'
import type { Device } from '../../src/store/devices.ts'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { play } from '../support/world.ts'

const TOKEN = '0123456789abcdef'.repeat(4)
const OTHER = 'fedcba9876543210'.repeat(4)
const OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options'

const key = `team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"\n`
const certificate = `cert_file = "cert.pem"\ncert_key_file = "key.pem"\n`
const app = (topic: string, more = '', sign = key) => `[[push.apps]]\ntopic = "${topic}"\n${sign}${more}\n`

function enable(
  options: { jid?: string; node?: string; fields?: Record<string, string>; to?: string } = {},
): string {
  const { jid = 'push.bix.org', node, fields } = options
  const form =
    fields &&
    `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${OPTIONS}</value></field>` +
      Object.entries(fields)
        .map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`)
        .join('') +
      '</x>'
  return `<enable xmlns='urn:xmpp:push:0' jid='${jid}'${node === undefined ? '' : ` node='${node}'`}>${form ?? ''}</enable>`
}

const disable = (attrs: string) => `<disable xmlns='urn:xmpp:push:0' ${attrs}/>`

function devices(p: ReturnType<typeof play>, jid = 'juliet@bix.org'): readonly Device[] {
  const account = p.store.accounts.find(jid)
  return account ? p.store.push.devices.of(account.id) : []
}

async function refusal(actor: Actor, condition: string, payload: string): Promise<string> {
  const error = child(await actor.isRefused(condition, 'set', payload), 'error')
  const text = error && child(error, 'text', 'urn:ietf:params:xml:ns:xmpp-stanzas')
  return text?.getText() ?? ''
}

describe('XEP-0357 §5: registration in every dialect', () => {
  const dialects: [what: string, payload: string][] = [
    ['XMPPFramework: token in the form', enable({ node: 'a-uuid', fields: { token: TOKEN } })],
    ['device_id in the form', enable({ node: 'a-uuid', fields: { device_id: TOKEN } })],
    ['the node is the token', enable({ node: TOKEN })],
    ['an empty field is none', enable({ node: 'n', fields: { token: '', device_id: TOKEN } })],
    [
      'NSData’s description',
      enable({ node: 'n', fields: { token: `&lt;${TOKEN.match(/.{8}/g)?.join(' ')}&gt;` } }),
    ],
    ['in capitals', enable({ node: 'n', fields: { token: TOKEN.toUpperCase() } })],
    ['the host as the service', enable({ jid: 'bix.org', node: TOKEN })],
    ['the service in another spelling', enable({ jid: 'PUSH.bix.org', node: TOKEN })],
  ]
  for (const [what, payload] of dialects)
    test(what, async () => {
      using p = play()
      const juliet = await p.bound('juliet@bix.org/phone')
      // §5: without `to`, as XMPPFramework sends it.
      const answer = await juliet.asks('set', payload)
      expect(answer.attrs.type).toBe('result')
      expect(devices(p)).toMatchObject([{ address: TOKEN, topic: 'org.example.chat', sessionKey: 'phone' }])
      // Again and again: one registration.
      p.clock.advance(1000)
      await juliet.asks('set', payload, 'juliet@bix.org')
      expect(devices(p)).toHaveLength(1)
      expect(devices(p)[0]?.refreshedAt).toBe(p.clock.now())
    })

  test('the mode or environment of the form pins Apple’s side', async () => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/phone')
    for (const [name, value, environment, pinned] of [
      ['mode', 'dev', 'sandbox', true],
      ['mode', 'prod', 'production', true],
      ['environment', 'sandbox', 'sandbox', true],
      ['environment', 'whatever', 'production', false],
    ] as const) {
      await juliet.asks('set', disable(`jid='push.bix.org'`))
      await juliet.asks('set', enable({ node: 'n', fields: { token: TOKEN, [name]: value } }))
      expect(devices(p)).toMatchObject([{ environment, environmentPinned: pinned }])
    }
  })
})

describe('XEP-0357 §5: what is refused, and which field is at fault', () => {
  const garbage = [
    'xyz',
    '00',
    'ab'.repeat(15),
    'ab'.repeat(201),
    `${TOKEN}0`,
    `${TOKEN}zz`,
    '<>',
    `../../${TOKEN}`,
  ]
  for (const text of garbage)
    test(`token "${text.slice(0, 20)}"`, async () => {
      using p = play()
      const juliet = await p.bound('juliet@bix.org/phone')
      const xml = text.replaceAll('<', '&lt;').replaceAll('>', '&gt;')
      for (const field of ['token', 'device_id']) {
        const why = await refusal(juliet, 'bad-request', enable({ node: TOKEN, fields: { [field]: xml } }))
        expect(why).toStartWith(`${field}:`)
      }
      expect(await refusal(juliet, 'bad-request', enable({ node: xml }))).toStartWith('node:')
      expect(devices(p)).toEqual([])
    })

  test('no token at all, no service, a service that is none', async () => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/phone')
    expect(await refusal(juliet, 'bad-request', enable())).toStartWith('token:')
    expect(
      await refusal(juliet, 'bad-request', `<enable xmlns='urn:xmpp:push:0' node='${TOKEN}'/>`),
    ).toStartWith('jid:')
    await juliet.isRefused('jid-malformed', 'set', enable({ jid: '@@', node: TOKEN }))
    for (const jid of ['push.elsewhere.example', 'juliet@bix.org', '127.0.0.1', 'bix.org/admin'])
      expect(await refusal(juliet, 'remote-server-not-found', enable({ jid, node: TOKEN }))).toStartWith(
        'jid:',
      )
    expect(devices(p)).toEqual([])
  })

  test('a form of another type is no form', async () => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/phone')
    const payload = enable({ fields: { token: TOKEN } }).replace(OPTIONS, 'urn:other')
    expect(await refusal(juliet, 'bad-request', payload)).toStartWith('token:')
  })

  test('nothing to push to', async () => {
    using p = play({ toml: '[push]\nsimulator = false\n' })
    const juliet = await p.bound('juliet@bix.org/phone')
    await juliet.isRefused('feature-not-implemented', 'set', enable({ node: TOKEN }))
  })
})

describe('topics', () => {
  test('the only app is meant where none is named', async () => {
    using p = play({ toml: `[push]\n${app('org.bix.chat', 'aliases = ["push.old.example"]')}` })
    const juliet = await p.bound('juliet@bix.org/phone')
    await juliet.asks('set', enable({ node: TOKEN }))
    expect(devices(p)).toMatchObject([{ topic: 'org.bix.chat', environment: 'production' }])
    expect(
      await refusal(
        juliet,
        'bad-request',
        enable({ node: 'n', fields: { token: TOKEN, topic: 'org.other' } }),
      ),
    ).toStartWith('topic:')
    // An old build names the service that it knew.
    await juliet.asks('set', enable({ jid: 'push.old.example', node: OTHER }))
    expect(devices(p).map(({ service }) => service)).toEqual(['push.bix.org', 'push.old.example'])
  })

  test('of several, one must be named: by the form or by its alias', async () => {
    const two = app('org.bix.chat') + app('org.bix.tablet', 'aliases = ["tablet.push.bix.org"]')
    using p = play({ toml: `[push]\n${two}` })
    const juliet = await p.bound('juliet@bix.org/phone')
    expect(await refusal(juliet, 'bad-request', enable({ node: TOKEN }))).toStartWith('topic:')
    await juliet.asks('set', enable({ node: 'n', fields: { token: TOKEN, topic: 'org.bix.chat' } }))
    await juliet.asks('set', enable({ jid: 'tablet.push.bix.org', node: OTHER }))
    expect(devices(p).map(({ topic }) => topic)).toEqual(['org.bix.chat', 'org.bix.tablet'])
  })

  test('an environment that the app’s certificate does not have is refused; a key has both', async () => {
    const apps = app('org.bix.chat') + app('org.bix.tablet', '', certificate)
    using p = play({ toml: `[push]\n${apps}` })
    const juliet = await p.bound('juliet@bix.org/phone')
    const fields = (topic: string) => ({ token: TOKEN, topic, mode: 'dev' })
    await juliet.asks('set', enable({ node: 'n', fields: fields('org.bix.chat') }))
    expect(devices(p)).toMatchObject([{ environment: 'sandbox' }])
    expect(
      await refusal(juliet, 'bad-request', enable({ node: 'n', fields: fields('org.bix.tablet') })),
    ).toStartWith('environment:')
  })
})

describe('XEP-0357 §6: disable', () => {
  test('by service and node, by service alone, and as often as one likes', async () => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/phone')
    await juliet.asks('set', enable({ node: TOKEN }))
    await juliet.asks('set', enable({ node: OTHER }))
    await juliet.asks('set', disable(`jid='push.bix.org' node='unknown'`))
    expect(devices(p)).toHaveLength(2)
    await juliet.asks('set', disable(`jid='push.bix.org' node='${TOKEN}'`))
    expect(devices(p).map(({ address }) => address)).toEqual([OTHER])
    for (let i = 0; i < 2; i++)
      expect((await juliet.asks('set', disable(`jid='PUSH.bix.org'`))).attrs.type).toBe('result')
    expect(devices(p)).toEqual([])
    await juliet.isRefused('bad-request', 'set', disable(''))
    await juliet.isRefused('jid-malformed', 'set', disable(`jid='@@'`))
  })

  test('never another account’s', async () => {
    using p = play()
    const juliet = await p.bound('juliet@bix.org/phone')
    const romeo = await p.bound('romeo@bix.org/phone')
    await juliet.asks('set', enable({ node: TOKEN }))
    await romeo.asks('set', disable(`jid='push.bix.org' node='${TOKEN}'`))
    await romeo.isRefused('service-unavailable', 'set', disable(`jid='push.bix.org'`), 'juliet@bix.org')
    expect(devices(p)).toHaveLength(1)
  })
})

test('a token belongs to the account that registered it last', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/phone')
  const romeo = await p.bound('romeo@bix.org/phone')
  await juliet.asks('set', enable({ node: TOKEN }))
  await romeo.asks('set', enable({ node: TOKEN }))
  expect(devices(p)).toEqual([])
  expect(devices(p, 'romeo@bix.org')).toMatchObject([{ address: TOKEN }])
})

test('limits.devices_per_user: the registration not refreshed for longest gives way', async () => {
  using p = play({ toml: '[limits]\nrates = false\ndevices_per_user = 2\n' })
  const juliet = await p.bound('juliet@bix.org/phone')
  const tokens = ['aa', 'bb', 'cc'].map((byte) => byte.repeat(32))
  for (const token of [...tokens.slice(0, 2), tokens[0], tokens[2]]) {
    p.clock.advance(1000)
    await juliet.asks('set', enable({ node: token ?? '' }))
  }
  expect(devices(p).map(({ address }) => address)).toEqual([tokens[0] ?? '', tokens[2] ?? ''])
})

test('registrations outlive the session and a restart', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-'))
  try {
    const file = join(dir, 'belfry.db')
    {
      using p = play({ file })
      const juliet = await p.bound('juliet@bix.org/phone')
      await juliet.asks('set', enable({ node: TOKEN }))
      juliet.transport.destroy()
    }
    using p = play({ file })
    expect(devices(p)).toMatchObject([{ address: TOKEN, sessionKey: 'phone' }])
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`)
    await romeo.settles()
    await using phone = await phoneOf(p, { token: TOKEN })
    await phone.rings({})
  } finally {
    rmSync(dir, { recursive: true })
  }
})

describe('what rings', () => {
  /** Juliet with a registered phone, and Romeo who writes to her. */
  async function asleep(toml = ''): Promise<{ p: ReturnType<typeof play>; romeo: Actor; juliet: Actor }> {
    const p = play({ toml })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/phone')
    await juliet.asks('set', enable({ node: TOKEN }))
    return { p, romeo, juliet }
  }

  const chat = (inner: string, attrs = `to='juliet@bix.org' type='chat'`) =>
    `<message ${attrs}>${inner}</message>`

  test('a message that waits: one row with the stored message’s id as its collapse-id', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    juliet.sends('</stream:stream>')
    romeo.sends(chat('<body>hist!</body>'))
    await romeo.settles()
    const stored = p.store.db.raw
      .query<{ id: number }, []>(`SELECT id FROM archive WHERE peer = 'romeo@bix.org'`)
      .get()
    const id = String(stored?.id)
    expect(p.pushed).toMatchObject([
      {
        account: 'juliet@bix.org',
        messageId: id,
        collapseId: id,
        kind: 'body',
        sender: 'romeo@bix.org',
        badge: 1,
        body: null,
        createdAt: p.clock.now(),
        expiresAt: p.clock.now() + 7 * 86_400_000,
        device: { address: TOKEN },
      },
    ])
    expect(p.pushed[0]?.pushId).toMatch(/^[0-9a-f-]{36}$/)
    expect(p.store.push.counts()).toEqual({ queued: 1, held: 0, dead: 0 })
  })

  test('the badge counts what waits with text, and is read down', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    juliet.sends('</stream:stream>')
    romeo.sends(
      chat('<body>1</body>') + chat(`<received xmlns='urn:xmpp:receipts' id='1'/>`) + chat('<body>2</body>'),
    )
    await romeo.settles()
    await phone.rings({ badge: 1 }, { badge: 2 })
    const again = await p.online('juliet@bix.org/phone')
    await again.settles()
    again.sends('</stream:stream>')
    romeo.sends(chat('<body>3</body>'))
    await romeo.settles()
    await phone.rings({ badge: 1 })
  })

  test('every device of an account gets its own row', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    await juliet.asks('set', enable({ node: OTHER }))
    juliet.sends('</stream:stream>')
    romeo.sends(chat('<body>hist!</body>'))
    await romeo.settles()
    expect(p.pushed.map(({ device }) => device?.address)).toEqual([TOKEN, OTHER])
    expect(new Set(p.pushed.map(({ pushId }) => pushId)).size).toBe(2)
    expect(new Set(p.pushed.map(({ collapseId }) => collapseId)).size).toBe(1)
  })

  test('nobody rings who is there', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    romeo.sends(chat('<body>hist!</body>'))
    await juliet.next()
    await phone.isSilent()
  })

  test('a session that does not take messages is not there', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    juliet.sends('<presence><priority>-1</priority></presence>')
    await juliet.settles()
    romeo.sends(chat('<body>hist!</body>'))
    await romeo.settles()
    await phone.rings({})
  })

  test('a session that is still catching up has it', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    juliet.sends('</stream:stream>')
    for (let i = 0; i < 101; i++) romeo.sends(chat('<body>hist!</body>'))
    await romeo.settles()
    expect(await phone.shows()).toHaveLength(101)
    const again = await p.bound('juliet@bix.org/phone')
    again.sends('<presence/>')
    romeo.sends(chat('<body>more</body>'))
    await romeo.settles()
    await phone.isSilent()
  })

  test('one’s own messages, chat states, receipts and markers do not ring', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    juliet.sends(`<presence type='unavailable'/>`)
    await juliet.settles()
    juliet.sends(chat('<body>note to self</body>'))
    await juliet.settles()
    romeo.sends(chat(`<composing xmlns='http://jabber.org/protocol/chatstates'/>`))
    romeo.sends(chat(`<received xmlns='urn:xmpp:receipts' id='1'/>`))
    romeo.sends(chat(`<displayed xmlns='urn:xmpp:chat-markers:0' id='1'/>`))
    romeo.sends(chat('<body>x</body>', `to='juliet@bix.org' type='headline'`))
    await romeo.settles()
    await phone.isSilent()
  })

  test('a request to become a contact rings once', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    juliet.sends('</stream:stream>')
    for (let i = 0; i < 2; i++) romeo.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
    await romeo.settles()
    await phone.rings({ body: 'wants to add you as a contact' })
  })

  test('a disabled account does not ring, and the reason is recorded', async () => {
    const { p, romeo, juliet } = await asleep()
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    juliet.sends('</stream:stream>')
    await romeo.settles()
    await p.router.run((t) => {
      const account = t.store.accounts.find('juliet@bix.org')
      if (account) t.store.accounts.setDisabled(account, true)
    })
    romeo.sends(chat('<body>hist!</body>'))
    await romeo.settles()
    await phone.isSilent()
    expect(await explain(p)).toEqual(['not rung: the account is disabled'])
  })

  test('what is refused does not ring', async () => {
    const { p, romeo, juliet } = await asleep(
      '[archive]\ndefault = "never"\n[limits]\nrates = false\noffline_messages = 1\n',
    )
    using _ = p
    await using phone = await phoneOf(p, { token: TOKEN })
    juliet.sends('</stream:stream>')
    romeo.sends(chat('<body>1</body>'))
    await romeo.settles()
    romeo.sends(chat('<body>2</body>'))
    await romeo.hearsError('service-unavailable')
    await phone.rings({})
  })

  for (const [policy, body] of [
    ['none', null],
    ['sender', null],
    ['full', 'the text'],
    ['encrypted', null],
  ] as const)
    test(`[[push.apps]] body = "${policy}": the row ${body ? 'holds' : 'does not hold'} the text`, async () => {
      const { p, romeo, juliet } = await asleep(`[push]\n${app('org.bix.chat', `body = "${policy}"`)}`)
      using _ = p
      juliet.sends('</stream:stream>')
      romeo.sends(chat('<body>the text</body>'))
      await romeo.settles()
      expect(p.pushed).toMatchObject([{ body }])
    })
})

describe('[webhook]', () => {
  const toml = `[push]\nsimulator = true\n[webhook]\nurl = "https://hooks.example/chat"\n`
  const send = async (p: ReturnType<typeof play>, payload: string): Promise<void> => {
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='chat'>${payload}</message>`)
    await romeo.settles()
  }

  test('a stored text is a row of its own, with the text, also without any device', async () => {
    using p = play({ toml })
    await p.account('juliet@bix.org')
    await send(p, '<body>hist!</body>')
    expect(p.pushed).toMatchObject([{ account: 'juliet@bix.org', sender: 'romeo@bix.org', body: 'hist!' }])
    expect(p.pushed[0]?.device).toBeUndefined()
  })

  test('a long text is told whole', async () => {
    using p = play({ toml })
    await p.account('juliet@bix.org')
    const text = `${'x'.repeat(4_095)}😀${'y'.repeat(4_095)}`
    await send(p, `<body>${text}</body>`)
    expect(p.pushed[0]?.body).toBe(text)
  })

  test('what is delivered, or is no text, is not told', async () => {
    using p = play({ toml })
    await p.account('juliet@bix.org')
    await send(p, `<received xmlns='urn:xmpp:receipts' id='1'/>`)
    await p.online('juliet@bix.org/balcony')
    await send(p, '<body>hist!</body>')
    expect(p.pushed).toEqual([])
  })
})
