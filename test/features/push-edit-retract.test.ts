/** Messages that change before a phone was told of them: corrections (XEP-0308) and retractions (XEP-0424). */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { explain, phoneOf } from '../support/phone.ts'
import { cast, chat, count, deskInUse, FULL, passes, says, settle, silentPhone } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const correction = (body: string, of = 'm1', more = '') =>
  `<message to='juliet@bix.org' type='chat' id='c-${of}'><body>${body}</body>${more}<replace xmlns='urn:xmpp:message-correct:0' id='${of}'/></message>`
const retraction = (of = 'm1') =>
  `<message to='juliet@bix.org' type='chat' id='r-${of}'><retract xmlns='urn:xmpp:message-retract:1' id='${of}'/><store xmlns='urn:xmpp:hints'/></message>`
const OMEMO = `<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/><payload>AAAA</payload></encrypted>`

/** As the table has it: what is in the dispatcher's memory is its own tests' business. */
const waiting = (p: Play) => p.store.push.waiting(0, 10).map(({ kind, body }) => [kind, body])

describe('a correction', () => {
  test('XEP-0308 §4: of a message whose push is held: it rings with the corrected text', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('hist, Romep!', 'm1'), desk)
    await says(romeo, correction('hist, Romeo!'), desk)
    await passes(p, 30_000)
    await phone.rings({ body: 'hist, Romeo!' })
    expect(await explain(p)).toEqual([
      'kept back until later: another device is in use and may still read it',
      'not rung: A message was corrected (XEP-0308)',
    ])
  })

  test('of a message that a phone shows takes its place there, without a sound', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await says(romeo, chat('hist, Romep!', 'm1'))
    await says(romeo, chat('another', 'm2'))
    const [first] = await phone.shows()
    await says(romeo, correction('hist, Romeo!'))
    const [again, ...more] = await phone.shows()
    expect(again).toMatchObject({
      as: 'alert',
      body: 'hist, Romeo!',
      collapse: first?.collapse ?? '',
      level: 'passive',
      badge: 2,
      data: { aps: { alert: { title: 'romeo' } }, kind: 'corrected' },
    })
    expect(JSON.stringify(again?.data)).not.toContain('sound')
    expect(more).toEqual([])
    expect(await explain(p)).toEqual(['not rung: A message was corrected (XEP-0308)'])
  })

  for (const [what, act] of [
    ['that was read', (p: Play) => p.online('juliet@bix.org/desk')],
    ['whose words the phone does not show', undefined],
    ['of another’s', undefined],
    ['with push.corrections = "nothing"', undefined],
  ] as const)
    test(`replaces nothing of a message ${what}`, async () => {
      const shows = what.startsWith('whose') ? 'body = "sender"' : 'body = "full"'
      const set = what.startsWith('with') ? '[push]\ncorrections = "nothing"' : '[push]'
      using p = play({ toml: FULL.replace('body = "full"', shows).replace('[push]', set) })
      await using phone = await phoneOf(p)
      const { romeo } = await cast(p)
      const nurse = await p.online('nurse@bix.org/home')
      await says(romeo, chat('hist, Romep!', 'm1'))
      await phone.rings({})
      if (act) await act(p)
      await says(what.startsWith('of') ? nurse : romeo, correction('hist, Romeo!'))
      expect((await phone.shows()).map(({ body }) => body)).not.toContain('hist, Romeo!')
    })

  test('XEP-0308 §4: several times, by the id of the first: the last holds', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('one', 'm1'), desk)
    for (const body of ['two', 'three']) await says(romeo, correction(body), desk)
    await passes(p, 30_000)
    await phone.rings({ body: 'three' })
  })

  test('XEP-0308 §4: of a message whose push waits for Apple: the row says it as well', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await cast(p)
    await says(romeo, chat('hist, Romep!', 'm1'))
    await says(romeo, chat('another', 'm2'))
    await says(romeo, correction('hist, Romeo!'))
    phone.isReached()
    await phone.rings({ body: 'hist, Romeo!' }, { body: 'another' })
  })

  test('XEP-0308 §4: by another resource of the sender counts, by another account it does not', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await cast(p)
    const nurse = await p.online('nurse@bix.org/home')
    const garden = await p.online('romeo@bix.org/garden')
    await says(romeo, chat('hist!', 'm1'))
    await says(garden, correction('Romeo, hist!'))
    await says(nurse, correction('run!'))
    phone.isReached()
    await phone.rings({ body: 'Romeo, hist!' })
  })

  test('shows no more than the app’s policy lets Apple see', async () => {
    using p = play({ toml: FULL.replace('body = "full"', 'body = "sender"') })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await cast(p)
    await says(romeo, chat('hist, Romep!', 'm1'))
    await says(romeo, correction('hist, Romeo!'))
    phone.isReached()
    await phone.rings({ body: 'New message' })
  })

  test('that is encrypted, and one that is not any more: no hint for old clients is taken for the text', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await cast(p)
    for (const id of ['m1', 'm2']) {
      await says(romeo, chat('hist!', id))
      await says(romeo, correction('this message is encrypted', id, OMEMO))
    }
    await says(romeo, correction('hist!'))
    phone.isReached()
    await phone.rings({ body: 'hist!' }, { body: 'Encrypted message' })
  })

  test('of a call changes nothing', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await cast(p)
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat' id='m1'><propose xmlns='urn:xmpp:jingle-message:0' id='s1'/></message>`,
    )
    await says(romeo, correction('hist!'))
    phone.isReached()
    await phone.rings({ body: 'is calling you' })
  })

  test('that fails changes neither the row nor what the dispatcher has', async () => {
    using p = play({ toml: FULL })
    const { romeo } = await cast(p)
    await says(romeo, chat('hist!', 'm1'))
    const reworded: number[] = []
    p.store.push.reworded = (id) => reworded.push(id)
    const mend = p.commitsFail()
    romeo.sends(correction('Romeo, hist!'))
    await romeo.next()
    mend()
    expect(waiting(p)).toEqual([['body', 'hist!']])
    expect(reworded).toEqual([])
    await says(romeo, correction('Romeo, hist!'))
    expect(reworded).toHaveLength(1)
  })

  test('that fails is not remembered for when a silent client is given up', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await silentPhone(p)
    await says(romeo, chat('hist!', 'm1'))
    const mend = p.commitsFail()
    romeo.sends(correction('Romeo, hist!'))
    await romeo.next()
    mend()
    await passes(p, 10_000)
    phone.isReached()
    await phone.rings({ body: 'hist!' })
  })

  test('of a message that a silent client was thought to have: it rings with the corrected text', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await silentPhone(p)
    const nurse = await p.online('nurse@bix.org/home')
    await says(romeo, chat('hist, Romep!', 'm1'))
    await passes(p, 5_000)
    await says(romeo, correction('hist, Romeo!'))
    expect(await explain(p)).toEqual([
      'not rung: a connected app took the message',
      'not rung: A message was corrected (XEP-0308)',
    ])
    await says(nurse, correction('run!'))
    await passes(p, 5_000)
    phone.isReached()
    await phone.rings({ body: 'hist, Romeo!' })
    await passes(p, 5_000)
    await phone.isSilent()
  })
})

