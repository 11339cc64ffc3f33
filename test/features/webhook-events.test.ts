/** What happens to accounts, devices and pushes becomes rows for the webhook: [webhook] events. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseConfig } from '../../src/config/config.ts'
import { EVENTS, type EventName, isEvent } from '../../src/config/events.ts'
import { PUSH_RULES } from '../../src/push/rules/classify.ts'
import { setDisabled } from '../../src/accounts/accounts.ts'
import { Jid } from '../../src/xmpp/jid.ts'
import type { Actor } from '../support/actor.ts'
import { changes, inside, OWNER, says } from '../support/rooms.ts'
import { changesOfTrips } from '../support/trips.ts'
import { type Play, play } from '../support/world.ts'

const wanted = (...names: EventName[]) =>
  `[webhook]\nurl = "https://hooks.example/chat"\nevents = ${JSON.stringify(names)}\n`
const enable = (token: string) => `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${token}'/>`
const A = 'aa'.repeat(32)
const B = 'bb'.repeat(32)

/** What the webhook is to be told, in order: name, account, data. */
const told = (p: Play) =>
  p.pushed
    .filter(({ device }) => device === undefined)
    .map(({ kind, account, body }) => [kind, account, JSON.parse(body ?? '{}') as object])

async function account(p: Play, jid: string) {
  if (!p.store.accounts.find(jid)) await p.account(jid)
  const found = p.store.accounts.find(jid)
  if (!found) throw new Error(`no ${jid}`)
  return found
}

/** Registers that many phones of somebody, who then sits elsewhere and takes no messages there. */
async function phones(p: Play, name: string, most: number): Promise<Actor> {
  const phone = await p.bound(`${name}@bix.org/phone`)
  const of = Buffer.from(name.slice(0, 2)).toString('hex')
  for (let n = 0; n < most; n++) await phone.asks('set', enable(of + String(n).padStart(60, '0')))
  phone.sends('</stream:stream>')
  return p.bound(`${name}@bix.org/elsewhere`)
}

