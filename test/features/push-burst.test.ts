/** Above `push.burst` for a device in a minute the pushes of a chat are one. */
import { describe, expect, test } from 'bun:test'
import { mayGo } from '../../src/push/schedule/burst.ts'
import { explain, phoneOf } from '../support/phone.ts'
import { cast, chat, count, deskInUse, FULL, passes, PUSH, RATES, says } from '../support/phones.ts'
import { type Play, play } from '../support/world.ts'

/** Apple shows one alert of each such id. */
const OF_THE_CHAT = expect.stringMatching(/^chat-/) as string

describe('a burst', () => {
  test('above push.burst in a minute the messages of a chat are one push, and the last rings', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    for (const body of ['1', '2', '3', '4', '5', '6']) await says(romeo, chat(body))
    await phone.rings({}, {}, {})
    await passes(p, 5_000)
    await phone.rings({ badge: 6, message: idOf(p, '6'), collapse: OF_THE_CHAT })
    const merged = (await explain(p)).filter((why) => why.startsWith('merged into a later push'))
    expect(merged).toHaveLength(2)
    expect(merged.at(-1)).toEndWith(`too many came within a minute; into ${idOf(p, '6')}`)
  })

  test('two chats are two pushes', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const nurse = await p.online('nurse@bix.org/home')
    for (const body of ['1', '2', '3', '4', '5']) await says(romeo, chat(body))
    await says(nurse, chat('6'))
    await says(nurse, chat('7'))
    await passes(p, 5_000)
    await phone.rings({}, {}, {}, {}, {})
  })

  test('a phone at its limit stays at it, however many others ring in the same second', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const account = p.store.accounts.find('juliet@bix.org')
    const [app] = p.store.push.devices.of(account?.id ?? 0)
    if (!app) throw new Error('there is no phone')
    const othersRing = (from: number) =>
      p.router.run((t) => {
        for (let n = from; n < from + 6_000; n++) mayGo(t, { ...app, address: `other-${n}` })
      })
    for (const body of ['1', '2', '3', '4']) await says(romeo, chat(body))
    await othersRing(0)
    await says(romeo, chat('5'))
    await othersRing(6_000)
    await says(romeo, chat('6'))
    await phone.rings({}, {}, {})
  })

  test('a trip that is undone forgets nobody for those of whom it asked', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    const account = p.store.accounts.find('juliet@bix.org')
    const [app] = p.store.push.devices.of(account?.id ?? 0)
    if (!app) throw new Error('there is no phone')
    for (const body of ['1', '2', '3']) await says(romeo, chat(body))
    const undone = p.router.run((t) => {
      for (let n = 0; n < 10_001; n++) mayGo(t, { ...app, address: `other-${n}` })
      throw new Error('undone')
    })
    expect(await undone.catch(String)).toContain('undone')
    await says(romeo, chat('4'))
    await phone.rings({}, {}, {})
  })

  test('a minute later it rings as ever', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    for (const body of ['1', '2', '3']) await says(romeo, chat(body))
    p.clock.advance(60_000)
    await says(romeo, chat('4'))
    await phone.rings({}, {}, {}, {})
  })
})

/** Ids of the archive by body. */
function idOf(p: Play, body: string): string {
  const account = p.store.accounts.find('juliet@bix.org')
  const row = p.store.db.raw
    .query<{ id: number }, [number, string]>('SELECT id FROM archive WHERE account_id = ? AND instr(xml, ?)')
    .get(account?.id ?? 0, `<body>${body}</body>`)
  return String(row?.id)
}

const retract = (id: string) =>
  `<message to='juliet@bix.org' type='chat'><retract xmlns='urn:xmpp:message-retract:1' id='${id}'/><store xmlns='urn:xmpp:hints'/></message>`

describe('XEP-0424: the last message of a burst is taken back', () => {
  test('the newest of those that it stood for rings in its place, and its text is nowhere', async () => {
    using p = play({ toml: RATES.replace(PUSH, FULL) })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    for (const body of ['m1', 'm2', 'm3', 'm4', 'm5', 'm6']) await says(romeo, chat(body))
    await says(romeo, retract('m6'))
    expect(await explain(p)).toContain('taken back before it was sent: it was taken back before it was read')
    await phone.rings({ body: 'm1' }, { body: 'm2' }, { body: 'm3' })
    await passes(p, 5_000)
    await phone.rings({ badge: 5, message: idOf(p, 'm5'), body: 'New message' })
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('one after the other: each time the next; nothing where none is left', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo } = await cast(p)
    for (const body of ['m1', 'm2', 'm3', 'm4', 'm5', 'm6']) await says(romeo, chat(body))
    await says(romeo, retract('m5'))
    await says(romeo, retract('m6'))
    await phone.rings({}, {}, {})
    await says(romeo, retract('m4'))
    await passes(p, 60_000)
    await phone.isSilent()
    expect(count(p)).toBe(3)
  })
})

describe('what was held for another reason', () => {
  test('is a burst all the same when its time is over: the last rings', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    const all = ['1', '2', '3', '4', '5', '6', '7']
    for (const body of all) await says(romeo, chat(body), desk)
    await passes(p, 30_000)
    await phone.rings(...['1', '2', '3'].map((body) => ({ message: idOf(p, body) })))
    await passes(p, 5_000)
    await phone.rings({ badge: 7, message: idOf(p, '7'), collapse: OF_THE_CHAT })
    expect((await explain(p)).filter((why) => why.startsWith('merged into a later push'))).toHaveLength(3)
    await passes(p, 60_000)
    await phone.isSilent()
  })

  test('merges into a newer one that waits already', async () => {
    using p = play({ toml: RATES })
    await using phone = await phoneOf(p)
    const { romeo, desk } = await deskInUse(p)
    // An app that marks what was read: its presence shows nothing of that.
    await says(
      desk,
      `<message to='romeo@bix.org'><displayed xmlns='urn:xmpp:chat-markers:0' id='0'/></message>`,
    )
    for (const body of ['1', '2', '3', '4']) await says(romeo, chat(body), desk)
    await passes(p, 26_000)
    await says(desk, '<presence><priority>-1</priority></presence>')
    // The desk takes no more messages: these ring at once, until there are too many.
    for (const body of ['5', '6', '7', '8']) await says(romeo, chat(body))
    await phone.rings(...['5', '6', '7'].map((body) => ({ message: idOf(p, body) })))
    await passes(p, 4_000)
    expect((await explain(p)).filter((why) => why.startsWith('merged into a later push'))).toHaveLength(4)
    await passes(p, 1_000)
    await phone.rings({ badge: 8, message: idOf(p, '8') })
    await passes(p, 60_000)
    await phone.isSilent()
  })
})
