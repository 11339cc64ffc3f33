import { describe, expect, test } from 'bun:test'
import { awaitAck } from '../../src/push/schedule/background.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Cast,
  cast,
  chat,
  count,
  deskInUse,
  kinds,
  passes,
  PUSH,
  rung,
  says,
  settle,
  verdicts,
} from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

describe('another device is in use', () => {
  test('the phone waits, and rings when the time is over', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('hist!'), desk)
    expect(p.pushed).toEqual([])
    p.clock.advance(29_999)
    await settle(p)
    expect(p.pushed).toEqual([])
    p.clock.advance(1)
    await settle(p)
    expect(kinds(p)).toEqual(['body'])
    expect(verdicts(p)).toEqual(['held other-device-active'])
  })

  const readings: [string, (id: string) => string][] = [
    ['a displayed marker (XEP-0333)', (id) => `<displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/>`],
    ['an own answer', () => '<body>I hear</body>'],
  ]
  for (const [what, payload] of readings)
    test(`${what} there: it does not ring`, async () => {
      using p = play({ toml: PUSH })
      const { romeo, desk } = await deskInUse(p)
      await says(romeo, chat('hist!', 'm1'), desk)
      desk.sends(`<message to='romeo@bix.org' type='chat'>${payload('m1')}</message>`)
      await desk.settles()
      p.clock.advance(60_000)
      await settle(p)
      expect(p.pushed).toEqual([])
      expect(verdicts(p)).toEqual(['held other-device-active', 'withdrawn read-elsewhere'])
    })

  test('a displayed mark (XEP-0490) there: it does not ring', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await deskInUse(p)
    romeo.sends(chat('hist!'))
    const id = (await desk.next()).children
      .flatMap((node) => (typeof node !== 'string' && node.name === 'stanza-id' ? [node.attrs.id] : []))
      .join()
    const mark = `<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@bix.org' id='${id}'/></displayed>`
    await desk.asks(
      'set',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='romeo@bix.org'>${mark}</item></publish></pubsub>`,
    )
    p.clock.advance(60_000)
    await settle(p)
    expect(p.pushed).toEqual([])
  })

  test('a mark of an older message leaves the newer one to ring', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('one', 'm1'), desk)
    await says(romeo, chat('two', 'm2'), desk)
    desk.sends(
      `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>`,
    )
    await desk.settles()
    p.clock.advance(30_000)
    await settle(p)
    expect(rung(p)).toMatchObject([{ kind: 'body', badge: 1 }])
  })

  test('a desk in the background holds nothing back', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await deskInUse(p)
    desk.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await desk.settles()
    await says(romeo, chat('hist!'), desk)
    expect(kinds(p)).toEqual(['body'])
  })

  for (const [show, away, expected] of [
    ['away', ` away='true'`, ['body']],
    ['xa', ` away='true'`, ['body']],
    ['dnd', ` away='true'`, []],
    ['away', '', []],
  ] as const)
    test(`tigase:push:away:0: a desk that says ${show} holds ${expected.length > 0 ? 'nothing' : 'the ring'} back${away === '' ? ' without it' : ''}`, async () => {
      using p = play({ toml: PUSH })
      const { romeo, desk } = await deskInUse(p)
      const enable = `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'1'.repeat(64)}'${away}><priority xmlns='tigase:push:priority:0'/></enable>`
      const phone = await p.bound('juliet@bix.org/phone')
      await phone.asks('set', enable)
      phone.sends('</stream:stream>')
      desk.sends(`<presence><show>${show}</show></presence>`)
      await desk.settles()
      await says(romeo, chat('hist!'), desk)
      expect(kinds(p)).toEqual([...expected])
      p.clock.advance(30_000)
      await settle(p)
      expect(kinds(p)).toEqual(['body'])
    })

  test('a call does not wait', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await deskInUse(p)
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat' id='c'><propose xmlns='urn:xmpp:jingle-message:0' id='c'/><store xmlns='urn:xmpp:hints'/></message>`,
      desk,
    )
    expect(kinds(p)).toEqual(['call'])
  })

  test('what is held survives a crash, and rings at its time', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-held-'))
    try {
      let crashed = ''
      {
        using p = play({ toml: PUSH, file: join(dir, 'belfry.db') })
        const { romeo, desk } = await deskInUse(p)
        await says(romeo, chat('hist!'), desk)
        crashed = p.crash()
      }
      using p = play({ toml: PUSH, file: crashed })
      await settle(p)
      expect(p.pushed).toEqual([])
      p.clock.advance(30_000)
      await settle(p)
      expect(kinds(p)).toEqual(['body'])
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('the own app is in the background', () => {
  async function background(p: Play): Promise<Cast> {
    const { romeo } = await cast(p)
    const phone = await p.online('juliet@bix.org/phone')
    phone.sends(`<enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/>`)
    await phone.settles()
    phone.forget()
    return { romeo, phone }
  }

  test('it rings when no ack comes soon', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await background(p)
    await says(romeo, chat('hist!'))
    expect(p.pushed).toEqual([])
    p.clock.advance(3_000)
    await settle(p)
    expect(kinds(p)).toEqual(['body'])
    p.clock.advance(60_000)
    await settle(p)
    expect(kinds(p)).toEqual(['body'])
  })

  test('an ack in time: the app shows it itself', async () => {
    using p = play({ toml: PUSH })
    const { romeo, phone } = await background(p)
    await says(romeo, chat('hist!'))
    phone.sends(`<a xmlns='urn:xmpp:sm:3' h='2'/>`)
    await phone.settles()
    p.clock.advance(60_000)
    await settle(p)
    expect(p.pushed).toEqual([])
    expect(verdicts(p)).toEqual(['held inactive-unacked', 'withdrawn acked'])
  })

  test('the same, although another wait for that ack was taken back in between', async () => {
    using p = play({ toml: PUSH })
    const { romeo, phone } = await background(p)
    await says(romeo, chat('hist!'))
    const [session] = p.world.sessions.of('juliet@bix.org')
    const [entry] = session?.delivery.inFlight.values() ?? []
    const undone = p.router.run((t) => {
      if (session) awaitAck(t, session, String(entry?.given.id))
      throw new Error('undone')
    })
    expect(await undone.catch(String)).toContain('undone')
    phone.sends(`<a xmlns='urn:xmpp:sm:3' h='2'/>`)
    await phone.settles()
    expect(verdicts(p)).toEqual(['held inactive-unacked', 'withdrawn acked'])
  })
})

describe('what a person wants', () => {
  const bookmark = (rule: string) =>
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='romeo@bix.org'>` +
    `<conference xmlns='urn:xmpp:bookmarks:1'><extensions><notify xmlns='urn:xmpp:notification-settings:1'><${rule}/></notify></extensions></conference></item></publish></pubsub>`

  const rules: [string, string, string[]][] = [
    ['never', 'romeo loves juliet', []],
    ['on-mention', 'but soft', []],
    ['on-mention', 'juliet is the sun', ['body']],
    ['always', 'but soft', ['body']],
  ]
  for (const [rule, body, expected] of rules)
    test(`XEP-0492 §3: ${rule}, and “${body}”: ${expected.length > 0 ? 'rings' : 'does not ring'}`, async () => {
      using p = play({ toml: PUSH })
      const { romeo } = await cast(p)
      const desk = await p.bound('juliet@bix.org/desk')
      expect((await desk.asks('set', bookmark(rule))).attrs.type).toBe('result')
      desk.sends('</stream:stream>')
      await says(romeo, chat(body))
      expect(kinds(p)).toEqual(expected)
    })

  test('a muted chat does not count', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const desk = await p.bound('juliet@bix.org/desk')
    await desk.asks('set', bookmark('never'))
    desk.sends('</stream:stream>')
    await says(romeo, chat('muted'))
    const nurse = await p.online('nurse@bix.org/home')
    await says(nurse, chat('heard'))
    expect(rung(p)).toMatchObject([{ kind: 'body', badge: 1 }])
  })

  test('a chat that is muted later counts no longer', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const nurse = await p.online('nurse@bix.org/home')
    await says(romeo, chat('one'))
    await says(nurse, chat('two'))
    const desk = await p.bound('juliet@bix.org/desk')
    await desk.asks('set', bookmark('on-mention'))
    await passes(p, 2_000)
    expect(count(p)).toBe(2)
    await desk.asks('set', bookmark('never'))
    await passes(p, 2_000)
    expect(rung(p).slice(2)).toEqual([{ kind: 'badge', badge: 1, messageId: 'badge' }])
    expect(verdicts(p)).toContain('withdrawn muted')
  })

  test('quiet hours: nothing rings, and the number grows on', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const account = p.store.accounts.find('juliet@bix.org')
    if (!account) throw new Error('no account')
    const quiet = { from: '22:00', to: '07:00', zone: 'Europe/Rome' }
    // The plays begin at midnight UTC, one o'clock in Verona.
    await p.router.run((t) => t.store.unread.setSettings(account.id, { quiet, unknownSenders: true }))
    await says(romeo, chat('at night'))
    expect(verdicts(p)).toEqual(['suppressed quiet-hours'])
    p.clock.advance(7 * 3_600_000)
    const later = await p.online('romeo@bix.org/later')
    await says(later, chat('in the morning'))
    expect(rung(p)).toMatchObject([{ kind: 'body', badge: 2 }])
  })

  test('only contacts may ring', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const account = p.store.accounts.find('juliet@bix.org')
    if (!account) throw new Error('no account')
    await p.router.run((t) => t.store.unread.setSettings(account.id, { quiet: null, unknownSenders: false }))
    await says(romeo, chat('who?'))
    expect(verdicts(p)).toEqual(['suppressed unknown-sender'])
    const desk = await p.bound('juliet@bix.org/desk')
    await desk.asks('set', `<query xmlns='jabber:iq:roster'><item jid='romeo@bix.org'/></query>`)
    desk.sends('</stream:stream>')
    await says(romeo, chat('it is me'))
    expect(kinds(p)).toEqual(['body'])
  })
})

describe('reactions, corrections and retractions', () => {
  const REACTION = `<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/>`
  const CORRECTION = `<body>hist, Romeo!</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`
  const RETRACTION = `<retract xmlns='urn:xmpp:message-retract:1' id='m1'/><store xmlns='urn:xmpp:hints'/>`
  const set = (settings: string) => PUSH.replace('burst = 3\n', `burst = 3\n${settings}\n`)
  const update = (payload: string) => `<message to='juliet@bix.org' type='chat' id='u'>${payload}</message>`

  const rows: [what: string, settings: string, payload: string, expected: object[], said: string[]][] = [
    ['a reaction does nothing by itself', '', REACTION, [], ['suppressed reaction']],
    [
      'XEP-0444: reactions = "badge": one more, without a ring',
      'reactions = "badge"',
      REACTION,
      [{ kind: 'badge', badge: 2, messageId: 'badge' }],
      ['suppressed reaction', 'held badge'],
    ],
    [
      'XEP-0444: reactions = "silent": the app is woken, the number stays',
      'reactions = "silent"',
      REACTION,
      [{ kind: 'reaction', badge: null }],
      [],
    ],
    ['a correction does nothing by itself', '', CORRECTION, [], ['suppressed correction']],
    [
      'XEP-0308: corrections = "silent": the app is woken',
      'corrections = "silent"',
      CORRECTION,
      [{ kind: 'correction', badge: null }],
      [],
    ],
    [
      'XEP-0424: retractions = "silent": the app is woken and the number goes down',
      'retractions = "silent"',
      RETRACTION,
      [
        { kind: 'retraction', badge: null },
        { kind: 'badge', badge: 0 },
      ],
      ['held badge', 'withdrawn retracted'],
    ],
  ]
  for (const [what, settings, payload, expected, said] of rows)
    test(what, async () => {
      using p = play({ toml: set(settings) })
      const { romeo } = await cast(p)
      await says(romeo, chat('hist!', 'm1'))
      await says(romeo, update(payload))
      p.clock.advance(2_000)
      await settle(p)
      expect(rung(p)).toMatchObject([{ kind: 'body', badge: 1 }, ...expected])
      expect(verdicts(p).sort()).toEqual(said.sort())
    })

  test('two reactions within the wait are one push that changes the number', async () => {
    using p = play({ toml: set('reactions = "badge"') })
    const { romeo } = await cast(p)
    await says(romeo, update(REACTION))
    await says(romeo, update(REACTION))
    p.clock.advance(10_000)
    await settle(p)
    expect(rung(p)).toEqual([{ kind: 'badge', badge: 2, messageId: 'badge' }])
  })

  test('a muted chat neither counts them nor wakes for them', async () => {
    for (const reactions of ['badge', 'silent']) {
      using p = play({ toml: set(`reactions = "${reactions}"`) })
      const { romeo } = await cast(p)
      const desk = await p.bound('juliet@bix.org/desk')
      const notify = `<notify xmlns='urn:xmpp:notification-settings:1'><never/></notify>`
      const item = `<item id='romeo@bix.org'><conference xmlns='urn:xmpp:bookmarks:1'><extensions>${notify}</extensions></conference></item>`
      await desk.asks(
        'set',
        `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'>${item}</publish></pubsub>`,
      )
      desk.sends('</stream:stream>')
      await says(romeo, update(REACTION))
      p.clock.advance(10_000)
      await settle(p)
      expect(p.pushed).toEqual([])
    }
  })
})

