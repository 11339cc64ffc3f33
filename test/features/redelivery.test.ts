import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Jid } from '../../src/xmpp/jid.ts'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { phoneOf } from '../support/phone.ts'
import { passes } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const SM = 'urn:xmpp:sm:3'
const PUSH =
  '[push]\n[[push.apps]]\ntopic = "org.bix.chat"\n' +
  'team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"'
const CHAT = `<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`
const TYPING = `<message to='juliet@bix.org' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`

interface Cast {
  romeo: Actor
  juliet: Actor
  /** SM-ID, where juliet has stream management on. */
  id: string
}

/** Juliet has a phone that can be rung. */
async function cast(p: Play, sm: boolean): Promise<Cast> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/phone')
  await juliet.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'1'.repeat(64)}'/>`)
  if (!sm) return { romeo, juliet, id: '' }
  juliet.sends(`<enable xmlns='${SM}' resume='true'/>`)
  const { id = '' } = (await juliet.next()).attrs
  return { romeo, juliet, id }
}

/** Lets real work under way come to its end: nothing waits for the fake clock here. */
const settle = async (p: Play) => {
  for (let i = 0; i < 3; i++) await p.router.run(() => {})
}

const held = (p: Play) =>
  p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM offline').get()?.n

const pings = (actor: Actor) => actor.heard.filter((el) => child(el, 'ping', 'urn:xmpp:ping')).length

describe('a client without stream management', () => {
  test('is asked by a ping when it says nothing after a message, and not before', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, juliet } = await cast(p, false)
    romeo.sends(CHAT)
    await romeo.settles()
    p.clock.advance(1_999)
    expect(pings(juliet)).toBe(0)
    await passes(p, 1)
    expect(pings(juliet)).toBe(1)
    juliet.sends(`<iq type='result' id='x' to='bix.org'/>`)
    await juliet.settles()
    await passes(p, 60_000)
    await phone.isSilent()
    expect(held(p)).toBe(0)
  })

  test('that says something by itself is not asked', async () => {
    using p = play({ toml: PUSH })
    const { romeo, juliet } = await cast(p, false)
    romeo.sends(CHAT)
    await romeo.settles()
    await juliet.settles()
    await passes(p, 20_000)
    expect(pings(juliet)).toBe(0)
    expect(held(p)).toBe(0)
  })

  test('that shows nothing but white space rings after sm.ack_timeout, once', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, juliet } = await cast(p, false)
    romeo.sends(CHAT)
    await romeo.settles()
    juliet.sends(' \n ')
    await passes(p, 9_999)
    await phone.isSilent()
    juliet.sends(' ')
    await passes(p, 1)
    await phone.rings({})
    expect(held(p)).toBe(1)
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('that is suspect rings at once for the next message, and a sign makes it trusted again', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, juliet } = await cast(p, false)
    romeo.sends(CHAT)
    await romeo.settles()
    await passes(p, 10_000)
    romeo.sends(CHAT)
    await romeo.settles()
    await phone.rings({}, {})
    await juliet.settles()
    romeo.sends(CHAT)
    await romeo.settles()
    await phone.isSilent()
    expect(held(p)).toBe(0)
  })

  test('whose connection dies finds the message when it comes back', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, juliet } = await cast(p, false)
    romeo.sends(CHAT)
    await romeo.settles()
    juliet.transport.destroy()
    await settle(p)
    await phone.rings({})
    const back = await p.bound('juliet@bix.org/phone')
    back.sends('<presence/>')
    const message = await back.next()
    expect(child(message, 'body')?.getText()).toBe('hist!')
    expect(child(message, 'delay', 'urn:xmpp:delay')).toBeDefined()
  })

  test('that says goodbye has read what was written', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, juliet } = await cast(p, false)
    romeo.sends(CHAT)
    await romeo.settles()
    juliet.sends('</stream:stream>')
    await settle(p)
    await phone.isSilent()
    expect(held(p)).toBe(0)
  })

  test('case 58: that never says anything keeps no more than limits.sm_queue', async () => {
    using p = play({ toml: `${PUSH}\n[limits]\nrates = false\nsm_queue = 5` })
    const { romeo } = await cast(p, false)
    for (let i = 0; i < 12; i++) romeo.sends(CHAT)
    await romeo.settles()
    await passes(p, 10_000)
    expect(held(p)).toBe(5)
  })
})

