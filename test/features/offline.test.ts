import { describe, expect, test } from 'bun:test'
import { elements } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { play } from '../support/world.ts'

const CHAT = (body: string) =>
  `<message to='juliet@bix.org' type='chat' id='m'><body>${body}</body></message>`

/** Bodies of the messages that were heard, in order. */
function bodies(actor: Actor): string[] {
  return actor.heard.filter(({ name }) => name === 'message').map((el) => elements(el)[0]?.getText() ?? '')
}

const waiting = (p: ReturnType<typeof play>) => p.store.messages.totalOffline()

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
  expect(waiting(p)).toBe(1)
  await juliet.settles()
  expect(waiting(p)).toBe(0)
})

describe('what was written goes only when the client has shown that it got it', () => {
  async function written(p: ReturnType<typeof play>): Promise<Actor> {
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    romeo.sends(CHAT('once'))
    await romeo.settles()
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.sends('<presence/>')
    await juliet.next()
    expect(waiting(p)).toBe(1)
    return juliet
  }

  const signs: [string, string][] = [
    ['the answer to the ping', `<iq type='result' id='belfry-x' to='bix.org'/>`],
    ['an error for an answer', `<iq type='error' id='belfry-x' to='bix.org'/>`],
    ['any stanza', `<message to='romeo@bix.org' type='headline'/>`],
    ['an orderly end of the stream', '</stream:stream>'],
  ]
  for (const [what, xml] of signs)
    test(`${what} deletes it`, async () => {
      using p = play()
      const juliet = await written(p)
      juliet.sends(xml)
      const nurse = await p.bound('nurse@bix.org/hall')
      await nurse.settles()
      expect(waiting(p)).toBe(0)
      const again = await p.online('juliet@bix.org/balcony')
      expect(bodies(again)).toEqual([])
    })

  test('whitespace proves nothing', async () => {
    using p = play()
    const juliet = await written(p)
    juliet.sends(' \n')
    const nurse = await p.bound('nurse@bix.org/hall')
    await nurse.settles()
    expect(waiting(p)).toBe(1)
  })

  test('a cut keeps it, and it comes again with the same id and stamp', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    romeo.sends(CHAT('once'))
    await romeo.settles()
    const lost = await p.bound('juliet@bix.org/balcony')
    lost.sends('<presence/>')
    const first = await lost.next()
    lost.transport.destroy()
    p.clock.advance(60_000)
    const juliet = await p.bound('juliet@bix.org/garden')
    juliet.sends('<presence/>')
    const again = await juliet.next()
    expect(again.toString()).toBe(first.toString())
  })

  test('a stream that the server ends with an error keeps it', async () => {
    using p = play()
    const juliet = await written(p)
    juliet.sends('<no></match>')
    const nurse = await p.bound('nurse@bix.org/hall')
    await nurse.settles()
    expect(waiting(p)).toBe(1)
  })
})

describe('XEP-0160 §3: what waits and what does not', () => {
  const hint = (name: string) => `<${name} xmlns='urn:xmpp:hints'/>`
  const state = `<composing xmlns='http://jabber.org/protocol/chatstates'/>`
  const cases: [what: string, type: string, payload: string, waits: boolean][] = [
    ['a chat', 'chat', '<body>x</body>', true],
    ['a normal message', 'normal', '<body>x</body>', true],
    ['a chat state', 'chat', state, false],
    ['a chat state with its thread', 'chat', `${state}<thread>t</thread>`, false],
    ['a chat state with a body', 'chat', `${state}<body>x</body>`, true],
    ['a receipt', 'chat', `<received xmlns='urn:xmpp:receipts' id='1'/>`, true],
    ['a headline', 'headline', '<body>x</body>', false],
    ['an error', 'error', '<body>x</body>', false],
    ['XEP-0334 no-store', 'chat', `<body>x</body>${hint('no-store')}`, false],
    ['XEP-0334 no-permanent-store', 'chat', `<body>x</body>${hint('no-permanent-store')}`, true],
    ['XEP-0334 store', 'chat', `${state}${hint('store')}`, true],
  ]
  for (const [what, type, payload, waits] of cases)
    test(`${what} ${waits ? 'waits' : 'does not'}`, async () => {
      using p = play()
      const romeo = await p.online('romeo@bix.org/orchard')
      await p.account('juliet@bix.org')
      romeo.sends(`<message to='juliet@bix.org' type='${type}'>${payload}</message>`)
      await romeo.hearsNothing()
      expect(waiting(p)).toBe(waits ? 1 : 0)
    })
})