describe('a retraction', () => {
  test('XEP-0424 §5: of a message whose push waits for Apple: it is taken back', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await cast(p)
    const nurse = await p.online('nurse@bix.org/home')
    await says(romeo, chat('hist!', 'm1'))
    await says(romeo, chat('sweet Montague', 'm2'))
    await says(romeo, retraction())
    await says(nurse, retraction('m2'))
    phone.isReached()
    await phone.rings({ body: 'sweet Montague' })
    expect(await explain(p)).toContain('taken back before it was sent: it was taken back before it was read')
  })

  test('XEP-0424 §5: of a message that a silent client was thought to have: it does not ring', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p, { reached: false })
    const { romeo } = await silentPhone(p)
    const nurse = await p.online('nurse@bix.org/home')
    await says(romeo, chat('hist!', 'm1'))
    await says(romeo, chat('sweet Montague', 'm2'))
    await passes(p, 5_000)
    await says(romeo, retraction())
    await says(nurse, retraction('m2'))
    await passes(p, 5_000)
    phone.isReached()
    await phone.rings({ body: 'sweet Montague' })
    expect(await explain(p)).toContain('not rung: it was taken back before it was read')
    await passes(p, 10_000)
    await phone.isSilent()
    expect(count(p)).toBe(1)
  })
})

test('what was changed before a crash rings as it was changed', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-changes-'))
  try {
    let crashed = ''
    {
      using p = play({ toml: FULL, file: join(dir, 'belfry.db') })
      const { romeo } = await silentPhone(p)
      await says(romeo, chat('hist, Romep!', 'm1'))
      await says(romeo, chat('hush', 'm2'))
      await says(romeo, correction('hist, Romeo!'))
      await says(romeo, retraction('m2'))
      await passes(p, 3_000)
      crashed = p.crash()
    }
    using p = play({ toml: FULL, file: crashed })
    await using phone = await phoneOf(p, { reached: false })
    await settle(p)
    phone.isReached()
    await phone.rings({ body: 'hist, Romeo!' })
  } finally {
    rmSync(dir, { recursive: true })
  }
})
