/** What happens to a push while it waits: the chat is muted, the night begins, the account or the phone is gone. */
import { describe, expect, test } from 'bun:test'
import { acks, cast, chat, count, deskInUse, kinds, PUSH, RATES } from '../support/phones.ts'
import { passes, says, settle, silentPhone, verdicts } from '../support/phones.ts'
import type { Actor } from '../support/actor.ts'
import { changesOfTrips } from '../support/trips.ts'
import { type Play, play } from '../support/world.ts'
import type { Trip } from '../../src/routing/transit.ts'
import type { Account } from '../../src/store/accounts.ts'

const HELD = 'held other-device-active'

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
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('hist!'), desk)
    expect((await mutes(desk)).attrs.type).toBe('result')
    await passes(p, 30_000)
    expect([kinds(p), verdicts(p)]).toEqual([[], [HELD, 'withdrawn muted']])
  })

  const others: [rule: string, change: (t: Trip, juliet: Account) => unknown][] = [
    [
      'quiet-hours',
      (t, { id }) => {
        // The plays begin at midnight.
        const quiet = { from: '00:00', to: '07:00', zone: 'UTC' }
        t.store.unread.setSettings(id, { quiet, unknownSenders: true })
      },
    ],
    ['account-disabled', (t, juliet) => t.store.accounts.setDisabled(juliet, true)],
  ]
  for (const [rule, change] of others)
    test(`${rule}: it does not ring`, async () => {
      using p = play({ toml: PUSH })
      const { romeo, desk } = await deskInUse(p)
      await says(romeo, chat('hist!'), desk)
      await changes(p, change)
      await passes(p, 30_000)
      expect([kinds(p), verdicts(p)]).toEqual([[], [HELD, `withdrawn ${rule}`]])
    })
})

test('what waits for a phone that is removed has a verdict that says so', async () => {
  using p = play({ toml: RATES })
  const { romeo } = await cast(p)
  for (const body of ['1', '2', '3', '4']) await says(romeo, chat(body))
  expect(p.store.push.counts()).toEqual({ queued: 3, held: 1, dead: 0 })
  await changes(p, (t, { id }) => t.store.push.devices.disable(id, {}))
  expect(p.store.push.counts()).toEqual({ queued: 0, held: 0, dead: 0 })
  expect(verdicts(p)).toEqual(['held burst', ...Array<string>(4).fill('dropped body')])
  await changes(p, (t, { id }) =>
    expect(new Set(t.store.push.explain(id, 4).map(({ reason }) => reason))).toEqual(new Set(['DeviceGone'])),
  )
})

test('a phone that comes out of its tunnel takes back a lot, in several trips', async () => {
  using p = play({ toml: RATES.replace('burst = 3', 'burst = 0') })
  const { romeo, phone } = await silentPhone(p)
  for (let i = 0; i < 300; i++) romeo.sends(chat(`${i}`))
  await romeo.settles()
  await passes(p, 10_000)
  // They ring in several trips as well.
  for (let i = 0; i < 3; i++) await settle(p)
  expect(p.store.push.counts().queued).toBe(300)
  const trips = changesOfTrips(p, 'outbox', ['DELETE'])
  await acks(phone, 301)
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
    const { romeo, phone } = await silentPhone(p)
    phone.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await says(romeo, chat('hist!'))
    expect(verdicts(p)).toEqual(['held inactive-unacked'])
    phone.transport.destroy()
    await settle(p)
    const again = await p.bound('juliet@bix.org/phone')
    await settle(p)
    // It waits in offline storage, and the app is believed to come for it.
    expect([verdicts(p), kinds(p)]).toEqual([['held inactive-unacked'], []])
    if (!stays) again.transport.destroy()
    await passes(p, 3_000)
    expect(kinds(p)).toEqual(['body'])
  })
