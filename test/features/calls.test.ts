import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../support/actor.ts'
import { areSent, atDesk, count, says, settle, silentPhone, verdicts } from '../support/phones.ts'
import { FakeClock } from '../support/clock.ts'
import { type Play, play } from '../support/world.ts'

const PUSH =
  '[push]\n[[push.apps]]\ntopic = "org.bix.chat"\n' +
  'team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"'
const JINGLE = 'urn:xmpp:jingle-message:0'
const part = (name: string, to: string) =>
  `<message to='${to}' type='chat' id='${name}'><${name} xmlns='${JINGLE}' id='call-1'/><store xmlns='urn:xmpp:hints'/></message>`
const FACTS = { sid: 'call-1', from: 'romeo@bix.org/orchard', media: [] }

/** Juliet's phone is away; romeo calls, and it rings, or is about to. */
async function stage(p: Play, sent = true): Promise<{ romeo: Actor; desk: Actor }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const phone = await p.online('juliet@bix.org/phone')
  await phone.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'ab'.repeat(32)}'/>`)
  phone.sends('</stream:stream>')
  const desk = await p.online('juliet@bix.org/desk')
  await desk.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  romeo.sends(part('propose', 'juliet@bix.org'))
  await romeo.settles()
  expect(kinds(p)).toEqual(['call'])
  if (sent) await areSent(p)
  return { romeo, desk }
}

const kinds = (p: Play) => p.pushed.map(({ kind }) => kind)

describe('XEP-0353: a call that rings', () => {
  test('is taken back: the phone is told that it missed it', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await stage(p)
    romeo.sends(part('retract', 'juliet@bix.org'))
    await romeo.settles()
    expect(kinds(p)).toEqual(['call', 'call-missed'])
    expect(p.pushed[1]?.call?.sid).toBe('call-1')
  })

  for (const name of ['proceed', 'accept', 'reject'])
    test(`${name} on another device: the phone stops`, async () => {
      using p = play({ toml: PUSH })
      const { desk } = await stage(p)
      desk.sends(part(name, 'romeo@bix.org/orchard'))
      await desk.settles()
      expect(kinds(p)).toEqual(['call', 'call-ended'])
    })

  test('ends once: what comes later says nothing new', async () => {
    using p = play({ toml: PUSH })
    const { romeo, desk } = await stage(p)
    desk.sends(part('proceed', 'romeo@bix.org/orchard'))
    await desk.settles()
    romeo.sends(part('finish', 'juliet@bix.org'))
    await romeo.settles()
    expect(kinds(p)).toEqual(['call', 'call-ended'])
  })

  test('a call that never rang ends without a word', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await stage(p)
    romeo.sends(
      `<message to='juliet@bix.org' type='chat'><retract xmlns='${JINGLE}' id='another'/><store xmlns='urn:xmpp:hints'/></message>`,
    )
    await romeo.settles()
    expect(kinds(p)).toEqual(['call'])
  })
})

describe('XEP-0353: a call that ends before Apple was asked', () => {
  for (const { name, by, told } of [
    { name: 'retract', by: 'romeo', told: ['call', 'call-missed'] },
    { name: 'proceed', by: 'desk', told: ['call'] },
  ] as const)
    test(`${name}: its push is taken back`, async () => {
      using p = play({ toml: PUSH })
      const cast = await stage(p, false)
      await says(cast[by], part(name, by === 'desk' ? 'romeo@bix.org/orchard' : 'juliet@bix.org'))
      expect(verdicts(p)).toContain('withdrawn call-ended')
      expect(kinds(p)).toEqual([...told])
      expect(p.store.push.waiting(0, 10).map(({ kind }) => kind)).toEqual(told.slice(1))
    })
})

