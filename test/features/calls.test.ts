import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { silentPhone, settle, verdicts } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const PUSH =
  '[push]\n[[push.apps]]\ntopic = "org.bix.chat"\n' +
  'team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"'
const JINGLE = 'urn:xmpp:jingle-message:0'
const part = (name: string, to: string) =>
  `<message to='${to}' type='chat' id='${name}'><${name} xmlns='${JINGLE}' id='call-1'/><store xmlns='urn:xmpp:hints'/></message>`
const FACTS = { sid: 'call-1', from: 'romeo@bix.org/orchard', media: [] }

/** Juliet's phone is away; romeo calls, and it rings. */
async function stage(p: Play): Promise<{ romeo: Actor; desk: Actor }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const phone = await p.online('juliet@bix.org/phone')
  await phone.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${'ab'.repeat(32)}'/>`)
  phone.sends('</stream:stream>')
  const desk = await p.online('juliet@bix.org/desk')
  await desk.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  romeo.sends(part('propose', 'juliet@bix.org'))
  await romeo.settles()
  expect(kinds(p)).toEqual(['call'])
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
})
