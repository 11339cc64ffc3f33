/** A phone in a tunnel: its session stands, the message was written to it, and nothing shows that it arrived. */
import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { explain, phoneOf } from '../support/phone.ts'
import {
  acks,
  atDesk,
  cast,
  chat,
  count,
  manages,
  passes,
  PUSH,
  says,
  settle,
  silentPhone,
} from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const WEBHOOK = `${PUSH}\n[webhook]\nurl = "https://hooks.example/chat"`
const mark = (id: string) =>
  `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`

/** Juliet's phone is silent, her desk is in use and has marked before. */
async function stage(p: Play): Promise<{ romeo: Actor; app: Actor; desk: Actor }> {
  const { romeo, app } = await silentPhone(p)
  const desk = await atDesk(p)
  await says(desk, mark('none'))
  return { romeo, app, desk }
}

describe('what another device has acknowledged', () => {
  test('rings the silent phone after push.hold, unless it is read there', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await passes(p, 10_000)
    expect(await explain(p)).toEqual([
      'not rung: a connected app took the message',
      'kept back until later: another device is in use and may still read it',
    ])
    await passes(p, 30_000)
    await phone.rings({})
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('makes the next one wait for the desk at once', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await passes(p, 10_000)
    await says(romeo, chat('second'), desk)
    expect((await explain(p)).slice(2)).toEqual([
      'kept back until later: another device is in use and may still read it',
    ])
  })

  test('read there while the phone waits: it does not ring', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await passes(p, 10_000)
    await says(desk, mark('first'))
    await passes(p, 60_000)
    await phone.isSilent()
    expect(await explain(p)).toContain('taken back before it was sent: it was read on another device')
  })

  test('read there before the phone is doubted: it does not ring, and does not count', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await says(desk, mark('first'))
    await passes(p, 60_000)
    await phone.isSilent()
    expect(await explain(p)).toEqual([
      'not rung: a connected app took the message',
      'not rung: it was read on another device',
    ])
    expect(count(p)).toBe(0)
  })

  test('the phone shows late that it has it: its push is taken back', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, app, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await passes(p, 10_000)
    // The end of stage's login, the desk's presence, the message.
    await acks(app, 3)
    expect((await explain(p)).slice(2)).toEqual([
      'taken back before it was sent: an app has shown late that it has it',
    ])
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('a connection that breaks before it is doubted: the phone is told as well', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const app = await p.online('juliet@bix.org/phone')
    const desk = await atDesk(p)
    await says(romeo, chat('first'), desk)
    app.transport.destroy()
    await settle(p)
    expect(await explain(p)).toEqual([
      'not rung: a connected app took the message',
      'kept back until later: another device is in use and may still read it',
    ])
  })
})

describe('the app is in the background, and a desk is in use', () => {
  async function behind(p: Play): Promise<{ romeo: Actor; app: Actor; desk: Actor }> {
    const actors = await stage(p)
    actors.app.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await actors.app.settles()
    await says(actors.romeo, chat('first'), actors.desk)
    await passes(p, 3_000)
    return actors
  }

  test('without an ack the phone waits for the desk like one that sleeps', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await behind(p)
    expect(await explain(p)).toEqual([
      'kept back until later: the app is in the background and may still show that it has it',
      'kept back until later: another device is in use and may still read it',
    ])
    await passes(p, 26_999)
    await phone.isSilent()
    await passes(p, 1)
    await phone.rings({})
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('read there meanwhile: it does not ring', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { desk } = await behind(p)
    await says(desk, mark('first'))
    await passes(p, 60_000)
    await phone.isSilent()
    expect(await explain(p)).toContain('taken back before it was sent: it was read on another device')
  })

  test('with an ack meanwhile the app shows it itself', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { app } = await behind(p)
    // The end of stage's login, the desk's presence, the answer to the fence, the message.
    await acks(app, 4)
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('a call rings after push.inactive_wait', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await behind(p)
    const propose = `<propose xmlns='urn:xmpp:jingle-message:0' id='c1'/><store xmlns='urn:xmpp:hints'/>`
    await says(romeo, `<message to='juliet@bix.org' type='chat'>${propose}</message>`, desk)
    await passes(p, 3_000)
    await phone.rings({ body: 'is calling you' })
  })
})

describe('two phones', () => {
  test('the silent one rings like the one that sleeps', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p, ['phone', 'pad'])
    await manages(await p.online('juliet@bix.org/phone'))
    await says(romeo, chat('first'))
    await passes(p, 10_000)
    await passes(p, 60_000)
    await phone.rings({})
    await phone.other(2).rings({})
  })

  test('both silent: each rings once', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p, ['phone', 'pad'])
    for (const name of ['phone', 'pad']) await manages(await p.online(`juliet@bix.org/${name}`))
    await says(romeo, chat('first'))
    await passes(p, 10_000)
    const tablet = phone.other(2)
    for (const each of [phone, tablet]) await each.rings({})
    await passes(p, 60_000)
    for (const each of [phone, tablet]) await each.isSilent()
  })

  test('one is silent, one is open: it rings the silent one alone', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p, ['phone', 'pad'])
    await manages(await p.online('juliet@bix.org/phone'))
    const pad = await p.online('juliet@bix.org/pad')
    await says(romeo, chat('first'), pad)
    await passes(p, 40_000)
    await passes(p, 40_000)
    await phone.rings({})
    await phone.other(2).isSilent()
  })

  test('the webhook is told of what nobody has shown to have, though a phone sleeps, and once', async () => {
    using p = play({ toml: WEBHOOK })
    const { romeo } = await cast(p, ['phone', 'pad'])
    await manages(await p.online('juliet@bix.org/phone'))
    await says(romeo, chat('first'))
    await passes(p, 10_000)
    await passes(p, 60_000)
    expect(p.pushed.filter(({ device }) => device === undefined)).toHaveLength(1)
  })
})
