/** What becomes of a ring when the message turns out to have been seen: late acks, apps that come back, other devices. */
import { describe, expect, test } from 'bun:test'
import type { Feature } from '../../src/routing/feature.ts'
import { confirm } from '../../src/routing/delivery.ts'
import {
  acks,
  areSent,
  cast,
  chat,
  count,
  deskInUse,
  kinds,
  manages,
  PUSH,
  RATES,
  rung,
  says,
  settle,
  silentDesk,
  silentPhone,
  verdicts,
} from '../support/phones.ts'
import { changesOfTrips } from '../support/trips.ts'
import { play } from '../support/world.ts'

const NAMES = Array.from({ length: 10 }, (_, i) => `phone${i}`)

describe('a session that shows late that it has the message', () => {
  test('the desk is in doubt after sm.ack_timeout: the phone does not wait for it any longer', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await silentDesk(p)
    await says(romeo, chat('hist!'))
    p.clock.advance(9_999)
    await settle(p)
    expect(p.pushed).toEqual([])
    p.clock.advance(1)
    await settle(p)
    expect(rung(p)).toMatchObject([{ kind: 'body', badge: 1 }])
    p.clock.advance(60_000)
    await settle(p)
    expect(p.pushed).toHaveLength(1)
  })

  test('many messages and phones at once: all ring, and no trip writes more rows than it may', async () => {
    const messages = Array.from({ length: 40 }, (_, i) => `m${i}`)
    using p = play({ toml: PUSH })
    const { romeo } = await silentDesk(p, NAMES)
    for (const id of messages) await says(romeo, chat(id))
    const rows = changesOfTrips(p, 'outbox', ['INSERT'])
    p.clock.advance(10_000)
    for (let i = 0; i < 10; i++) await settle(p)
    expect(p.pushed).toHaveLength(NAMES.length * messages.length)
    expect(new Set(p.pushed.map(({ messageId, device }) => `${messageId} ${device?.id}`)).size).toBe(400)
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
    const { romeo } = await silentPhone(p)
    for (let i = 0; i < 100; i++) await says(romeo, chat(`m${i}`))
    p.clock.advance(10_000)
    for (let i = 0; i < 10; i++) await settle(p)
    expect(p.pushed).toHaveLength(84)
    expect(p.store.push.counts().queued).toBe(0)
  })

  test('another desk that is in use makes the phone wait on', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await silentDesk(p)
    const other = await p.online('juliet@bix.org/other')
    await says(romeo, chat('hist!'), other)
    p.clock.advance(10_000)
    await settle(p)
    expect(p.pushed).toEqual([])
    p.clock.advance(20_000)
    await settle(p)
    expect(p.pushed).toHaveLength(1)
  })

  test('after the phone has rung: the number on it goes down by a push that only changes it', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await silentDesk(p)
    await says(romeo, chat('hist!'))
    p.clock.advance(10_000)
    await settle(p)
    await areSent(p)
    await acks(desk, 2)
    p.clock.advance(2_000)
    await settle(p)
    expect(rung(p)).toMatchObject([
      { kind: 'body', badge: 1 },
      { kind: 'badge', badge: 0 },
    ])
  })

  test('but not where the apps tell what was read: then only that counts', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await deskInUse(p)
    desk.sends(
      `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m0'/></message>`,
    )
    await manages(desk)
    await says(romeo, chat('hist!'))
    p.clock.advance(10_000)
    await settle(p)
    await areSent(p)
    await acks(desk, 2)
    p.clock.advance(2_000)
    await settle(p)
    expect(kinds(p)).toEqual(['body'])
    expect(count(p)).toBe(1)
  })

  test('nor where the app is in the background', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const phone = await p.online('juliet@bix.org/phone')
    phone.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await manages(phone)
    await says(romeo, chat('hist!'))
    p.clock.advance(10_000)
    await settle(p)
    await areSent(p)
    await acks(phone, 2)
    p.clock.advance(2_000)
    await settle(p)
    expect(kinds(p)).toEqual(['body'])
    expect(count(p)).toBe(1)
  })

  test('while its push still waits to be sent: it is taken back', async () => {
    using p = play({ toml: PUSH })
    const { romeo, phone } = await silentPhone(p)
    await says(romeo, chat('hist!'))
    p.clock.advance(10_000)
    await settle(p)
    expect(p.store.push.counts().queued).toBe(1)
    await acks(phone, 2)
    expect(p.store.push.counts().queued).toBe(0)
    expect(verdicts(p)).toEqual(['suppressed session-active', 'withdrawn late-ack'])
    expect(count(p)).toBe(0)
  })

  test('while its push is held: it is taken back as well', async () => {
    using p = play({ toml: RATES })
    const { romeo, phone } = await silentPhone(p)
    for (const body of ['1', '2', '3', '4']) await says(romeo, chat(body))
    p.clock.advance(10_000)
    await settle(p)
    expect(verdicts(p)).toContain('held burst')
    await acks(phone, 5)
    p.clock.advance(60_000)
    await settle(p)
    expect(p.store.push.counts().queued).toBe(0)
    expect(verdicts(p).filter((verdict) => verdict === 'withdrawn late-ack')).toHaveLength(4)
  })

  test('a push that is on the wire is not taken back', async () => {
    using p = play({ toml: PUSH })
    const { romeo, phone } = await silentPhone(p)
    await says(romeo, chat('hist!'))
    p.clock.advance(10_000)
    await settle(p)
    p.store.push.recall = () => undefined
    await acks(phone, 2)
    expect(p.store.push.counts().queued).toBe(1)
  })

  test('XEP-0198 §5: an app that comes back has shown what rang meanwhile', async () => {
    using p = play({ toml: PUSH })
    const { romeo, phone, id } = await silentPhone(p)
    phone.transport.destroy()
    await says(romeo, chat('hist!'))
    expect(rung(p)).toMatchObject([{ kind: 'body', badge: 1 }])
    await areSent(p)
    const back = await p.returns('juliet@bix.org')
    back.sends(`<resume xmlns='urn:xmpp:sm:3' previd='${id}' h='1'/>`)
    await back.receives(`<resumed xmlns='urn:xmpp:sm:3' previd='${id}' h='{any}'/>`)
    await acks(back, 2)
    expect(count(p)).toBe(0)
    back.transport.destroy()
    await says(romeo, chat('again'))
    expect(rung(p).slice(1)).toMatchObject([{ kind: 'body', badge: 1 }])
  })
})