describe('XEP-0160 §3, case 59: a full box is told to the sender, who keeps no copy of it either', () => {
  for (const limit of ['offline_messages = 2', 'offline_bytes = 500'])
    test(limit, async () => {
      using p = play({ toml: `[archive]\ndefault = "never"\n[limits]\nrates = false\n${limit}\n` })
      const romeo = await p.online('romeo@bix.org/orchard')
      await p.account('juliet@bix.org')
      const body = 'x'.repeat(100)
      romeo.sends(CHAT(body) + CHAT(body))
      await romeo.hearsNothing()
      romeo.sends(CHAT(body))
      await romeo.hearsError('service-unavailable')
      expect(waiting(p)).toBe(2)
      const archived = p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM archive').get()
      expect(archived?.n).toBe(0)
      // There is room again once she has read.
      const juliet = await p.online('juliet@bix.org/balcony')
      await juliet.settles()
      juliet.sends('</stream:stream>')
      romeo.sends(CHAT('again'))
      await romeo.hearsNothing()
      expect(waiting(p)).toBe(1)
    })
})

test('XEP-0160 §2: a negative priority gets nothing, and all of it once it is raised', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(CHAT('one'))
  await romeo.settles()
  const juliet = await p.bound('juliet@bix.org/balcony')
  juliet.sends('<presence><priority>-1</priority></presence>')
  await juliet.settles()
  expect(bodies(juliet)).toEqual([])
  juliet.sends('<presence><priority>0</priority></presence>')
  await juliet.settles()
  expect(bodies(juliet)).toEqual(['one'])
})

test('XEP-0160 §2: a session that was unavailable for a while gets what came meanwhile', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  for (const body of ['one', 'two']) {
    juliet.sends(`<presence type='unavailable'/>`)
    await juliet.settles()
    romeo.sends(CHAT(body))
    await romeo.settles()
    expect(waiting(p)).toBe(1)
    juliet.forget()
    juliet.sends('<presence/>')
    await juliet.settles()
    expect(bodies(juliet)).toEqual([body])
    await juliet.settles()
    expect(waiting(p)).toBe(0)
  }
})

test('XEP-0160 §2: two sessions that log in before either has shown that it reads both get it', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(CHAT('one'))
  await romeo.settles()
  const sessions = [await p.bound('juliet@bix.org/a'), await p.bound('juliet@bix.org/b')]
  for (const session of sessions) session.sends('<presence/>')
  for (const session of sessions) await session.settles()
  for (const session of sessions) expect(bodies(session)).toEqual(['one'])
  expect(waiting(p)).toBe(0)
})

