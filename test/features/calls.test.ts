import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Actor } from '../support/actor.ts'
import { explain, phoneOf } from '../support/phone.ts'
import {
  acks,
  atDesk,
  count,
  passes,
  registersForCalls,
  says,
  settle,
  silentPhone,
} from '../support/phones.ts'
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

describe('XEP-0353: what PushKit is told', () => {
  const VOIP = 'a'.repeat(64)
  const TOKEN = '1'.repeat(64)

  /** Juliet's phone has a token for calls and is away; her desk is there. */
  async function withPushKit(p: Play, toml: { reached?: boolean } = {}) {
    const romeo = await p.online('romeo@bix.org/orchard')
    const app = await p.online('juliet@bix.org/phone')
    await registersForCalls(p, TOKEN, VOIP)
    app.sends('</stream:stream>')
    const desk = await p.online('juliet@bix.org/desk')
    const phone = await phoneOf(p, toml)
    return { romeo, desk, phone, callKit: phone.of(VOIP) }
  }

  for (const { name, by, told } of [
    { name: 'retract', by: 'romeo', told: { ...MISSED, reason: 'cancelled' } },
    { name: 'finish', by: 'romeo', told: { ...ENDED, reason: 'ended' } },
    { name: 'proceed', by: 'desk', told: { ...ENDED, reason: 'answered-elsewhere' } },
    { name: 'accept', by: 'desk', told: { ...ENDED, reason: 'answered-elsewhere' } },
    { name: 'reject', by: 'desk', told: { ...ENDED, reason: 'declined-elsewhere' } },
  ] as const)
    test(`a call that rings, and of its end by ${name} nothing: an alert says that`, async () => {
      using p = play({ toml: PUSH })
      const { phone, callKit, ...people } = await withPushKit(p)
      await using _ = phone
      await says(people.romeo, part('propose', 'juliet@bix.org'))
      await callKit.rings({ as: 'call', sid: 'call-1' })
      await says(people[by], part(name, by === 'desk' ? 'romeo@bix.org/orchard' : 'juliet@bix.org'))
      await callKit.isSilent()
      await phone.rings(told)
    })

  test('nothing where the app has come: it hears of the end by its stream', async () => {
    using p = play({ toml: PUSH })
    const { phone, callKit, romeo, desk } = await withPushKit(p)
    await using _ = phone
    await says(romeo, part('propose', 'juliet@bix.org'))
    await callKit.rings({ as: 'call' })
    const app = await p.online('juliet@bix.org/phone')
    await app.settles()
    app.forget()
    await says(desk, part('reject', 'juliet@bix.org'))
    expect((await app.next()).toString()).toContain('<reject')
    await phone.isSilent()
    await callKit.isSilent()
  })

  test('each of two calls at once, and the end of each', async () => {
    using p = play({ toml: PUSH })
    const { phone, callKit, romeo, desk } = await withPushKit(p)
    await using _ = phone
    const nurse = await p.online('nurse@bix.org/home')
    const second = (name: string, to: string) => part(name, to).replaceAll('call-1', 'call-2')
    await says(romeo, part('propose', 'juliet@bix.org'))
    await says(nurse, second('propose', 'juliet@bix.org'))
    await callKit.rings({ as: 'call', sid: 'call-1' }, { as: 'call', sid: 'call-2', from: 'nurse@bix.org' })
    await says(desk, part('reject', 'romeo@bix.org/orchard'))
    await says(nurse, second('retract', 'juliet@bix.org'))
    await phone.rings({ ...ENDED, badge: 1 }, { ...MISSED, sid: 'call-2' })
    await callKit.isSilent()
  })

  test('nothing of a file that is proposed', async () => {
    using p = play({ toml: PUSH })
    const { phone, callKit, romeo } = await withPushKit(p)
    await using _ = phone
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat'><propose xmlns='${JINGLE}' id='f1'><description xmlns='urn:xmpp:jingle:apps:file-transfer:5'/></propose><store xmlns='urn:xmpp:hints'/></message>`,
    )
    await phone.isSilent()
    await callKit.isSilent()
  })

  test('nothing where the app may not use CallKit: it rings as an alert that presses', async () => {
    using p = play({ toml: `${PUSH}\ncalls = "alert"` })
    const { phone, callKit, romeo } = await withPushKit(p)
    await using _ = phone
    await says(romeo, part('propose', 'juliet@bix.org'))
    await callKit.isSilent()
    await phone.rings({ ...CALL, level: 'time-sensitive' })
  })
})

