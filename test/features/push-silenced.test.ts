/** What happens to a push while it waits: the chat is muted, the night begins, the account or the phone is gone. */
import { describe, expect, test } from 'bun:test'
import { explain, phoneOf } from '../support/phone.ts'
import {
  acks,
  cast,
  chat,
  count,
  deskInUse,
  passes,
  PUSH,
  RATES,
  says,
  settle,
  silentPhone,
} from '../support/phones.ts'
import type { Actor } from '../support/actor.ts'
import { changesOfTrips } from '../support/trips.ts'
import { type Play, play } from '../support/world.ts'
import type { Trip } from '../../src/routing/transit.ts'
import type { Account } from '../../src/store/accounts.ts'

const HELD = 'kept back until later: another device is in use and may still read it'

async function changes(p: Play, change: (t: Trip, juliet: Account) => unknown): Promise<void> {
  await p.router.run((t) => {
    const juliet = t.store.accounts.find('juliet@bix.org')
    if (!juliet) throw new Error('no account')
    change(t, juliet)
  })
}

describe('while a push waits for another device', () => {
  const mutes = (desk: Actor) =>
    desk.asks(
      'set',
      `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='urn:xmpp:bookmarks:1'><item id='romeo@bix.org'><conference xmlns='urn:xmpp:bookmarks:1'><extensions><notify xmlns='urn:xmpp:notification-settings:1'><never/></notify></extensions></conference></item></publish></pubsub>`,
    )

  test('XEP-0492 §3: the chat is muted: it does not ring', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('hist!'), desk)
    expect((await mutes(desk)).attrs.type).toBe('result')
    await passes(p, 30_000)
    await phone.isSilent()
    expect(await explain(p)).toEqual([HELD, 'taken back before it was sent: the chat is muted'])
  })

  const others: [why: string, change: (t: Trip, juliet: Account) => unknown][] = [
    [
      'it came in the quiet hours',
      (t, { id }) => {
        // The plays begin at midnight.
        const quiet = { from: '00:00', to: '07:00', zone: 'UTC' }
        t.store.unread.setSettings(id, { quiet, unknownSenders: true })
      },
    ],
    ['the account is disabled', (t, juliet) => t.store.accounts.setDisabled(juliet, true)],
  ]
  for (const [why, change] of others)
    test(`${why}: it does not ring`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { romeo, desk } = await deskInUse(p)
      await says(romeo, chat('hist!'), desk)
      await changes(p, change)
      await passes(p, 30_000)
      await phone.isSilent()
      expect(await explain(p)).toEqual([HELD, `taken back before it was sent: ${why}`])
    })
})

test('what waits for a phone that is removed has a verdict that says so', async () => {
  using p = play({ toml: RATES })
  await using phone = await phoneOf(p, { reached: false })
  const { romeo } = await cast(p)
  for (const body of ['1', '2', '3', '4']) await says(romeo, chat(body))
  await changes(p, (t, { id }) => {
    for (const device of t.store.push.devices.of(id)) t.store.push.devices.delete(device.id, 'disabled')
  })
  phone.isReached()
  await phone.isSilent()
  expect(await explain(p)).toEqual([
    'kept back until later: too many came within a minute',
    ...Array<string>(4).fill('given up: the device was removed while it waited'),
  ])
})

test('a phone that comes out of its tunnel takes back a lot, in several trips', async () => {
  using p = play({ toml: RATES.replace('burst = 3', 'burst = 0') })
  const { romeo, app } = await silentPhone(p)
  for (let i = 0; i < 300; i++) romeo.sends(chat(`${i}`))
  await romeo.settles()
  await passes(p, 10_000)
  // They ring in several trips as well.
  for (let i = 0; i < 3; i++) await settle(p)
  expect(p.store.push.counts().queued).toBe(300)
  const trips = changesOfTrips(p, 'outbox', ['DELETE'])
  await acks(app, 301)
  await settle(p)
  expect(trips.filter((n) => n > 0)).toEqual([128, 128, 44])
  expect(count(p)).toBe(0)
})

test('each message of an app that is doubted has a row, however many there are', async () => {
  using p = play({ toml: '[limits]\nstanzas_per_second = 0\nbytes_per_second = 0' })
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.online('juliet@bix.org/phone')
  for (let i = 0; i < 450; i++) romeo.sends(chat(`${i}`))
  await romeo.settles()
  const rows = () => p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM offline').get()?.n
  expect(rows()).toBe(0)
  await passes(p, 10_000)
  await settle(p)
  expect(rows()).toBe(450)
})

for (const stays of [true, false])
  test(`an app that comes back without resuming and ${stays ? 'asks for nothing' : 'leaves'} has not acknowledged what was held for it`, async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, app } = await silentPhone(p)
    app.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await says(romeo, chat('hist!'))
    expect(await explain(p)).toEqual([
      'kept back until later: the app is in the background and may still show that it has it',
    ])
    app.transport.destroy()
    await settle(p)
    const again = await p.bound('juliet@bix.org/phone')
    await settle(p)
    // It waits in offline storage, and the app is believed to come for it.
    await phone.isSilent()
    expect(await explain(p)).toEqual([
      'kept back until later: the app is in the background and may still show that it has it',
    ])
    if (!stays) again.transport.destroy()
    await passes(p, 3_000)
    await phone.rings({})
  })