describe('XEP-0353: the number on the icon', () => {
  for (const name of ['reject', 'proceed'])
    test(`${name} on another device: the call is read there`, async () => {
      using p = play({ toml: PUSH })
      const { desk } = await stage(p)
      await says(desk, part(name, 'romeo@bix.org/orchard'))
      expect(p.pushed.at(-1)).toMatchObject({ kind: 'call-ended', badge: 0 })
      p.clock.advance(2_000)
      await settle(p)
      // The alert has said it already.
      expect(kinds(p)).toEqual(['call', 'call-ended'])
    })

  test('a call that was missed counts', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await stage(p)
    await says(romeo, part('retract', 'juliet@bix.org'))
    expect(p.pushed.at(-1)).toMatchObject({ kind: 'call-missed', badge: 1 })
    expect(count(p)).toBe(1)
  })
})

describe('XEP-0353: a call to a phone in a tunnel', () => {
  test('rings when it is doubted, although a desk has it', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await silentPhone(p)
    const desk = await atDesk(p)
    await says(romeo, part('propose', 'juliet@bix.org'), desk)
    p.clock.advance(10_000)
    await settle(p)
    expect(p.pushed).toMatchObject([{ kind: 'call', call: FACTS }])
  })

  test('that was taken back by then: a word that it was missed', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await silentPhone(p)
    await says(romeo, part('propose', 'juliet@bix.org'))
    await says(romeo, part('retract', 'juliet@bix.org'))
    p.clock.advance(10_000)
    await settle(p)
    expect(kinds(p)).toEqual(['call-missed'])
  })

  test('that was answered elsewhere by then: nothing', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await silentPhone(p)
    const desk = await atDesk(p)
    await says(romeo, part('propose', 'juliet@bix.org'), desk)
    await says(desk, part('proceed', 'romeo@bix.org/orchard'))
    p.clock.advance(10_000)
    await settle(p)
    expect(kinds(p)).toEqual([])
    expect(verdicts(p)).toContain('suppressed call-ended')
  })

  for (const { ms, told } of [
    { ms: 30_000, told: 'call' },
    { ms: 61_000, told: 'call-missed' },
  ])
    test(`that came ${ms / 1000} s before a start after a crash: ${told}`, async () => {
      const dir = mkdtempSync(join(tmpdir(), 'belfry-calls-'))
      try {
        let crashed = ''
        let at = 0
        {
          using p = play({ toml: PUSH, file: join(dir, 'belfry.db') })
          const { romeo } = await silentPhone(p)
          await says(romeo, part('propose', 'juliet@bix.org'))
          at = p.clock.now()
          crashed = p.crash()
        }
        using p = play({ toml: PUSH, file: crashed, clock: new FakeClock(at + ms) })
        await settle(p)
        expect(kinds(p)).toEqual([told])
      } finally {
        rmSync(dir, { recursive: true })
      }
    })
})

describe('XEP-0353: a call while the app is in the background', () => {
  async function behind(p: Play): Promise<{ romeo: Actor; phone: Actor }> {
    const { romeo, phone } = await silentPhone(p)
    phone.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await phone.settles()
    romeo.sends(part('propose', 'juliet@bix.org'))
    await romeo.settles()
    expect(verdicts(p)).toEqual(['held inactive-unacked'])
    return { romeo, phone }
  }

  test('rings as a call when no ack comes', async () => {
    using p = play({ toml: PUSH })
    await behind(p)
    p.clock.advance(3_000)
    await settle(p)
    expect(p.pushed).toMatchObject([{ kind: 'call', call: FACTS }])
  })

  test('taken back meanwhile: a word that it was missed', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await behind(p)
    await says(romeo, part('retract', 'juliet@bix.org'))
    p.clock.advance(3_000)
    await settle(p)
    expect(kinds(p)).toEqual(['call-missed'])
  })

  test('answered elsewhere meanwhile: nothing', async () => {
    using p = play({ toml: PUSH })
    await behind(p)
    const desk = await atDesk(p)
    await says(desk, part('proceed', 'romeo@bix.org/orchard'))
    p.clock.advance(3_000)
    await settle(p)
    expect(kinds(p)).toEqual([])
    expect(verdicts(p)).toContain('withdrawn call-ended')
  })
})
