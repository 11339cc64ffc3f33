/** A phone in a tunnel: its session stands, the message was written to it, and nothing shows that it arrived. */
import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import {
  acks,
  areSent,
  atDesk,
  cast,
  chat,
  count,
  kinds,
  manages,
  PUSH,
  passes,
  says,
  settle,
  silentPhone,
  verdicts,
} from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const WEBHOOK = `${PUSH}\n[webhook]\nurl = "https://hooks.example/chat"`
const mark = (id: string) =>
  `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`

/** Juliet's phone is silent, her desk is in use and has marked before. */
async function stage(p: Play): Promise<{ romeo: Actor; phone: Actor; desk: Actor }> {
  const { romeo, phone } = await silentPhone(p)
  const desk = await atDesk(p)
  await says(desk, mark('none'))
  return { romeo, phone, desk }
}

const rungDevices = (p: Play) => p.pushed.map(({ kind, device }) => `${kind} ${device?.id ?? 'webhook'}`)

describe('what another device has acknowledged', () => {
  test('rings the silent phone after push.hold, unless it is read there', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await passes(p, 10_000)
    expect(verdicts(p)).toEqual(['suppressed session-active', 'held other-device-active'])
    await passes(p, 30_000)
    expect(kinds(p)).toEqual(['body'])
    await passes(p, 60_000)
    expect(kinds(p)).toEqual(['body'])
  })

  test('makes the next one wait for the desk at once', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await passes(p, 10_000)
    await says(romeo, chat('second'), desk)
    expect(verdicts(p).slice(2)).toEqual(['held other-device-active'])
  })

  test('read there while the phone waits: it does not ring', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await passes(p, 10_000)
    await says(desk, mark('first'))
    await passes(p, 60_000)
    expect(kinds(p)).toEqual([])
    expect(verdicts(p)).toContain('withdrawn read-elsewhere')
  })

  test('read there before the phone is doubted: it does not ring, and does not count', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await says(desk, mark('first'))
    await passes(p, 60_000)
    expect(kinds(p)).toEqual([])
    expect(verdicts(p)).toEqual(['suppressed session-active', 'suppressed read-elsewhere'])
    expect(count(p)).toBe(0)
  })

  test('the phone shows late that it has it: its push is taken back', async () => {
    using p = play({ toml: PUSH })
    const { romeo, phone, desk } = await stage(p)
    await says(romeo, chat('first'), desk)
    await passes(p, 10_000)
    // The end of stage's login, the desk's presence, the message.
    await acks(phone, 3)
    expect(verdicts(p).slice(2)).toEqual(['withdrawn late-ack'])
    await passes(p, 60_000)
    expect(kinds(p)).toEqual([])
  })

  test('a connection that breaks before it is doubted: the phone is told as well', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const phone = await p.online('juliet@bix.org/phone')
    const desk = await atDesk(p)
    await says(romeo, chat('first'), desk)
    phone.transport.destroy()
    await settle(p)
    expect(verdicts(p)).toEqual(['suppressed session-active', 'held other-device-active'])
  })
})

describe('the app is in the background, and a desk is in use', () => {
  async function behind(p: Play): Promise<{ romeo: Actor; phone: Actor; desk: Actor }> {
    const actors = await stage(p)
    actors.phone.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await actors.phone.settles()
    await says(actors.romeo, chat('first'), actors.desk)
    await passes(p, 3_000)
    return actors
  }

  test('without an ack the phone waits for the desk like one that sleeps', async () => {
    using p = play({ toml: PUSH })
    await behind(p)
    expect(verdicts(p)).toEqual(['held inactive-unacked', 'held other-device-active'])
    await passes(p, 26_999)
    expect(kinds(p)).toEqual([])
    await passes(p, 1)
    expect(kinds(p)).toEqual(['body'])
    await passes(p, 60_000)
    expect(kinds(p)).toEqual(['body'])
  })

  test('read there meanwhile: it does not ring', async () => {
    using p = play({ toml: PUSH })
    const { desk } = await behind(p)
    await says(desk, mark('first'))
    await passes(p, 60_000)
    expect(kinds(p)).toEqual([])
    expect(verdicts(p)).toContain('withdrawn read-elsewhere')
  })

  test('with an ack meanwhile the app shows it itself', async () => {
    using p = play({ toml: PUSH })
    const { phone } = await behind(p)
    // The end of stage's login, the desk's presence, the answer to the fence, the message.
    await acks(phone, 4)
    await passes(p, 60_000)
    expect(kinds(p)).toEqual([])
  })

  test('a call rings after push.inactive_wait', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await behind(p)
    const propose = `<propose xmlns='urn:xmpp:jingle-message:0' id='c1'/><store xmlns='urn:xmpp:hints'/>`
    await says(romeo, `<message to='juliet@bix.org' type='chat'>${propose}</message>`, desk)
    await passes(p, 3_000)
    expect(kinds(p)).toEqual(['call'])
  })
})

describe('two phones', () => {
  test('the silent one rings like the one that sleeps', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p, ['phone', 'pad'])
    await manages(await p.online('juliet@bix.org/phone'))
    await says(romeo, chat('first'))
    await passes(p, 10_000)
    expect(rungDevices(p).sort()).toEqual(['body 1', 'body 2'])
    await passes(p, 60_000)
    expect(p.pushed).toHaveLength(2)
  })

  test('both silent: each rings once', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p, ['phone', 'pad'])
    for (const name of ['phone', 'pad']) await manages(await p.online(`juliet@bix.org/${name}`))
    await says(romeo, chat('first'))
    await passes(p, 10_000)
    await areSent(p)
    await passes(p, 60_000)
    expect(rungDevices(p).sort()).toEqual(['body 1', 'body 2'])
  })

  test('one is silent, one is open: it rings the silent one alone', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p, ['phone', 'pad'])
    await manages(await p.online('juliet@bix.org/phone'))
    const pad = await p.online('juliet@bix.org/pad')
    await says(romeo, chat('first'), pad)
    await passes(p, 40_000)
    await passes(p, 40_000)
    expect(rungDevices(p)).toEqual(['body 1'])
  })

  test('the webhook is told of what nobody has shown to have, though a phone sleeps, and once', async () => {
    using p = play({ toml: WEBHOOK })
    const { romeo } = await cast(p, ['phone', 'pad'])
    await manages(await p.online('juliet@bix.org/phone'))
    await says(romeo, chat('first'))
    await passes(p, 10_000)
    await passes(p, 60_000)
    expect(rungDevices(p).sort()).toEqual(['body 1', 'body 2', 'body webhook'])
  })
})
