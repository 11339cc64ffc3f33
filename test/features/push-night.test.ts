/** A phone that is off for a night: Apple keeps one push for each app and phone, and shows that in the morning. */
import { describe, expect, test } from 'bun:test'
import { phoneOf } from '../support/phone.ts'
import { cast, chat, FULL, passes, says, settle } from '../support/phones.ts'
import { play } from '../support/world.ts'

const reads = (id: string) =>
  `<message to='romeo@bix.org' type='chat'><displayed xmlns='urn:xmpp:chat-markers:0' id='${id}'/></message>`

describe('a phone that is off for a night', () => {
  test('shows the newest message in the morning, with how many are unread', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await phone.isOff()
    for (const body of ['one', 'two']) await says(romeo, chat(body))
    await passes(p, 60_000)
    const nurse = await p.online('nurse@bix.org/home')
    await says(nurse, chat('three'))
    await passes(p, 8 * 3_600_000)
    expect(await phone.comesOn()).toMatchObject([{ as: 'alert', body: 'three', badge: 3 }])
  })

  test('a number that changed later does not take the place of the message', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await phone.isOff()
    await says(romeo, chat('one', 'm1'))
    await says(romeo, chat('two', 'm2'))
    const desk = await p.bound('juliet@bix.org/desk')
    desk.sends(reads('m1'))
    await desk.settles()
    await passes(p, 5_000)
    expect(await phone.comesOn()).toMatchObject([{ as: 'alert', body: 'two' }])
  })

  test('nor does a correction that replaces what is shown: it may be of an older message', async () => {
    using p = play({ toml: FULL })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    await phone.isOff()
    for (const body of ['one', 'two']) await says(romeo, chat(body))
    await phone.shows()
    await says(
      romeo,
      `<message to='juliet@bix.org' type='chat' id='c'><body>One</body><replace xmlns='urn:xmpp:message-correct:0' id='one'/></message>`,
    )
    expect(await phone.comesOn()).toMatchObject([{ as: 'alert', body: 'two' }])
  })

  for (const [what, xml] of [
    [
      'a correction',
      `<message to='juliet@bix.org' type='chat' id='c'><body>one and only</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/></message>`,
    ],
    [
      'a reaction',
      `<message to='juliet@bix.org' type='chat' id='r'><reactions xmlns='urn:xmpp:reactions:0' id='m1'><reaction>+</reaction></reactions><store xmlns='urn:xmpp:hints'/></message>`,
    ],
  ])
    test(`nor does ${what} that only wakes the app`, async () => {
      using p = play({ toml: FULL.replace('[push]', '[push]\nreactions = "silent"\ncorrections = "silent"') })
      await using phone = await phoneOf(p)
      const { romeo } = await cast(p)
      await phone.isOff()
      await says(romeo, chat('one', 'm1'))
      await phone.shows()
      await says(romeo, String(xml))
      await settle(p)
      expect(await phone.comesOn()).toMatchObject([{ as: 'alert', body: 'one' }])
    })
})