describe('accounts', () => {
  test('created, password changed, disabled, enabled, deleted: in that order, each once', async () => {
    using p = play({ toml: wanted(...EVENTS) })
    const juliet = await p.bound('juliet@bix.org/phone')
    await juliet.asks(
      'set',
      `<query xmlns='jabber:iq:register'><username>juliet</username><password>a new password</password></query>`,
      'bix.org',
    )
    const row = await account(p, 'juliet@bix.org')
    for (const disabled of [true, true, false])
      await p.router.run((t) => setDisabled(t, t.store.accounts.find(row.jid) ?? row, disabled))
    await p.router.run((t) => p.world.deleteAccount(t, Jid.parse(row.jid)))
    expect(told(p)).toEqual([
      ['account.created', 'juliet@bix.org', {}],
      ['account.password_changed', 'juliet@bix.org', {}],
      ['account.disabled', 'juliet@bix.org', {}],
      ['account.enabled', 'juliet@bix.org', {}],
      ['account.deleted', 'juliet@bix.org', {}],
    ])
  })

  test('what was to be told outlives the account, over a crash as well', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-events-'))
    try {
      let crashed = ''
      {
        using p = play({ toml: wanted('account.created', 'account.deleted'), file: join(dir, 'belfry.db') })
        await p.account('juliet@bix.org')
        await p.router.run((t) => p.world.deleteAccount(t, Jid.parse('juliet@bix.org')))
        crashed = p.crash()
      }
      using p = play({ file: crashed })
      const rows = p.store.push.waiting(0, 10)
      expect(rows.map(({ kind, account }) => [kind, account])).toEqual([
        ['account.created', 'juliet@bix.org'],
        ['account.deleted', 'juliet@bix.org'],
      ])
      await p.router.run((t) => {
        for (const row of rows) t.store.push.done(row, 'sent', row.kind, undefined, t.now)
      })
      expect(p.store.push.counts()).toEqual({ queued: 0, held: 0, dead: 0 })
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('what was rolled back is not told', async () => {
    using p = play({ toml: wanted('account.disabled') })
    const juliet = await account(p, 'juliet@bix.org')
    const mend = p.commitsFail()
    const failed = await p.router.run((t) => setDisabled(t, juliet, true)).catch(() => 'failed')
    mend()
    expect(failed).toBe('failed')
    expect(told(p)).toEqual([])
    expect(p.store.push.counts().queued).toBe(0)
  })
})

describe('devices', () => {
  test('registered once however often it enables, removed with the reason', async () => {
    using p = play({ toml: wanted('device.registered', 'device.removed', 'device.moved') })
    const juliet = await p.bound('juliet@bix.org/phone')
    for (let i = 0; i < 3; i++) await juliet.asks('set', enable(A))
    const shown = { device: '1', topic: 'org.example.chat', environment: 'production', token: 'aaaaaa' }
    expect(told(p)).toEqual([['device.registered', 'juliet@bix.org', shown]])
    await juliet.asks('set', `<disable xmlns='urn:xmpp:push:0' jid='push.bix.org'/>`)
    expect(told(p).slice(1)).toEqual([['device.removed', 'juliet@bix.org', { ...shown, reason: 'disabled' }]])
  })

  test('moved to the account that registers it last', async () => {
    using p = play({ toml: wanted('device.moved', 'device.removed') })
    const juliet = await p.bound('juliet@bix.org/phone')
    const romeo = await p.bound('romeo@bix.org/phone')
    await juliet.asks('set', enable(A))
    await romeo.asks('set', enable(A))
    expect(told(p)).toMatchObject([['device.moved', 'romeo@bix.org', { from: 'juliet@bix.org' }]])
  })

  test('removed: by the limit, by the operator, by Apple’s word', async () => {
    using p = play({
      toml: `${wanted('device.removed')}[limits]\nrates = false\ndevices_per_user = 1\n`,
    })
    const juliet = await p.bound('juliet@bix.org/phone')
    await juliet.asks('set', enable(A))
    await juliet.asks('set', enable(B))
    const [device] = p.store.push.devices.of((await account(p, 'juliet@bix.org')).id)
    await p.router.run((t) => t.store.push.devices.delete(device?.id ?? 0))
    await juliet.asks('set', enable(A))
    const [again] = p.store.push.devices.of((await account(p, 'juliet@bix.org')).id)
    // A word that is older than the registration says nothing.
    await p.router.run((t) => t.store.push.devices.forget(again?.id ?? 0, t.now - 1))
    await p.router.run((t) => t.store.push.devices.forget(again?.id ?? 0, t.now))
    expect(told(p).map(([, , data]) => (data as { reason: string }).reason)).toEqual([
      'too-many',
      'deleted',
      'dead',
    ])
  })
})

describe('push verdicts', () => {
  const verdicts = (...list: object[]) => ['push.verdict', 'juliet@bix.org', { verdicts: list }]

  test('each decision and each answer about a device, with its rule and without the text', async () => {
    using p = play({ toml: wanted('push.verdict') })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/phone')
    await juliet.asks('set', enable(A))
    const says = async (body: string) => {
      romeo.sends(`<message to='juliet@bix.org' type='chat'><body>${body}</body></message>`)
      await romeo.settles()
    }
    await says('live')
    juliet.sends('</stream:stream>')
    await romeo.settles()
    await says('away')
    await p.router.run((t) => {
      for (const job of t.store.push.waiting(0, 10))
        if (job.device) t.store.push.done(job, 'sent', job.kind, undefined, t.now)
    })
    const about = { message: expect.stringMatching(/^\d+$/) as string, device: '1' }
    expect(told(p)).toEqual([
      verdicts({ ...about, verdict: 'suppressed', rule: 'session-active' }),
      verdicts({ ...about, verdict: 'sent', rule: 'body' }),
    ])
    expect(JSON.stringify(told(p))).not.toMatch(/live|"away"|romeo/)
  })

  test('those of one message are one event', async () => {
    using p = play({ toml: `${wanted('push.verdict')}[limits]\nrates = false\n` })
    const romeo = await p.online('romeo@bix.org/orchard')
    await phones(p, 'juliet', 10)
    const desk = await p.online('juliet@bix.org/desk')
    romeo.sends(`<message to='juliet@bix.org' type='chat' id='m1'><body>hist!</body></message>`)
    await romeo.settles()
    await desk.settles()
    expect(told(p)).toHaveLength(1)
    const held = Array.from({ length: 10 }, () => expect.objectContaining({ verdict: 'held' }) as object)
    expect(told(p)).toEqual([verdicts(...held)])
    desk.sends(`<message to='romeo@bix.org' type='chat'><body>I hear</body></message>`)
    await desk.settles()
    const withdrawn = held.map(() => expect.objectContaining({ rule: 'read-elsewhere' }) as object)
    expect(told(p).slice(1)).toEqual([verdicts(...withdrawn)])
  })

  test('and a trip writes no more rows of the outbox than it may, with as many devices as there may be', async () => {
    const most = 80
    const toml = `${wanted('message.offline', 'push.verdict')}[limits]\nrates = false\ndevices_per_user = ${most}\n`
    using p = play({ toml: `${toml}[push]\nsimulator = true\nretractions = "silent"\n` })
    const juliet = await phones(p, 'juliet', most)
    const romeo = await phones(p, 'romeo', most)
    const rows = changesOfTrips(p, 'outbox', ['INSERT'])
    const says = async (who: Actor, to: string, payload: string) => {
      who.sends(`<message to='${to}@bix.org' type='chat' id='m1'>${payload}</message>`)
      await who.settles()
    }
    await says(juliet, 'romeo', '<body>hist!</body>')
    await says(romeo, 'juliet', `<propose xmlns='urn:xmpp:jingle-message:0' id='s1'/>`)
    const before = rows.length
    // He has read, her number goes down as his does, and her apps are woken.
    await says(
      romeo,
      'juliet',
      `<body>never mind</body><retract xmlns='urn:xmpp:message-retract:1' id='m1'/>`,
    )
    expect(Math.max(...rows.slice(before))).toBeGreaterThan(3 * most)
    expect(Math.max(...rows)).toBeLessThanOrEqual(256)
    const { errors } = parseConfig(`[limits]\ndevices_per_user = ${most + 1}\n`, 'x.toml')
    expect(errors).toHaveLength(1)
  })

  test('the webhook’s own are not: or each word about it would need another', async () => {
    using p = play({ toml: wanted('message.offline', 'push.verdict') })
    await p.account('juliet@bix.org')
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`)
    await romeo.settles()
    await p.router.run((t) => {
      for (const job of t.store.push.waiting(0, 10))
        t.store.push.done(job, 'sent', job.kind, undefined, t.now)
    })
    expect(p.pushed.map(({ kind }) => kind)).toEqual(['body'])
    expect(p.store.push.counts().queued).toBe(0)
  })
})

test('only what is listed is told; without a list, messages', async () => {
  for (const events of ['', 'events = ["account.created"]\n']) {
    using p = play({ toml: `[webhook]\nurl = "https://hooks.example/chat"\n${events}` })
    await p.account('juliet@bix.org')
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`)
    await romeo.settles()
    const kinds = p.pushed.map(({ kind }) => kind)
    expect(kinds).toEqual(events === '' ? ['body'] : ['account.created', 'account.created'])
  }
})

test('limits.webhook_events: what is above is not kept, and messages still are', async () => {
  using p = play({
    toml: `${wanted('message.offline', 'account.created')}[limits]\nrates = false\nwebhook_events = 2\n`,
  })
  for (const name of ['juliet', 'nurse', 'tybalt']) await p.account(`${name}@bix.org`)
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`)
  await romeo.settles()
  expect(p.pushed.map(({ kind }) => kind)).toEqual(['account.created', 'account.created', 'body'])
})

test('the names are a strict list, and the form knows one of them', () => {
  const problems = (toml: string) =>
    (parseConfig(`[webhook]\nurl = "https://hooks.example/"\n${toml}`, 'x.toml').errors ?? []).map(
      ({ message }) => message,
    )
  expect(problems(`events = ["account.create"]`).join()).toContain('account.created')
  expect(problems(`events = ["account.created", "account.created"]`).join()).toContain('listed twice')
  expect(problems(`format = "form"\nevents = ["message.offline", "account.created"]`).join()).toContain(
    'account.created needs format = "json"',
  )
  expect(problems(`format = "form"`)).toEqual([])
  for (const name of EVENTS) expect(problems(`events = ["${name}"]`)).toEqual([])
})

test('no rule of a push is taken for an event', () => {
  expect(PUSH_RULES.filter(({ rule }) => isEvent(rule) || rule.includes('.'))).toEqual([])
  expect(EVENTS.filter((name) => !name.includes('.') || !isEvent(name))).toEqual([])
})

describe('rooms', () => {
  const room = 'verona@conference.bix.org'

  test('made, who belongs to it, what is said, destroyed: with the room in place of an account', async () => {
    using p = play({
      toml: wanted(
        'room.created',
        'room.destroyed',
        'room.member_added',
        'room.member_removed',
        'room.message',
      ),
    })
    const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo', room)
    const set = (item: string) => changes(romeo, item, room)
    await set(`<item affiliation='member' jid='juliet@bix.org' nick='Capulet'/>`)
    await set(`<item affiliation='member' jid='juliet@bix.org' nick='J'/>`)
    await set(`<item affiliation='admin' jid='juliet@bix.org'/>`)
    await set(`<item affiliation='outcast' jid='juliet@bix.org'/>`)
    await set(`<item affiliation='none' jid='juliet@bix.org'/>`)
    says(romeo, 'hark', room)
    romeo.sends(`<message to='${room}' type='groupchat'><subject>Exile</subject></message>`)
    await romeo.asks('set', `<query xmlns='${OWNER}'><destroy><reason>fire</reason></destroy></query>`, room)
    await romeo.settles()
    expect(told(p)).toEqual([
      ['room.created', room, { name: '' }],
      ['room.member_added', room, { user: 'romeo@bix.org', affiliation: 'owner', nick: null }],
      ['room.member_added', room, { user: 'juliet@bix.org', affiliation: 'member', nick: 'Capulet' }],
      ['room.member_added', room, { user: 'juliet@bix.org', affiliation: 'admin', nick: 'J' }],
      ['room.member_removed', room, { user: 'juliet@bix.org', affiliation: 'outcast', nick: null }],
      [
        'room.message',
        room,
        {
          from: 'romeo@bix.org',
          nick: 'Romeo',
          message: 'hark',
          stanza_id: expect.stringMatching(/^\d+$/) as string,
          body: 'hark',
        },
      ],
      ['room.destroyed', room, { reason: 'fire' }],
    ])
  })

  test('what was not asked for is not told', async () => {
    using p = play({ toml: wanted('account.created') })
    const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo', room)
    says(romeo, 'hark', room)
    await romeo.settles()
    expect(told(p).map(([kind]) => kind)).toEqual(['account.created'])
  })
})
