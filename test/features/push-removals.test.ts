/** What was read elsewhere or taken back goes off the screens of the phones whose apps do that. */
import { describe, expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { type Phone, phoneOf, type Shown } from '../support/phone.ts'
import { cast, chat, FULL, leaves, manages, passes, says, settle } from '../support/phones.ts'
import { changes, configures, inside, ROOM } from '../support/rooms.ts'
import { restarted } from '../support/sm.ts'
import { type Play, play } from '../support/world.ts'

const REMOVALS = `${FULL}\nremovals = true`.replace('burst = 3', 'burst = 0')
const RATES = `${REMOVALS.replace('burst = 0', 'burst = 1')}\n[limits]\nstanzas_per_second = 0\nbytes_per_second = 0`
const HALF_HOUR = 30 * 60_000

const reads = (id: string, to = 'romeo') =>
  `<message to='${to}@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`
const retracts = (id: string) =>
  `<message to='juliet@bix.org' type='chat' id='r-${id}'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/><store xmlns='urn:xmpp:hints'/></message>`

const removed = ({ data }: Shown) => (data as { remove?: unknown }).remove

/** Since it was asked last: what alerts say and take off, and what pushes take off that say nothing. */
async function news(phone: Phone): Promise<unknown[]> {
  const shown = await phone.shows()
  return shown
    .filter(({ as }) => as !== 'number')
    .map((one) => (one.as === 'alert' ? [one.body, removed(one)] : removed(one)))
}

/** Names of the notices that have come; each alert says its own beside Apple's keys. */
async function names(phone: Phone): Promise<string[]> {
  const alerts = (await phone.shows()).filter(({ as }) => as === 'alert')
  for (const { data, collapse } of alerts) expect(data).toMatchObject({ 'collapse-id': collapse })
  return alerts.map(({ collapse }) => collapse ?? '')
}

/** Romeo has written these to juliet's phone, which is off the net; her desk is behind. */
async function told(p: Play, phone: Phone, ...ids: string[]) {
  const { romeo } = await cast(p)
  for (const id of ids) await says(romeo, chat(id))
  const desk = await p.bound('juliet@bix.org/desk')
  return { romeo, desk, ids: await names(phone) }
}

describe('a notice of what was read elsewhere', () => {
  test('goes by a push of its own that wakes the app, and by every later alert', async () => {
    using p = play({ toml: REMOVALS })
    await using phone = await phoneOf(p)
    const { romeo, desk, ids } = await told(p, phone, 'm1', 'm2', 'm3')
    const [one, two] = ids
    await says(desk, reads('m2'))
    await passes(p, 2_000)
    const shown = await phone.shows()
    expect(shown.filter(({ as }) => as !== 'number')).toMatchObject([
      {
        as: 'update',
        data: { aps: { 'content-available': 1 }, account: 'juliet@bix.org', remove: [one, two] },
      },
    ])
    await leaves(p, desk)
    for (const id of ['m4', 'm5']) await says(romeo, chat(id))
    expect(await news(phone)).toEqual([
      ['m4', [one, two]],
      ['m5', [one, two]],
    ])
  })

  test('that push comes twice an hour at most, and says all that no push has said', async () => {
    using p = play({ toml: REMOVALS })
    await using phone = await phoneOf(p)
    const { desk, ids } = await told(p, phone, 'm1', 'm2', 'm3')
    await says(desk, reads('m1'))
    await passes(p, 2_000)
    expect(await news(phone)).toEqual([[ids[0]]])
    for (const id of ['m2', 'm3']) {
      await says(desk, reads(id))
      await passes(p, 10 * 60_000)
    }
    expect(await news(phone)).toEqual([])
    await passes(p, HALF_HOUR)
    // Those that it was told before are said again: nobody knows whether it was on the net.
    expect(await news(phone)).toEqual([ids])
    await passes(p, 24 * HALF_HOUR)
    expect(await news(phone)).toEqual([])
  })

  test('push.removal_every is the least time between two', async () => {
    using p = play({ toml: REMOVALS.replace('[push]', '[push]\nremoval_every = "5m"') })
    await using phone = await phoneOf(p)
    const { desk, ids } = await told(p, phone, 'm1', 'm2')
    for (const id of ['m1', 'm2']) await says(desk, reads(id)).then(() => passes(p, 2_000))
    await passes(p, 5 * 60_000 - 4_001)
    expect(await news(phone)).toEqual([[ids[0]]])
    await passes(p, 2_001)
    expect(await news(phone)).toEqual([ids])
  })

  const ways: [what: string, (desk: Actor, romeo: Actor, id: string) => Promise<unknown>][] = [
    [
      'an own answer',
      (desk) => says(desk, `<message to='romeo@bix.org' type='chat'><body>ay</body></message>`),
    ],
    [
      'a displayed mark (XEP-0490)',
      (desk, _, id) =>
        desk.asks(
          'set',
          `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:mds:displayed:0'><item id='romeo@bix.org'>` +
            `<displayed xmlns='urn:xmpp:mds:displayed:0'><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@bix.org' id='${id}'/></displayed>` +
            `</item></publish></pubsub>`,
        ),
    ],
    ['a desk that opens, where no app marks', async (desk) => says(desk, '<presence/>')],
    ['its sender, who takes it back (XEP-0424)', (_, romeo) => says(romeo, retracts('m1'))],
  ]
  for (const [what, acts] of ways)
    test(`goes by ${what} as well`, async () => {
      using p = play({ toml: REMOVALS })
      await using phone = await phoneOf(p)
      const { romeo, desk, ids } = await told(p, phone, 'm1')
      await acts(desk, romeo, ids[0] ?? '')
      await passes(p, 2_000)
      expect(await news(phone)).toEqual([ids])
    })

  test('goes where a moderator of a room takes it back (XEP-0425)', async () => {
    using p = play({ toml: REMOVALS })
    await using phone = await phoneOf(p)
    await cast(p)
    const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
    await configures(romeo, { 'muc#roomconfig_persistentroom': '1', 'muc#roomconfig_membersonly': '1' })
    await changes(romeo, `<item affiliation='member' jid='juliet@bix.org' nick='Capulet'/>`)
    await settle(p)
    romeo.forget()
    await says(romeo, `<message to='${ROOM}' type='groupchat' id='m1'><body>rude</body></message>`)
    for (let i = 0; i < 3; i++) await settle(p)
    const said = romeo.heard.find(({ name }) => name === 'message')
    const id = said && child(said, 'stanza-id', 'urn:xmpp:sid:0')?.attrs.id
    const ids = await names(phone)
    expect(ids).not.toEqual([])
    await romeo.asks(
      'set',
      `<moderate xmlns='urn:xmpp:message-moderate:1' id='${id}'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`,
      ROOM,
    )
    await settle(p)
    await passes(p, 2_000)
    expect(await news(phone)).toEqual([ids.slice(-1)])
  })

  test('does not go from an app that does not say that it takes notices off, nor while that is open', async () => {
    for (const [toml, open] of [
      [FULL, false],
      [REMOVALS, true],
    ] as const) {
      using p = play({ toml })
      await using phone = await phoneOf(p)
      const { desk } = await told(p, phone, 'm1')
      if (open) await manages(await p.online('juliet@bix.org/phone'))
      await says(desk, reads('m1'))
      await passes(p, HALF_HOUR)
      expect(await news(phone)).toEqual([])
    }
  })

  test('limits.notices_per_device: the oldest are forgotten', async () => {
    using p = play({ toml: `${REMOVALS}\n[limits]\nrates = false\nnotices_per_device = 2` })
    await using phone = await phoneOf(p)
    const { desk, ids } = await told(p, phone, 'm1', 'm2', 'm3')
    await says(desk, reads('m3'))
    await passes(p, 2_000)
    expect(await news(phone)).toEqual([ids.slice(1)])
  })

  test('one that a newer push of its chat takes the place of has not gone', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await told(p, phone, 'm1')
    await says(romeo, chat('m2'))
    await passes(p, 5_000)
    const [burst] = await names(phone)
    await says(desk, reads('m2'))
    await passes(p, 60_000)
    expect(JSON.stringify(await news(phone))).toContain(String(burst))
    for (const id of ['m3', 'm4']) await says(romeo, chat(id))
    await passes(p, 5_000)
    const shown = await phone.shows()
    expect(shown.at(-1)).toMatchObject({ body: 'm4', collapse: burst })
    expect(removed(shown.at(-1) as Shown)).not.toContain(burst)
  })

  test('a restart in the midst forgets neither what is shown, nor what has gone, nor when it was said', async () => {
    let ids: string[] = []
    await restarted(
      async (p) => {
        await using phone = await phoneOf(p)
        const { desk, ids: all } = await told(p, phone, 'm1', 'm2', 'm3')
        await says(desk, reads('m1'))
        await passes(p, 2_000)
        expect(await news(phone)).toEqual([[all[0]]])
        await says(desk, reads('m2'))
        ids = all
      },
      async (p) => {
        await using phone = await phoneOf(p)
        await passes(p, HALF_HOUR - 60_000)
        expect(await news(phone)).toEqual([])
        await says(await p.bound('juliet@bix.org/desk'), reads('m3'))
        await passes(p, 60_000)
        expect(await news(phone)).toEqual([ids])
      },
      REMOVALS,
      4_000,
    )
  })

  test('what two accounts have on one phone goes by one push', async () => {
    using p = play({ toml: `${REMOVALS}\naccounts = "many"` })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await told(p, phone)
    const nurse = await p.online('nurse@bix.org/phone')
    await nurse.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'1'.repeat(64)}'/>`)
    await leaves(p, nurse)
    await says(romeo, chat('m1'))
    await says(romeo, chat('m2').replace('juliet', 'nurse'))
    const ids = await names(phone)
    await says(desk, reads('m1'))
    await says(await p.bound('nurse@bix.org/desk'), reads('m2'))
    await passes(p, 2_000)
    await passes(p, HALF_HOUR)
    expect(await news(phone)).toEqual([ids])
  })
})

test('what has gone because the app was open is said by later alerts alone', async () => {
  using p = play({ toml: REMOVALS })
  await using phone = await phoneOf(p)
  const { romeo, ids } = await told(p, phone, 'm1')
  await leaves(p, await p.online('juliet@bix.org/phone'))
  await passes(p, 60_000)
  expect(await news(phone)).toEqual([])
  await says(romeo, chat('m2'))
  expect(await news(phone)).toEqual([['m2', ids]])
})