describe('a client with stream management', () => {
  test('is asked by <r/>, not by a ping, and rings after sm.ack_timeout without an ack', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, juliet } = await cast(p, true)
    romeo.sends(CHAT)
    await romeo.settles()
    expect(juliet.heard.map(({ name }) => name)).toEqual(['message', 'r'])
    // A stanza is a sign of life, but the count is what says what arrived.
    await juliet.settles()
    await passes(p, 10_000)
    await phone.rings({})
    expect(pings(juliet)).toBe(0)
    juliet.sends(`<a xmlns='${SM}' h='2'/>`)
    await juliet.settles()
    expect(held(p)).toBe(0)
    romeo.sends(CHAT)
    await romeo.settles()
    await phone.isSilent()
  })

  test('whose connection is gone rings at once, and finds the message when it resumes', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, juliet, id } = await cast(p, true)
    juliet.transport.destroy()
    romeo.sends(CHAT)
    await romeo.settles()
    await phone.rings({})
    const back = await p.returns('juliet@bix.org')
    back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
    await back.next()
    expect((await back.next()).name).toBe('message')
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('that typing is sent to keeps no row and rings for nothing', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, juliet } = await cast(p, true)
    juliet.transport.destroy()
    romeo.sends(TYPING)
    await romeo.settles()
    expect(held(p)).toBe(0)
    await phone.isSilent()
  })
})

test('one of two clients has it: nothing rings and nothing is kept', async () => {
  using p = play({ toml: PUSH })
  await using phone = await phoneOf(p)
  const { romeo, juliet } = await cast(p, true)
  const desk = await p.online('juliet@bix.org/desk')
  await juliet.settles()
  romeo.sends(CHAT)
  await romeo.settles()
  expect(held(p)).toBe(1)
  await desk.settles()
  expect(held(p)).toBe(0)
  await passes(p, 10_000)
  await phone.isSilent()
})

test('after a crash what was in flight waits and rings', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-redelivery-'))
  const file = join(dir, 'belfry.db')
  let crashed = ''
  try {
    {
      using p = play({ toml: PUSH, file })
      await using phone = await phoneOf(p)
      const { romeo } = await cast(p, true)
      romeo.sends(CHAT)
      await romeo.settles()
      await phone.isSilent()
      crashed = p.crash()
    }
    using p = play({ toml: PUSH, file: crashed })
    await using phone = await phoneOf(p)
    await phone.rings({ account: 'juliet@bix.org', from: 'romeo@bix.org' })
    const back = await p.bound('juliet@bix.org/phone')
    back.sends('<presence/>')
    expect(child(await back.next(), 'body')?.getText()).toBe('hist!')
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test('XEP-0352 §5: after a crash what was kept back for an app in the background waits too', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-redelivery-'))
  try {
    let file = join(dir, 'belfry.db')
    {
      using p = play({ file })
      const romeo = await p.online('romeo@bix.org/orchard')
      const juliet = await p.online('juliet@bix.org/phone')
      juliet.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
      await juliet.settles()
      romeo.sends(`<message to='juliet@bix.org'><received xmlns='urn:xmpp:receipts' id='m1'/></message>`)
      await romeo.settles()
      file = p.crash()
    }
    using p = play({ file })
    await settle(p)
    const back = await p.bound('juliet@bix.org/phone')
    back.sends('<presence/>')
    expect(child(await back.next(), 'received', 'urn:xmpp:receipts')?.attrs.id).toBe('m1')
  } finally {
    rmSync(dir, { recursive: true })
  }
})

test.each([[false], [true]])(
  'an account that is deleted takes along what its clients have not shown that they have (XEP-0198: %p)',
  async (sm) => {
    const webhook = '[webhook]\nurl = "https://hooks.example/chat"\nevents = ["message.offline"]\n'
    using p = play({ toml: `${webhook}${PUSH}` })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/desk')
    if (sm) {
      juliet.sends(`<enable xmlns='${SM}' resume='true'/>`)
      await juliet.next()
    }
    romeo.sends(CHAT)
    await romeo.settles()
    // So much that it goes in several trips.
    await p.router.run(({ store }) => {
      const juliet = store.accounts.find('juliet@bix.org')
      for (let i = 0; juliet && i < 600; i++)
        store.messages.archive(juliet, store.messages.nextId(), 'romeo@bix.org', '<message/>')
    })
    await p.router.run((t) => p.world.deleteAccount(t, Jid.parse('juliet@bix.org')))
    await settle(p)
    expect(p.world.sessions.count).toBe(1)
    await p.router.run(({ store }) => store.accounts.purgeDeparted(500))
    expect([held(p), p.pushed]).toEqual([0, []])
  },
)
