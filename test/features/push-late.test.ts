/** What becomes of a ring when the message turns out to have been seen: late acks, apps that come back, other devices. */
import { describe, expect, test } from 'bun:test'
import type { Feature } from '../../src/routing/feature.ts'
import { confirm } from '../../src/routing/delivery.ts'
import { explain, phoneOf } from '../support/phone.ts'
import {
  acks,
  cast,
  chat,
  count,
  deskInUse,
  manages,
  passes,
  PUSH,
  RATES,
  says,
  settle,
  silentDesk,
  silentPhone,
} from '../support/phones.ts'
import { changesOfTrips } from '../support/trips.ts'
import { play } from '../support/world.ts'

const NAMES = Array.from({ length: 10 }, (_, i) => `phone${i}`)

describe('a session that shows late that it has the message', () => {
  test('the desk is in doubt after sm.ack_timeout: the phone does not wait for it any longer', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await silentDesk(p)
    await says(romeo, chat('hist!'))
    await passes(p, 9_999)
    await phone.isSilent()
    await passes(p, 1)
    await phone.rings({ badge: 1 })
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('many messages and phones at once: all ring, and no trip writes more rows than it may', async () => {
    const messages = Array.from({ length: 40 }, (_, i) => `m${i}`)
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await silentDesk(p, NAMES)
    for (const id of messages) await says(romeo, chat(id))
    const rows = changesOfTrips(p, 'outbox', ['INSERT'])
    p.clock.advance(10_000)
    for (let i = 0; i < 10; i++) await settle(p)
    for (const n of NAMES.keys()) {
      const shown = await phone.other(n + 1).shows()
      expect(shown).toHaveLength(messages.length)
      expect(new Set(shown.map(({ message }) => message)).size).toBe(messages.length)
    }
    expect(Math.max(...rows)).toBeLessThanOrEqual(256)
  })

  test('what is acknowledged between two such trips does not ring', async () => {
    // After the second of the three trips that there would be.
    const wakes: Feature = {
      name: 'wakes',
      xeps: [],
      delivery: { timedOut: (t, session) => t.soon((later) => confirm(later, session)) },
    }
    using p = play({ toml: PUSH, extra: [wakes] })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await silentPhone(p)
    for (let i = 0; i < 100; i++) await says(romeo, chat(`m${i}`))
    p.clock.advance(10_000)
    for (let i = 0; i < 10; i++) await settle(p)
    await phone.isSilent()
  })

  test('another desk that is in use makes the phone wait on', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await silentDesk(p)
    const other = await p.online('juliet@bix.org/other')
    await says(romeo, chat('hist!'), other)
    await passes(p, 10_000)
    await phone.isSilent()
    await passes(p, 20_000)
    await phone.rings({})
  })

  test('after the phone has rung: the number on it goes down by a push that only changes it', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await silentDesk(p)
    await says(romeo, chat('hist!'))
    await passes(p, 10_000)
    await phone.rings({ badge: 1 })
    await acks(desk, 2)
    await passes(p, 2_000)
    await phone.counts(0)
  })

  test('but not where the apps tell what was read: then only that counts', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    desk.sends(
      `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m0'/></message>`,
    )
    await manages(desk)
    await says(romeo, chat('hist!'))
    await passes(p, 10_000)
    await phone.rings({})
    await acks(desk, 2)
    await passes(p, 2_000)
    await phone.isSilent()
    expect(count(p)).toBe(1)
  })

  test('nor where the app is in the background', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const app = await p.online('juliet@bix.org/phone')
    app.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await manages(app)
    await says(romeo, chat('hist!'))
    await passes(p, 10_000)
    await phone.rings({})
    await acks(app, 2)
    await passes(p, 2_000)
    await phone.isSilent()
    expect(count(p)).toBe(1)
  })

  test('while its push still waits to be sent: it is taken back', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo, app } = await silentPhone(p)
    await says(romeo, chat('hist!'))
    await passes(p, 10_000)
    await acks(app, 2)
    phone.isReached()
    await phone.isSilent()
    expect(await explain(p)).toEqual([
      'not rung: a connected app took the message',
      'taken back before it was sent: an app has shown late that it has it',
    ])
    expect(count(p)).toBe(0)
  })

  test('while its push is held: it is taken back as well', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo, app } = await silentPhone(p)
    for (const body of ['1', '2', '3', '4']) await says(romeo, chat(body))
    await passes(p, 10_000)
    expect(await explain(p)).toContain('kept back until later: too many came within a minute')
    await acks(app, 5)
    await passes(p, 60_000)
    phone.isReached()
    await phone.isSilent()
    const why = 'taken back before it was sent: an app has shown late that it has it'
    expect((await explain(p)).slice(-4)).toEqual(Array<string>(4).fill(why))
  })

  test('a push that is on the wire is not taken back', async () => {
    using p = play({ toml: PUSH })
    const { romeo, app } = await silentPhone(p)
    await says(romeo, chat('hist!'))
    await passes(p, 10_000)
    p.store.push.recall = () => undefined
    await acks(app, 2)
    expect(p.store.push.counts().queued).toBe(1)
  })

  test('XEP-0198 §5: an app that comes back has shown what rang meanwhile', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, app, id } = await silentPhone(p)
    app.transport.destroy()
    await says(romeo, chat('hist!'))
    await phone.rings({ badge: 1 })
    const back = await p.returns('juliet@bix.org')
    back.sends(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`)
    await back.receives(`<resumed xmlns='urn:xmpp:sm:3' previd='${id}' h='{any}'/>`)
    await acks(back, 2)
    expect(count(p)).toBe(0)
    back.transport.destroy()
    await says(romeo, chat('again'))
    await phone.rings({ badge: 1 })
  })
})

test('what the open app of the only phone shows does not count, unless it tells what was read', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo } = await cast(p)
  const app = await p.online('juliet@bix.org/phone')
  await says(romeo, chat('seen'), app)
  app.sends('</stream:stream>')
  await settle(p)
  await says(romeo, chat('unseen', 'm2'))
  await phone.rings({ badge: 1 })
  const again = await p.online('juliet@bix.org/phone')
  again.sends(
    `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m2'/></message>`,
  )
  await again.settles()
  await says(romeo, chat('not marked'), again)
  again.sends('</stream:stream>')
  await settle(p)
  await says(romeo, chat('away'))
  await phone.rings({ badge: 2 })
})

test('what was read elsewhere while Apple could not be reached does not ring later', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p, { reached: false })
  const { romeo } = await cast(p)
  await says(romeo, chat('hist!', 'm1'))
  const desk = await p.bound('juliet@bix.org/desk')
  desk.sends(`<message to='romeo@bix.org' type='chat'><body>I hear</body></message>`)
  await desk.settles()
  phone.isReached()
  await phone.isSilent()
  expect(await explain(p)).toContain('taken back before it was sent: it was read on another device')
})
