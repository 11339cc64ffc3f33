import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { play } from '../support/world.ts'

const TYPES = ['chat', 'normal', 'headline', 'groupchat', 'error'] as const
type Fate = 'takes' | 'waits' | 'refused' | 'nothing'

/** Sends one message and tells what became of it. */
async function fate(
  p: ReturnType<typeof play>,
  romeo: Actor,
  to: string,
  type: string,
  listeners: Actor[] = [],
): Promise<{ fate: Fate; heardBy: number[] }> {
  const before = p.store.messages.totalOffline()
  romeo.sends(`<message to='${to}' type='${type}' id='${type}'><body>hist!</body></message>`)
  await romeo.settles()
  for (const listener of listeners) await listener.settles()
  const heardBy = listeners.map((listener) => listener.heard.length)
  for (const listener of listeners) listener.forget()
  const waits = p.store.messages.totalOffline() > before
  if (romeo.heard.length > 0) {
    await romeo.hearsError('service-unavailable')
    expect(romeo.heard).toEqual([])
    expect(waits).toBe(false)
    return { fate: 'refused', heardBy }
  }
  if (heardBy.some((count) => count > 0)) return { fate: 'takes', heardBy }
  return { fate: waits ? 'waits' : 'nothing', heardBy }
}

describe('RFC 6121 §8.5.1: there is no such account', () => {
  const fates: Record<(typeof TYPES)[number], Fate> = {
    chat: 'refused',
    normal: 'refused',
    headline: 'nothing',
    groupchat: 'refused',
    error: 'nothing',
  }
  for (const type of TYPES)
    test(`${type}: ${fates[type]}`, async () => {
      using p = play()
      const romeo = await p.online('romeo@bix.org/orchard')
      for (const to of ['rosaline@bix.org', 'rosaline@bix.org/home'])
        expect((await fate(p, romeo, to, type)).fate).toBe(fates[type])
      expect(await waiting(p)).toBe(0)
    })
})

describe('RFC 6121 §8.5.2.2.1: bare JID, nobody there', () => {
  const fates: Record<(typeof TYPES)[number], Fate> = {
    chat: 'waits',
    normal: 'waits',
    headline: 'nothing',
    groupchat: 'refused',
    error: 'nothing',
  }
  for (const type of TYPES)
    test(`${type}: ${fates[type]}`, async () => {
      using p = play()
      const romeo = await p.online('romeo@bix.org/orchard')
      await p.account('juliet@bix.org')
      expect((await fate(p, romeo, 'juliet@bix.org', type)).fate).toBe(fates[type])
    })

  test('a connected resource that is not available does not count', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.bound('juliet@bix.org/balcony')
    expect((await fate(p, romeo, 'juliet@bix.org', 'chat', [juliet])).fate).toBe('waits')
  })
})

describe('RFC 6121 §8.5.2.1.1: bare JID, several resources', () => {
  const fates: Record<(typeof TYPES)[number], number[]> = {
    chat: [1, 1, 0, 0],
    normal: [1, 1, 0, 0],
    headline: [1, 1, 0, 0],
    groupchat: [0, 0, 0, 0],
    error: [0, 0, 0, 0],
  }
  for (const type of TYPES)
    test(`${type}: every one with a priority of at least zero, or none`, async () => {
      using p = play()
      const romeo = await p.online('romeo@bix.org/orchard')
      const balcony = await p.online('juliet@bix.org/balcony')
      const chamber = await p.online('juliet@bix.org/chamber')
      const shy = await p.online('juliet@bix.org/shy')
      const away = await p.bound('juliet@bix.org/away')
      chamber.sends('<presence><priority>5</priority></presence>')
      shy.sends('<presence><priority>-1</priority></presence>')
      const all = [balcony, chamber, shy, away]
      for (const one of all) await one.settles()
      for (const one of all) one.forget()
      const { heardBy, fate: what } = await fate(p, romeo, 'juliet@bix.org', type, all)
      expect(heardBy).toEqual(fates[type])
      expect(what).toBe(type === 'groupchat' ? 'refused' : type === 'error' ? 'nothing' : 'takes')
    })

  test('only negative priorities: a chat waits, a headline is gone', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.sends('<presence><priority>-1</priority></presence>')
    await juliet.settles()
    juliet.forget()
    expect((await fate(p, romeo, 'juliet@bix.org', 'chat', [juliet])).fate).toBe('waits')
    expect((await fate(p, romeo, 'juliet@bix.org', 'normal', [juliet])).fate).toBe('waits')
    expect((await fate(p, romeo, 'juliet@bix.org', 'headline', [juliet])).fate).toBe('nothing')
  })
})

describe('RFC 6121 §8.5.3.1: full JID that matches', () => {
  for (const type of TYPES)
    test(`${type}: this resource and no other, whatever its priority`, async () => {
      using p = play()
      const romeo = await p.online('romeo@bix.org/orchard')
      const shy = await p.online('juliet@bix.org/shy')
      const balcony = await p.online('juliet@bix.org/balcony')
      shy.sends('<presence><priority>-1</priority></presence>')
      await shy.settles()
      await balcony.settles()
      shy.forget()
      balcony.forget()
      const { heardBy } = await fate(p, romeo, 'juliet@bix.org/shy', type, [shy, balcony])
      expect(heardBy).toEqual([1, 0])
    })

  test('a resource that is bound but not available is reached as well', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.bound('juliet@bix.org/balcony')
    expect((await fate(p, romeo, 'juliet@bix.org/balcony', 'chat', [juliet])).fate).toBe('takes')
  })
})