test('two phones: the one that is open is spared, the other waits for it', async () => {
  using p = play({ toml: PUSH })
  const { romeo } = await cast(p, ['phone', 'pad'])
  const pad = await p.online('juliet@bix.org/pad')
  await says(romeo, chat('hist!'), pad)
  expect(verdicts(p).sort()).toEqual(['held other-device-active', 'suppressed session-active'])
  p.clock.advance(30_000)
  await settle(p)
  expect(p.pushed).toHaveLength(1)
})

describe('who speaks in a room (XEP-0045)', () => {
  // Rooms are not there yet; a stanza of theirs looks like this.
  const speaks = (to: string) =>
    `<message to='juliet@bix.org/${to}' type='groupchat' id='g1'><body>hist!</body></message>`

  for (const [policy, nick] of [
    ['sender', 'orchard'],
    ['none', null],
  ] as const)
    test(`${policy}: ${nick ?? 'nobody'} is named, after a hold as well`, async () => {
      using p = play({ toml: `${PUSH}\nbody = "${policy}"` })
      const { romeo, desk } = await deskInUse(p)
      await says(romeo, speaks('desk'), desk)
      p.clock.advance(30_000)
      await settle(p)
      expect(p.pushed).toMatchObject([{ sender: 'romeo@bix.org', nick, body: null }])
    })

  test('and in a chat nobody', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    await says(romeo, chat('hist!'))
    expect(p.pushed).toMatchObject([{ nick: null }])
  })
})
