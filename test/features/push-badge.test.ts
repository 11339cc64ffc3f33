/** The number on the icon: what counts, and who is told that it went down. */
import { describe, expect, test } from 'bun:test'
import { explain, phoneOf } from '../support/phone.ts'
import { cast, chat, deskInUse, passes, PUSH, says, settle } from '../support/phones.ts'
import { play } from '../support/world.ts'

describe('the badge', () => {
  test('counts what is unread in all chats, up', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const nurse = await p.online('nurse@bix.org/home')
    await says(romeo, chat('one'))
    await says(nurse, chat('two'))
    await says(romeo, chat('three'))
    await phone.rings({ badge: 1 }, { badge: 2 }, { badge: 3 })
  })

  test('and down, by one push that only changes it, when another device reads', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const nurse = await p.online('nurse@bix.org/home')
    await says(romeo, chat('one', 'm1'))
    await says(romeo, chat('two', 'm2'))
    await says(nurse, chat('three', 'm3'))
    await phone.rings({}, {}, {})
    const desk = await p.bound('juliet@bix.org/desk')
    const marker = (to: string, id: string) =>
      `<message to='${to}@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`
    desk.sends(marker('romeo', 'm1') + marker('romeo', 'm2'))
    await desk.settles()
    await passes(p, 2_000)
    await phone.counts(1)
  })

  test('XEP-0424 §5: what is taken back before it was read does not count', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await says(romeo, chat('one', 'm1'))
    await says(romeo, chat('two', 'm2'))
    await phone.rings({}, {})
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='m1'/></message>`,
    )
    await passes(p, 2_000)
    await phone.counts(1)
  })

  test('XEP-0424 0.3.0: what older clients take back does not count either', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await says(romeo, chat('one', 'm1'))
    await phone.rings({})
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat' id='r'><store xmlns='urn:xmpp:hints'/><apply-to id='m1' xmlns='urn:xmpp:fasten:0'><retract xmlns='urn:xmpp:message-retract:0'/></apply-to><body>taken back</body></message>`,
    )
    await passes(p, 2_000)
    await phone.counts(0)
  })

  test('XEP-0424 §5: taken back while it waits, it does not ring', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('one', 'm1'), desk)
    await says(romeo, chat('two', 'm2'), desk)
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='m1'/></message>`,
      desk,
    )
    await passes(p, 30_000)
    await phone.rings({ badge: 1 })
    expect(await explain(p)).toContain('taken back before it was sent: it was taken back before it was read')
  })

  test('a phone that was told nothing is told nothing', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    await says(romeo, chat('one', 'm1'), desk)
    desk.sends(
      `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='m1'/></message>`,
    )
    await desk.settles()
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('an app that never marks has read everything once it was open', async () => {
    using p = play({ toml: PUSH })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await says(romeo, chat('one'))
    await says(romeo, chat('two'))
    const app = await p.online('juliet@bix.org/phone')
    await app.settles()
    app.sends('</stream:stream>')
    await settle(p)
    await says(romeo, chat('three'))
    await phone.rings({ badge: 1 }, { badge: 2 }, { badge: 1 })
  })

  test('limits.unread_per_user bounds the count', async () => {
    using p = play({ toml: `${PUSH}\n[limits]\nrates = false\nunread_per_user = 2` })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    for (const body of ['1', '2', '3', '4']) await says(romeo, chat(body))
    await phone.rings({ badge: 1 }, { badge: 2 }, { badge: 2 }, { badge: 2 })
  })
})
