import { describe, expect, test } from 'bun:test'
import { awaitAck } from '../../src/push/schedule/background.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { explain, phoneOf, type Shown } from '../support/phone.ts'
import { cast, chat, count, deskInUse, passes, PUSH, says, settle, type Cast } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

describe('another device is in use', () => {
  test('the phone waits, and rings when the time is over', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('hist!'), desk)
    await phone.isSilent()
    await passes(p, 29_999)
    await phone.isSilent()
    await passes(p, 1)
    await phone.rings({})
    expect(await explain(p)).toEqual([
      'kept back until later: another device is in use and may still read it',
    ])
  })

  const readings: [string, (id: string) => string][] = [
    ['a displayed marker (XEP-0333)', (id) => `<displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/>`],
    ['an own answer', () => '<body>I hear</body>'],
  ]
  for (const [what, payload] of readings)
    test(`${what} there: it does not ring`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { romeo, desk } = await deskInUse(p)
      await says(romeo, chat('hist!', 'm1'), desk)
      desk.sends(`<message to='romeo@bix.org' type='chat'>${payload('m1')}</message>`)
      await desk.settles()
      await passes(p, 60_000)
      await phone.isSilent()
      expect(await explain(p)).toEqual([
        'kept back until later: another device is in use and may still read it',
        'taken back before it was sent: it was read on another device',
      ])
    })

  test('a displayed mark (XEP-0490) there: it does not ring', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
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
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('a mark of an older message leaves the newer one to ring', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('one', 'm1'), desk)
    await says(romeo, chat('two', 'm2'), desk)
    desk.sends(
      `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>`,
    )
    await desk.settles()
    await passes(p, 30_000)
    await phone.rings({ badge: 1 })
  })

  test('a desk in the background holds nothing back', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    desk.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await desk.settles()
    await says(romeo, chat('hist!'), desk)
    await phone.rings({})
  })

  for (const [show, away, atOnce] of [
    ['away', ` away='true'`, true],
    ['xa', ` away='true'`, true],
    ['dnd', ` away='true'`, false],
    ['away', '', true],
    ['dnd', '', false],
  ] as const)
    test(`tigase:push:away:0: a desk that says ${show} holds ${atOnce ? 'nothing' : 'the ring'} back${away === '' ? ' without it' : ''}`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { romeo, desk } = await deskInUse(p)
      const enable = `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'1'.repeat(64)}'${away}><priority xmlns='tigase:push:priority:0'/></enable>`
      const app = await p.bound('juliet@bix.org/phone')
      await app.asks('set', enable)
      app.sends('</stream:stream>')
      desk.sends(`<presence><show>${show}</show></presence>`)
      await desk.settles()
      await says(romeo, chat('hist!'), desk)
      await phone.rings(...(atOnce ? [{}] : []))
      await passes(p, 30_000)
      await phone.rings(...(atOnce ? [] : [{}]))
    })

  test('a call does not wait', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat' id='c'><propose xmlns='urn:xmpp:jingle-message:0' id='c'/><store xmlns='urn:xmpp:hints'/></message>`,
      desk,
    )
    await phone.rings({ body: 'is calling you' })
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
      await using phone = await phoneOf(p)
      await settle(p)
      await phone.isSilent()
      await passes(p, 30_000)
      await phone.rings({})
    } finally {
      rmSync(dir, { recursive: true })
    }
  })
})

describe('the own app is in the background', () => {
  async function background(p: Play): Promise<Cast> {
    const { romeo } = await cast(p)
    const app = await p.online('juliet@bix.org/phone')
    app.sends(`<enable xmlns='urn:xmpp:sm:3' resume='true'/><inactive xmlns='urn:xmpp:csi:0'/>`)
    await app.settles()
    app.forget()
    return { romeo, app }
  }

  test('it rings when no ack comes soon', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await background(p)
    await says(romeo, chat('hist!'))
    await phone.isSilent()
    await passes(p, 3_000)
    await phone.rings({})
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('an ack in time: the app shows it itself', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, app } = await background(p)
    await says(romeo, chat('hist!'))
    app.sends(`<a xmlns='urn:xmpp:sm:3' h='2'/>`)
    await app.settles()
    await passes(p, 60_000)
    await phone.isSilent()
    expect(await explain(p)).toEqual([
      'kept back until later: the app is in the background and may still show that it has it',
      'taken back before it was sent: the app has shown that it has it',
    ])
  })

  test('the same, although another wait for that ack was taken back in between', async () => {
    using p = play({ toml: PUSH })
    const { romeo, app } = await background(p)
    await says(romeo, chat('hist!'))
    const [session] = p.world.sessions.of('juliet@bix.org')
    const [entry] = session?.delivery.inFlight.values() ?? []
    const undone = p.router.run((t) => {
      if (session) awaitAck(t, session, String(entry?.given.id))
      throw new Error('undone')
    })
    expect(await undone.catch(String)).toContain('undone')
    app.sends(`<a xmlns='urn:xmpp:sm:3' h='2'/>`)
    await app.settles()
    expect(await explain(p)).toEqual([
      'kept back until later: the app is in the background and may still show that it has it',
      'taken back before it was sent: the app has shown that it has it',
    ])
  })
})