describe('order is kept behind a full box', () => {
  async function fill(p: ReturnType<typeof play>, count: number): Promise<Actor> {
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    for (let i = 0; i < count; i++) romeo.sends(CHAT(String(i)))
    await romeo.settles()
    expect(waiting(p)).toBe(count)
    return romeo
  }

  test('250 that waited, then those that arrive while they are being paged out', async () => {
    using p = play()
    const romeo = await fill(p, 250)
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.sends('<presence/>')
    for (let i = 250; i < 255; i++) romeo.sends(CHAT(String(i)))
    await romeo.settles()
    // Each page follows a sign that the one before was read.
    expect(bodies(juliet)).toHaveLength(100)
    await juliet.settles()
    romeo.sends(CHAT('255'))
    await romeo.settles()
    expect(bodies(juliet)).toHaveLength(200)
    for (let i = 0; i < 3; i++) await juliet.settles()
    romeo.sends(CHAT('256'))
    await romeo.settles()
    await juliet.settles()
    expect(bodies(juliet)).toEqual(Array.from({ length: 257 }, (_, i) => String(i)))
    expect(waiting(p)).toBe(0)
  })

  test('what is addressed to the full JID waits its turn as well; chat states do not', async () => {
    using p = play()
    const romeo = await fill(p, 101)
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.sends('<presence/>')
    romeo.sends(`<message to='juliet@bix.org/balcony' type='chat'><body>last</body></message>`)
    romeo.sends(
      `<message to='juliet@bix.org' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`,
    )
    await romeo.hearsNothing()
    expect(bodies(juliet)).toHaveLength(101)
    expect(juliet.heard.at(-1)?.toString()).toContain('composing')
    await juliet.settles()
    await juliet.settles()
    expect(bodies(juliet).at(-1)).toBe('last')
  })

  test('another session that is there gets its copy at once, the one that catches up in its order', async () => {
    using p = play()
    const romeo = await fill(p, 101)
    const chamber = await p.bound('juliet@bix.org/chamber')
    chamber.pongs = true
    chamber.sends('<presence/>')
    for (let i = 0; i < 4; i++) await chamber.settles()
    expect(waiting(p)).toBe(0)
    chamber.sends(`<presence type='unavailable'/>`)
    await chamber.settles()
    for (let i = 101; i < 210; i++) romeo.sends(CHAT(String(i)))
    await romeo.settles()
    const balcony = await p.bound('juliet@bix.org/balcony')
    balcony.sends('<presence/>')
    const garden = await p.online('juliet@bix.org/garden')
    for (let i = 0; i < 4; i++) await garden.settles()
    garden.forget()
    romeo.sends(CHAT('last'))
    await romeo.hearsNothing()
    await garden.settles()
    expect(bodies(garden)).toEqual(['last'])
    for (let i = 0; i < 4; i++) await balcony.settles()
    expect(bodies(balcony).at(-1)).toBe('last')
    expect(bodies(balcony).filter((body) => body === 'last')).toHaveLength(1)
  })

  test.each([[true], [false]])(
    'it is one message for all of them (the other acknowledges: %p)',
    async (acks) => {
      using p = play({ toml: '[limits]\nrates = false\noffline_page = 1' })
      const romeo = await fill(p, 3)
      const balcony = await p.bound('juliet@bix.org/balcony')
      balcony.sends('<presence/>')
      const garden = await p.bound('juliet@bix.org/garden')
      if (acks) garden.sends(`<enable xmlns='urn:xmpp:sm:3'/>`)
      garden.sends('<presence/>')
      for (let i = 1; i < 6; i++) {
        await garden.settles()
        // Answers to the fences count as well.
        const h = i + garden.heard.filter(({ name }) => name === 'message' || name === 'presence').length
        if (acks) garden.sends(`<a xmlns='urn:xmpp:sm:3' h='${h}'/>`)
      }
      expect(bodies(garden)).toEqual(['0', '1', '2'])
      romeo.sends(CHAT('last'))
      await romeo.hearsNothing()
      await garden.settles()
      garden.sends('<presence><show>away</show></presence>')
      await garden.settles()
      expect(bodies(garden)).toEqual(['0', '1', '2', 'last'])
      garden.transport.destroy()
      for (let i = 0; i < 4; i++) await balcony.settles()
      expect(bodies(balcony).filter((body) => body === 'last')).toEqual(['last'])
      balcony.sends('</stream:stream>')
      await romeo.settles()
      expect(waiting(p)).toBe(0)
    },
  )

  test('who takes messages no more while it catches up still gets what it was given', async () => {
    using p = play({ toml: '[limits]\nrates = false\noffline_page = 1' })
    const romeo = await fill(p, 2)
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.sends('<presence/>')
    romeo.sends(CHAT('last'))
    await romeo.hearsNothing()
    juliet.sends('<presence><priority>-1</priority></presence>')
    await juliet.settles()
    expect(bodies(juliet)).toEqual(['0', 'last'])
    juliet.sends('<presence/>')
    await juliet.settles()
    expect(bodies(juliet)).toEqual(['0', 'last', '1'])
  })

  test('a page ends at 128 KB, and one message is always written', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    for (let i = 0; i < 5; i++) romeo.sends(CHAT('x'.repeat(i === 4 ? 200_000 : 50_000)))
    await romeo.settles()
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.sends('<presence/>')
    const nurse = await p.bound('nurse@bix.org/hall')
    await nurse.settles()
    const counts = [bodies(juliet).length]
    for (let i = 0; i < 3; i++) {
      await juliet.settles()
      counts.push(bodies(juliet).length)
    }
    expect(counts).toEqual([2, 4, 5, 5])
    expect(waiting(p)).toBe(0)
  })

  test.each([
    ['offline_page = 2', [2, 4, 5]],
    ['offline_page_bytes = 1500', [4, 5, 5]],
  ])('limits.%s: a page is as long as the configuration says', async (limit, expected) => {
    using p = play({ toml: `[limits]\nrates = false\n${limit}` })
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    for (let i = 0; i < 5; i++) romeo.sends(CHAT('x'.repeat(100)))
    await romeo.settles()
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.sends('<presence/>')
    await romeo.settles()
    const counts = [bodies(juliet).length]
    for (let i = 0; i < 2; i++) {
      await juliet.settles()
      counts.push(bodies(juliet).length)
    }
    expect(counts).toEqual(expected)
  })

  test('a client that goes away amid its pages gets the rest next time', async () => {
    using p = play()
    await fill(p, 150)
    const lost = await p.bound('juliet@bix.org/balcony')
    lost.sends('<presence/>')
    const nurse = await p.bound('nurse@bix.org/hall')
    await nurse.settles()
    lost.transport.destroy()
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.pongs = true
    juliet.sends('<presence/>')
    for (let i = 0; i < 4; i++) await juliet.settles()
    expect(bodies(juliet)).toEqual(Array.from({ length: 150 }, (_, i) => String(i)))
  })

  test('a page that is lost with its turn is written again', async () => {
    using p = play()
    await fill(p, 150)
    const juliet = await p.bound('juliet@bix.org/balcony')
    juliet.sends('<presence/>')
    const nurse = await p.bound('nurse@bix.org/hall')
    await nurse.settles()
    const mend = p.commitsFail()
    juliet.sends(`<iq type='result' id='x' to='bix.org'/>`)
    await nurse.settles()
    expect(bodies(juliet)).toHaveLength(100)
    mend()
    for (let i = 0; i < 4; i++) await juliet.settles()
    expect(bodies(juliet)).toEqual(Array.from({ length: 150 }, (_, i) => String(i)))
    expect(waiting(p)).toBe(0)
  })
})
