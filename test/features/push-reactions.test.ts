/** Reactions (XEP-0444) that ring who wrote the message, where that was wished. */
import { describe, expect, test } from 'bun:test'
import { doorOf } from '../support/door.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { cast, chat, FULL, passes, says, settle } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

const reaction = (id: string, ...emojis: string[]) =>
  `<message to='juliet@bix.org' type='chat' id='r-${id}-${emojis.join('')}'><reactions xmlns='urn:xmpp:reactions:0' id='${id}'>` +
  emojis.map((emoji) => `<reaction>${emoji}</reaction>`).join('') +
  `</reactions><store xmlns='urn:xmpp:hints'/></message>`

const RING = FULL.replace('[push]', '[push]\nreactions = "ring"')

/** Juliet has written to romeo, and her phone is registered and gone. */
async function wrote(p: Play) {
  const all = await cast(p)
  const desk = await p.bound('juliet@bix.org/desk')
  await says(desk, `<message to='romeo@bix.org' type='chat' id='j1'><body>hist!</body></message>`)
  desk.sends('</stream:stream>')
  await settle(p)
  return all
}

const wishes = (p: Play, reactions: boolean | null) =>
  doorOf(p)(
    'PUT',
    '/v1/me/push-settings',
    { quiet: null, unknown_senders: true, reactions },
    'juliet@bix.org',
  )

describe('a reaction to one’s own message', () => {
  test('rings with push.reactions = "ring", says the emoji, and changes no number', async () => {
    using p = play({ toml: RING })
    await using phone = await phoneOf(p)
    const { romeo } = await wrote(p)
    await says(romeo, chat('one'))
    await phone.rings({ badge: 1 })
    await says(romeo, reaction('j1', '👍', '🌹'))
    await phone.rings({ title: 'romeo', body: 'reacted to your message: 👍 🌹', badge: 1 })
    await passes(p, 60_000)
    await phone.isSilent()
    expect(await explain(p)).toEqual([])
  })

  test('does not ring by itself, and not where the person does not wish it', async () => {
    for (const [toml, wish, rings] of [
      [FULL, undefined, false],
      [FULL, true, true],
      [FULL, null, false],
      [RING, false, false],
      [RING, null, true],
    ] as const) {
      using p = play({ toml })
      await using phone = await phoneOf(p)
      const { romeo } = await wrote(p)
      if (wish !== undefined) expect((await wishes(p, wish)).status).toBe(200)
      await says(romeo, reaction('j1', '👍'))
      await phone.rings(...(rings ? [{ badge: 0 }] : []))
      if (!rings) expect(await explain(p)).toEqual(['not rung: Reactions (XEP-0444)'])
    }
  })

  for (const [what, xml] of [
    ['another’s message', reaction('one', '👍')],
    ['a message that nobody knows', reaction('j2', '👍')],
    ['one that takes it back', reaction('j1')],
  ] as const)
    test(`of ${what} does not ring`, async () => {
      using p = play({ toml: RING })
      await using phone = await phoneOf(p)
      const { romeo } = await wrote(p)
      await says(romeo, chat('one'))
      await phone.rings({ body: 'one' })
      await says(romeo, xml)
      await phone.isSilent()
    })

  test('shows no emoji where the app’s policy lets Apple see no text', async () => {
    using p = play({ toml: RING.replace('body = "full"', 'body = "sender"') })
    await using phone = await phoneOf(p)
    const { romeo } = await wrote(p)
    await says(romeo, reaction('j1', '👍'))
    await phone.rings({ body: 'reacted to your message' })
  })

  test('waits for a desk in use like a message, and rings then', async () => {
    using p = play({ toml: RING })
    await using phone = await phoneOf(p)
    const { romeo } = await wrote(p)
    const desk = await p.online('juliet@bix.org/desk')
    await says(romeo, reaction('j1', '👍'), desk)
    await phone.isSilent()
    await passes(p, 30_000)
    await phone.rings({ body: 'reacted to your message: 👍' })
  })
})