test('what the open app of the only phone shows does not count, unless it tells what was read', async () => {
  using p = play({ toml: PUSH })
  const { romeo } = await cast(p)
  const phone = await p.online('juliet@bix.org/phone')
  await says(romeo, chat('seen'), phone)
  phone.sends('</stream:stream>')
  await settle(p)
  await says(romeo, chat('unseen', 'm2'))
  expect(rung(p)).toMatchObject([{ badge: 1 }])
  const again = await p.online('juliet@bix.org/phone')
  again.sends(
    `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m2'/></message>`,
  )
  await again.settles()
  await says(romeo, chat('not marked'), again)
  again.sends('</stream:stream>')
  await settle(p)
  await says(romeo, chat('away'))
  expect(rung(p).slice(1)).toMatchObject([{ badge: 2 }])
})

test('what was read elsewhere while Apple could not be reached does not ring later', async () => {
  using p = play({ toml: PUSH })
  const { romeo } = await cast(p)
  await says(romeo, chat('hist!', 'm1'))
  expect(p.store.push.counts().queued).toBe(1)
  const desk = await p.bound('juliet@bix.org/desk')
  desk.sends(`<message to='romeo@bix.org' type='chat'><body>I hear</body></message>`)
  await desk.settles()
  expect(p.store.push.counts().queued).toBe(0)
  expect(verdicts(p)).toContain('withdrawn read-elsewhere')
})