describe('XEP-0353: a caller that vanishes', () => {
  test('has been missed when the call has rung long enough, and only then', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await stage(p)
    await phone.rings(CALL)
    romeo.transport.destroy()
    await passes(p, 59_999)
    await phone.isSilent()
    await passes(p, 1)
    await phone.rings({ ...MISSED, reason: 'unanswered' })
    await passes(p, 600_000)
    await phone.isSilent()
  })

  test('comes back and takes it back: nothing more', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await stage(p)
    await phone.rings(CALL)
    await passes(p, 60_000)
    await phone.rings(MISSED)
    await says(romeo, part('retract', 'juliet@bix.org'))
    await phone.isSilent()
  })

  test('is not missed where somebody has answered', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { desk } = await stage(p)
    await phone.rings(CALL)
    await says(desk, part('proceed', 'romeo@bix.org/orchard'))
    await phone.rings(ENDED)
    await passes(p, 120_000)
    await phone.isSilent()
  })

  test('one of many: each call has its own time', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await stage(p)
    await phone.rings(CALL)
    await passes(p, 30_000)
    await says(romeo, part('propose', 'juliet@bix.org').replaceAll('call-1', 'call-2'))
    await phone.rings({ ...CALL, sid: 'call-2', badge: 2 })
    await passes(p, 30_000)
    await phone.rings({ ...MISSED, badge: 2 })
    await passes(p, 30_000)
    await phone.rings({ ...MISSED, sid: 'call-2', badge: 2 })
  })

  test('and a stranger who knows the call’s id does not end it', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await stage(p)
    await phone.rings(CALL)
    const nurse = await p.online('nurse@bix.org/home')
    await says(nurse, part('retract', 'juliet@bix.org'))
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
    await passes(p, 1_999)
    await phone.isSilent()
    await passes(p, 1)
    await phone.rings(CALL)
    await passes(p, 20_000)
    await phone.isSilent()
  })

  test('does not ring where the app shows in time that it has it', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, app } = await silentPhone(p)
    await says(romeo, part('propose', 'juliet@bix.org'))
    await passes(p, 1_000)
    await acks(app, 2)
    await passes(p, 20_000)
    await phone.isSilent()
    expect(await explain(p)).toContain('taken back before it was sent: the app has shown that it has it')
  })

  test('does not ring where the app has shown that it has it, and closes', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, app } = await silentPhone(p)
    await says(romeo, part('propose', 'juliet@bix.org'))
    await acks(app, 2)
    app.sends('</stream:stream>')
    await passes(p, 20_000)
    await phone.isSilent()
  })

  test('rings after as long as is set', async () => {
    using p = play({ toml: PUSH.replace('[push]', '[push]\ncall_wait = "4s"') })
    await using phone = await phoneOf(p)
    const { romeo } = await silentPhone(p)
    await says(romeo, part('propose', 'juliet@bix.org'))
    await passes(p, 3_999)
    await phone.isSilent()
    await passes(p, 1)
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
    expect(await explain(p)).toContain(
      'taken back before it was sent: A call was answered elsewhere or withdrawn',
    )
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
      'kept back until later: the app is connected and may still show that it has the call',
    ])
    return { romeo, app }
  }

  test('rings as a call when no ack comes', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await behind(p)
    await passes(p, 2_000)
    await phone.rings(CALL)
  })

  test('taken back meanwhile: a word that it was missed', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await behind(p)
    await says(romeo, part('retract', 'juliet@bix.org'))
    await passes(p, 2_000)
    await phone.rings(MISSED)
  })

  test('answered elsewhere meanwhile: nothing', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    await behind(p)
    const desk = await atDesk(p)
    await says(desk, part('proceed', 'romeo@bix.org/orchard'))
    await passes(p, 2_000)
    await phone.isSilent()
    expect(await explain(p)).toContain(
      'taken back before it was sent: A call was answered elsewhere or withdrawn',
    )
  })
})