describe('what a person wants', () => {
  const bookmark = (rule: string) =>
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='romeo@bix.org'>` +
    `<conference xmlns='urn:xmpp:bookmarks:1'><extensions><notify xmlns='urn:xmpp:notification-settings:1'><${rule}/></notify></extensions></conference></item></publish></pubsub>`

  const rules: [rule: string, body: string, rings: boolean][] = [
    ['never', 'romeo loves juliet', false],
    ['on-mention', 'but soft', false],
    ['on-mention', 'juliet is the sun', true],
    ['always', 'but soft', true],
  ]
  for (const [rule, body, rings] of rules)
    test(`XEP-0492 §3: ${rule}, and “${body}”: ${rings ? 'rings' : 'does not ring'}`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { romeo } = await cast(p)
      const desk = await p.bound('juliet@bix.org/desk')
      expect((await desk.asks('set', bookmark(rule))).attrs.type).toBe('result')
      desk.sends('</stream:stream>')
      await says(romeo, chat(body))
      await phone.rings(...(rings ? [{}] : []))
    })

  test('a muted chat does not count', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const desk = await p.bound('juliet@bix.org/desk')
    await desk.asks('set', bookmark('never'))
    desk.sends('</stream:stream>')
    await says(romeo, chat('muted'))
    const nurse = await p.online('nurse@bix.org/home')
    await says(nurse, chat('heard'))
    await phone.rings({ badge: 1 })
  })

  test('a chat that is muted later counts no longer', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const nurse = await p.online('nurse@bix.org/home')
    await says(romeo, chat('one'))
    await says(nurse, chat('two'))
    await phone.rings({}, {})
    const desk = await p.bound('juliet@bix.org/desk')
    await desk.asks('set', bookmark('on-mention'))
    await passes(p, 2_000)
    expect(count(p)).toBe(2)
    await desk.asks('set', bookmark('never'))
    await passes(p, 2_000)
    await phone.counts(1)
  })

  test('quiet hours: nothing rings, and the number grows on', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const account = p.store.accounts.find('juliet@bix.org')
    if (!account) throw new Error('no account')
    const quiet = { from: '22:00', to: '07:00', zone: 'Europe/Rome' }
    // The plays begin at midnight UTC, one o'clock in Verona.
    await p.router.run((t) => t.store.unread.setSettings(account.id, { quiet, unknownSenders: true }))
    await says(romeo, chat('at night'))
    expect(await explain(p)).toEqual(['not rung: it came in the quiet hours'])
    p.clock.advance(7 * 3_600_000)
    const later = await p.online('romeo@bix.org/later')
    await says(later, chat('in the morning'))
    await phone.rings({ badge: 2 })
  })

  test('only contacts may ring', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const account = p.store.accounts.find('juliet@bix.org')
    if (!account) throw new Error('no account')
    await p.router.run((t) => t.store.unread.setSettings(account.id, { quiet: null, unknownSenders: false }))
    await says(romeo, chat('who?'))
    expect(await explain(p)).toEqual(['not rung: the sender is no contact, and only contacts may ring'])
    const desk = await p.bound('juliet@bix.org/desk')
    await desk.asks('set', `<query xmlns='jabber:iq:roster'><item jid='romeo@bix.org'/></query>`)
    desk.sends('</stream:stream>')
    await says(romeo, chat('it is me'))
    await phone.rings({})
  })
})

describe('reactions, corrections and retractions', () => {
  const REACTION = `<reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>👍</reaction></reactions><store xmlns='urn:xmpp:hints'/>`
  const CORRECTION = `<body>hist, Romeo!</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>`
  const RETRACTION = `<retract xmlns='urn:xmpp:message-retract:1' id='m1'/><store xmlns='urn:xmpp:hints'/>`
  const set = (settings: string) => PUSH.replace('burst = 3\n', `burst = 3\n${settings}\n`)
  const update = (payload: string) => `<message to='juliet@bix.org' type='chat' id='u'>${payload}</message>`

  const rows: [what: string, settings: string, payload: string, shown: Partial<Shown>[], said: string[]][] = [
    ['a reaction does nothing by itself', '', REACTION, [], ['not rung: Reactions (XEP-0444)']],
    [
      'XEP-0444: reactions = "badge": one more, without a ring',
      'reactions = "badge"',
      REACTION,
      [{ as: 'number', badge: 2 }],
      ['not rung: Reactions (XEP-0444)', 'kept back until later: only the number on the icon changes'],
    ],
    [
      'XEP-0444: reactions = "silent": the app is woken, the number stays',
      'reactions = "silent"',
      REACTION,
      [{ as: 'update', badge: undefined }],
      [],
    ],
    [
      'a correction does nothing by itself',
      '',
      CORRECTION,
      [],
      ['not rung: A message was corrected (XEP-0308)'],
    ],
    [
      'XEP-0308: corrections = "silent": the app is woken',
      'corrections = "silent"',
      CORRECTION,
      [{ as: 'update', badge: undefined }],
      [],
    ],
    [
      'XEP-0424: retractions = "silent": the app is woken and the number goes down',
      'retractions = "silent"',
      RETRACTION,
      [
        { as: 'update', badge: undefined },
        { as: 'number', badge: 0 },
      ],
      ['kept back until later: only the number on the icon changes'],
    ],
  ]
  for (const [what, settings, payload, shown, said] of rows)
    test(what, async () => {
      using p = play({ toml: set(settings) })
      await using phone = await phoneOf(p)
      const { romeo } = await cast(p)
      await says(romeo, chat('hist!', 'm1'))
      await phone.rings({ badge: 1 })
      await says(romeo, update(payload))
      await passes(p, 2_000)
      await phone.rings(...shown)
      expect((await explain(p)).sort()).toEqual(said.sort())
    })

  test('two reactions within the wait are one push that changes the number', async () => {
    using p = play({ toml: set('reactions = "badge"') })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await says(romeo, update(REACTION))
    await says(romeo, update(REACTION))
    await passes(p, 10_000)
    await phone.counts(2)
  })

  test('a muted chat neither counts them nor wakes for them', async () => {
    for (const reactions of ['badge', 'silent']) {
      using p = play({ toml: set(`reactions = "${reactions}"`) })
      await using phone = await phoneOf(p)
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
      await passes(p, 10_000)
      await phone.isSilent()
    }
  })
})

test('two phones: the one that is open is spared, the other waits for it', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo } = await cast(p, ['phone', 'pad'])
  const pad = await p.online('juliet@bix.org/pad')
  await says(romeo, chat('hist!'), pad)
  expect((await explain(p)).sort()).toEqual([
    'kept back until later: another device is in use and may still read it',
    'not rung: a connected app took the message',
  ])
  await passes(p, 30_000)
  await phone.rings({})
})

describe('who speaks in a room (XEP-0045)', () => {
  // Rooms are not there yet; a stanza of theirs looks like this.
  const speaks = (to: string) =>
    `<message to='juliet@bix.org/${to}' type='groupchat' id='g1'><body>hist!</body></message>`

  for (const [policy, nick] of [
    ['sender', 'orchard'],
    ['none', undefined],
  ] as const)
    test(`${policy}: ${nick ?? 'nobody'} is named, after a hold as well`, async () => {
      using p = play({ toml: `${PUSH}\nbody = "${policy}"` })
      await using phone = await phoneOf(p)
      const { romeo, desk } = await deskInUse(p)
      await says(romeo, speaks('desk'), desk)
      await passes(p, 30_000)
      await phone.rings({ nick, body: 'New message' })
    })

  test('and in a chat nobody', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await says(romeo, chat('hist!'))
    await phone.rings({ nick: undefined })
  })
})
