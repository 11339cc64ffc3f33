import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../support/actor.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { atDesk, count, passes, says, settle, silentPhone } from '../support/phones.ts'
import { FakeClock } from '../support/clock.ts'
import { type Play, play } from '../support/world.ts'

const PUSH =
  '[push]\n[[push.apps]]\ntopic = "org.bix.chat"\n' +
  'team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"'
const JINGLE = 'urn:xmpp:jingle-message:0'
const part = (name: string, to: string) =>
  `<message to='${to}' type='chat' id='${name}'><${name} xmlns='${JINGLE}' id='call-1'/><store xmlns='urn:xmpp:hints'/></message>`
const CALL = { body: 'is calling you', from: 'romeo@bix.org', sid: 'call-1', badge: 1 }
const ENDED = { body: 'Call ended', sid: 'call-1', badge: 0 }
const MISSED = { body: 'Missed call', sid: 'call-1', badge: 1 }

/** Juliet's phone is away; romeo calls, and it rings, or is about to. */
async function stage(p: Play): Promise<{ romeo: Actor; desk: Actor }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const app = await p.online('juliet@bix.org/phone')
  await app.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'1'.repeat(64)}'/>`)
  app.sends('</stream:stream>')
  const desk = await p.online('juliet@bix.org/desk')
  await desk.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  romeo.sends(part('propose', 'juliet@bix.org'))
  await romeo.settles()
  return { romeo, desk }
}

describe('XEP-0353: a call that rings', () => {
  test('is taken back: the phone is told that it missed it', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await stage(p)
    await phone.rings(CALL)
    await says(romeo, part('retract', 'juliet@bix.org'))
    await phone.rings(MISSED)
  })

  for (const name of ['proceed', 'accept', 'reject'])
    test(`${name} on another device: the phone stops`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { desk } = await stage(p)
      await phone.rings(CALL)
      await says(desk, part(name, 'romeo@bix.org/orchard'))
      await phone.rings(ENDED)
    })

  test('ends once: what comes later says nothing new', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await stage(p)
    await phone.rings(CALL)
    await says(desk, part('proceed', 'romeo@bix.org/orchard'))
    await says(romeo, part('finish', 'juliet@bix.org'))
    await phone.rings(ENDED)
  })

  test('a call that never rang ends without a word', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await stage(p)
    await phone.rings(CALL)
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat'><retract xmlns='${JINGLE}' id='another'/><store xmlns='urn:xmpp:hints'/></message>`,
    )
    await phone.isSilent()
  })
})

describe('XEP-0353: a call that ends before Apple was asked', () => {
  for (const { name, by, told } of [
    { name: 'retract', by: 'romeo', told: [MISSED] },
    { name: 'proceed', by: 'desk', told: [] },
  ] as const)
    test(`${name}: its push is taken back`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p, { reached: false })
      const cast = await stage(p)
      await says(cast[by], part(name, by === 'desk' ? 'romeo@bix.org/orchard' : 'juliet@bix.org'))
      expect(await explain(p)).toContain(
        'taken back before it was sent: A call was answered elsewhere or withdrawn',
      )
      phone.isReached()
      await phone.rings(...told)
    })
})

describe('XEP-0353: the number on the icon', () => {
  for (const name of ['reject', 'proceed'])
    test(`${name} on another device: the call is read there`, async () => {
      using p = play({ toml: PUSH })
      await using phone = await phoneOf(p)
      const { desk } = await stage(p)
      await phone.rings(CALL)
      await says(desk, part(name, 'romeo@bix.org/orchard'))
      await phone.rings(ENDED)
      await passes(p, 2_000)
      // The alert has said it already.
      await phone.isSilent()
    })

  test('a call that was missed counts', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await stage(p)
    await phone.rings(CALL)
    await says(romeo, part('retract', 'juliet@bix.org'))
    await phone.rings(MISSED)
    expect(count(p)).toBe(1)
  })
})

describe('XEP-0353: a call to a phone in a tunnel', () => {
  test('rings when it is doubted, although a desk has it', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await silentPhone(p)
    const desk = await atDesk(p)
    await says(romeo, part('propose', 'juliet@bix.org'), desk)
    await passes(p, 10_000)
    await phone.rings(CALL)
  })

  test('that was taken back by then: a word that it was missed', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await silentPhone(p)
    await says(romeo, part('propose', 'juliet@bix.org'))
    await says(romeo, part('retract', 'juliet@bix.org'))
    await passes(p, 10_000)
    await phone.rings(MISSED)
  })

  test('that was answered elsewhere by then: nothing', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await silentPhone(p)
    const desk = await atDesk(p)
    await says(romeo, part('propose', 'juliet@bix.org'), desk)
    await says(desk, part('proceed', 'romeo@bix.org/orchard'))
    await passes(p, 10_000)
    await phone.isSilent()
    expect(await explain(p)).toContain('not rung: A call was answered elsewhere or withdrawn')
  })

  for (const { ms, told } of [
    { ms: 30_000, told: CALL },
    { ms: 61_000, told: MISSED },
  ])
    test(`that came ${ms / 1000} s before a start after a crash: ${told.body}`, async () => {
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
        await using phone = await phoneOf(p)
        await settle(p)
        await phone.rings(told)
      } finally {
        rmSync(dir, { recursive: true })
      }
    })
})

describe('XEP-0353: a call while the app is in the background', () => {
  async function behind(p: Play): Promise<{ romeo: Actor; app: Actor }> {
    const { romeo, app } = await silentPhone(p)
    app.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
    await app.settles()
    romeo.sends(part('propose', 'juliet@bix.org'))
    await romeo.settles()
    expect(await explain(p)).toEqual([
      'kept back until later: the app is in the background and may still show that it has it',
    ])
    return { romeo, app }
  }

  test('rings as a call when no ack comes', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await behind(p)
    await passes(p, 3_000)
    await phone.rings(CALL)
  })

  test('taken back meanwhile: a word that it was missed', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await behind(p)
    await says(romeo, part('retract', 'juliet@bix.org'))
    await passes(p, 3_000)
    await phone.rings(MISSED)
  })

  test('answered elsewhere meanwhile: nothing', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await behind(p)
    const desk = await atDesk(p)
    await says(desk, part('proceed', 'romeo@bix.org/orchard'))
    await passes(p, 3_000)
    await phone.isSilent()
    expect(await explain(p)).toContain(
      'taken back before it was sent: A call was answered elsewhere or withdrawn',
    )
  })
})