describe('RFC 6121 §8.5.3.2.1: full JID that matches nothing', () => {
  const there: Record<(typeof TYPES)[number], Fate> = {
    chat: 'takes',
    normal: 'refused',
    headline: 'nothing',
    groupchat: 'refused',
    error: 'nothing',
  }
  for (const type of TYPES)
    test(`${type}: ${there[type]} where another resource is there`, async () => {
      using p = play()
      const romeo = await p.online('romeo@bix.org/orchard')
      const juliet = await p.online('juliet@bix.org/balcony')
      expect((await fate(p, romeo, 'juliet@bix.org/gone', type, [juliet])).fate).toBe(there[type])
    })

  test('a chat waits where nobody is there', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    expect((await fate(p, romeo, 'juliet@bix.org/gone', 'chat')).fate).toBe('waits')
  })
})

test('RFC 6121 §5.2.2: a message of an unknown type counts as normal', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  expect((await fate(p, romeo, 'juliet@bix.org', 'whisper', [juliet])).fate).toBe('takes')
})

test('RFC 6120 §10.3.1: a message without `to` goes to the own bare JID', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const other = await p.online('romeo@bix.org/street')
  romeo.forget()
  romeo.sends(`<message type='chat'><body>note to self</body></message>`)
  const copy = (to: string) =>
    `<message from='romeo@bix.org/orchard' type='chat'><body>note to self</body>` +
    `<stanza-id xmlns='urn:xmpp:sid:0' id='{any}' by='${to}'/></message>`
  await romeo.receives(copy('romeo@bix.org'))
  await other.receives(copy('romeo@bix.org'))
})

test('RFC 6120 §10.5.2: a message to the server itself is answered, not swallowed', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(`<message to='bix.org' id='m'><body>anybody there?</body></message>`)
  expect((await romeo.hearsError('service-unavailable')).attrs).toEqual({
    type: 'error',
    id: 'm',
    from: 'bix.org',
    to: 'romeo@bix.org/orchard',
  })
  romeo.sends(`<message to='bix.org' type='error' id='e'/><presence to='bix.org'/>`)
  await romeo.hearsNothing()
})

test('RFC 6120 §10.4.1: another domain cannot be reached; errors and presence get no answer to an error', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(`<message to='nurse@elsewhere.example' id='m' type='chat'><body>hail</body></message>`)
  expect((await romeo.hearsError('remote-server-not-found')).attrs.from).toBe('nurse@elsewhere.example')
  await romeo.isRefused(
    'remote-server-not-found',
    'get',
    `<ping xmlns='urn:xmpp:ping'/>`,
    'elsewhere.example',
  )
  romeo.sends(`<message to='nurse@elsewhere.example' type='error'/>`)
  romeo.sends(`<iq to='nurse@elsewhere.example' type='result' id='r'/>`)
  await romeo.hearsNothing()
  expect(await waiting(p)).toBe(0)
})

test('RFC 6120 §8.3.3.8: an address that is none is jid-malformed, and the stream lives on', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const long = 'x'.repeat(1024)
  for (const to of [
    '@bix.org',
    'juliet@',
    'a b@bix.org',
    'juliet@bix.org/',
    '',
    `${long}@bix.org`,
    '/home',
  ]) {
    romeo.sends(`<message to='${to}' id='m'><body>?</body></message>`)
    await romeo.hearsError('jid-malformed')
  }
  romeo.sends(`<presence to='@@'/>`)
  await romeo.hearsError('jid-malformed')
  await romeo.isRefused('jid-malformed', 'get', `<ping xmlns='urn:xmpp:ping'/>`, '@@')
})

test('RFC 7622 §3: addresses that look different and are the same reach the same account', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  for (const to of ['JULIET@Bix.Org', 'ｊｕｌｉｅｔ@bix.org', 'juliet@bix.org.', 'juliet@BIX.ORG/balcony'])
    expect((await fate(p, romeo, to, 'chat', [juliet])).heardBy).toEqual([1])
})

describe('RFC 6120 §8.1.2.1: `from` is stamped by the server', () => {
  for (const from of ['juliet@bix.org', 'romeo@bix.org/street', 'bix.org', 'not a jid@@', ''])
    test(`case 49: "${from}" ends the stream with invalid-from`, async () => {
      using p = play()
      await p.account('juliet@bix.org')
      const romeo = await p.online('romeo@bix.org/orchard')
      romeo.sends(`<message from='${from}' to='juliet@bix.org'><body>forged</body></message>`)
      await romeo.isCutOff('invalid-from')
      expect(await waiting(p)).toBe(0)
    })

  test('case 49: the own full or bare JID may be named', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    for (const from of ['romeo@bix.org', 'ROMEO@bix.org/orchard', 'romeo@bix.org/orchard']) {
      romeo.sends(`<message from='${from}' to='juliet@bix.org/balcony' type='headline'/>`)
      expect((await juliet.next()).attrs.from).toBe('romeo@bix.org/orchard')
    }
  })
})

test('accounts of two hosts are strangers with the same name', async () => {
  using p = play()
  const here = await p.online('romeo@bix.org/orchard')
  const there = await p.online('romeo@other.example/orchard')
  here.sends(`<message to='romeo@other.example' type='chat'><body>brother</body></message>`)
  expect((await there.next()).attrs.from).toBe('romeo@bix.org/orchard')
  await here.hearsNothing()
})

async function waiting(p: ReturnType<typeof play>): Promise<number> {
  return p.router.run((t) => t.store.messages.totalOffline())
}
