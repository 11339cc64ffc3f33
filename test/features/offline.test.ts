import { expect, test } from 'bun:test'
import { play } from '../support/world.ts'

const CHAT = (body: string) =>
  `<message to='juliet@bix.org' type='chat' id='m'><body>${body}</body></message>`

test('XEP-0160 §2: a message to somebody who is away waits and comes with its delay', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(CHAT('art thou there?'))
  await romeo.hearsNothing()
  const juliet = await p.bound('juliet@bix.org/balcony')
  juliet.sends('<presence/>')
  await juliet.receives(
    `<message from='romeo@bix.org/orchard' to='juliet@bix.org' type='chat' id='m'><body>art thou there?</body>` +
      `<stanza-id xmlns='urn:xmpp:sid:0' id='{any}' by='juliet@bix.org'/>` +
      `<delay xmlns='urn:xmpp:delay' from='bix.org' stamp='2026-01-01T00:00:00.000Z'/></message>`,
  )
  await juliet.receives(
    `<iq type='get' id='{any}' from='bix.org' to='juliet@bix.org/balcony'><ping xmlns='urn:xmpp:ping'/></iq>`,
  )
  await juliet.receives(`<presence from='juliet@bix.org/balcony' to='juliet@bix.org/balcony'/>`)
  expect(p.store.messages.totalOffline()).toBe(1)
  await juliet.settles()
  expect(p.store.messages.totalOffline()).toBe(0)
})

test('a message that was written but not answered is written again at the next login', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(CHAT('once'))
  await romeo.settles()
  const lost = await p.bound('juliet@bix.org/balcony')
  lost.sends('<presence/>')
  const first = await lost.next()
  lost.transport.destroy()
  const juliet = await p.bound('juliet@bix.org/garden')
  juliet.sends('<presence/>')
  const again = await juliet.next()
  expect(again.toString()).toBe(first.toString())
})
