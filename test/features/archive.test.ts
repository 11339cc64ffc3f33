import { describe, expect, test } from 'bun:test'
import { child, children } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

const SID = 'urn:xmpp:sid:0'

interface Row {
  id: number
  owner: string
  peer: string
  xml: string
}

function archive(p: ReturnType<typeof play>): Row[] {
  return p.store.db.raw
    .query<Row, []>(
      'SELECT archive.id, accounts.jid AS owner, peer, xml FROM archive JOIN accounts ON accounts.id = account_id ORDER BY archive.id',
    )
    .all()
}

const owners = (p: ReturnType<typeof play>) => archive(p).map(({ owner, peer }) => `${owner} ${peer}`)

test('XEP-0313 §3.5, §5, §6.1.1, XEP-0359 §2.1: both sides keep a copy, the recipient’s with the id that it was delivered under', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  romeo.sends(`<message to='${juliet.jid}' type='chat' id='m'><body>hist!</body></message>`)
  const heard = await juliet.next()
  const [his, hers, more] = archive(p)
  expect(more).toBeUndefined()
  expect([his?.owner, his?.peer, hers?.owner, hers?.peer]).toEqual([
    'romeo@bix.org',
    'juliet@bix.org',
    'juliet@bix.org',
    'romeo@bix.org',
  ])
  const stamp = child(heard, 'stanza-id', SID)
  expect(stamp?.attrs).toEqual({ xmlns: SID, id: String(hers?.id), by: 'juliet@bix.org' })
  expect(hers?.xml).toBe(heard.toString())
  expect(his?.xml).toContain('<body>hist!</body>')
  expect(his?.xml).not.toContain('stanza-id')
})

test('XEP-0359 §3, §5, case 56: an id that claims to be ours is removed, in any spelling; others stay', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  const forged = ['juliet@bix.org', 'JULIET@bix.org', 'juliet@bix.org.', 'bix.org', 'juliet@bix.org/x']
    .map((by) => `<stanza-id xmlns='${SID}' id='forged' by='${by}'/>`)
    .concat(`<stanza-id xmlns='${SID}' id='forged'/>`)
  const foreign = `<stanza-id xmlns='${SID}' id='theirs' by='room@conference.example'/><stanza-id xmlns='${SID}' id='x' by='@@'/>`
  for (const body of ['<body>x</body>', '']) {
    romeo.sends(`<message to='juliet@bix.org' type='chat'>${body}${forged.join('')}${foreign}</message>`)
    const heard = await juliet.next()
    const ids = children(heard, 'stanza-id', SID).map((el) => el.attrs.id)
    expect(ids.filter((id) => id === 'forged')).toEqual([])
    expect(ids).toContain('theirs')
    expect(ids).toHaveLength(body === '' ? 2 : 3)
  }
})

test('a message to oneself stands in the archive once', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(`<message to='romeo@bix.org' type='chat'><body>note</body></message>`)
  const heard = await romeo.next()
  expect(owners(p)).toEqual(['romeo@bix.org romeo@bix.org'])
  expect(child(heard, 'stanza-id', SID)?.attrs.id).toBe(String(archive(p)[0]?.id))
})

describe('[archive] default', () => {
  test('never: nothing is kept and nothing is stamped', async () => {
    using p = play({ toml: '[archive]\ndefault = "never"\n' })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
    expect(child(await juliet.next(), 'stanza-id', SID)).toBeUndefined()
    expect(archive(p)).toEqual([])
  })

  test('roster: each side decides by its own roster', async () => {
    using p = play({ toml: '[archive]\ndefault = "roster"\n' })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    await juliet.asks('set', `<query xmlns='jabber:iq:roster'><item jid='romeo@bix.org'/></query>`)
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
    await romeo.settles()
    expect(owners(p)).toEqual(['juliet@bix.org romeo@bix.org'])
    juliet.sends(`<message to='romeo@bix.org' type='chat'><body>y</body></message>`)
    await juliet.settles()
    expect(owners(p)).toEqual(['juliet@bix.org romeo@bix.org', 'juliet@bix.org romeo@bix.org'])
  })
})

describe('XEP-0313 §5.1.1: what is kept', () => {
  const hint = (name: string) => `<${name} xmlns='urn:xmpp:hints'/>`
  const state = `<paused xmlns='http://jabber.org/protocol/chatstates'/>`
  const cases: [what: string, type: string, payload: string, kept: boolean][] = [
    ['a body', 'chat', '<body>x</body>', true],
    ['a chat state', 'chat', state, false],
    ['a receipt', 'chat', `<received xmlns='urn:xmpp:receipts' id='1'/>`, true],
    ['a headline', 'headline', '<body>x</body>', false],
    ['an error', 'error', '<body>x</body>', false],
    ['XEP-0334 §4 store', 'chat', state + hint('store'), true],
    ['XEP-0334 §4 no-store', 'chat', `<body>x</body>${hint('no-store')}`, false],
    ['XEP-0334 §4 no-permanent-store', 'chat', `<body>x</body>${hint('no-permanent-store')}`, false],
  ]
  for (const [what, type, payload, kept] of cases)
    test(`${what}: ${kept ? 'yes' : 'no'}`, async () => {
      using p = play()
      const romeo = await p.online('romeo@bix.org/orchard')
      await p.online('juliet@bix.org/balcony')
      romeo.sends(`<message to='juliet@bix.org' type='${type}'>${payload}</message>`)
      await romeo.settles()
      expect(archive(p)).toHaveLength(kept ? 2 : 0)
    })
})

test('XEP-0313 §6.2: ids rise although the clock is set back', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  for (const jump of [0, -86_400_000, 86_400_000]) {
    p.clock.jump(jump)
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>${jump}</body></message>`)
    await romeo.settles()
  }
  const ids = archive(p).map(({ id }) => id)
  expect(ids).toEqual(ids.toSorted((a, b) => a - b))
  expect(archive(p).filter(({ owner }) => owner === 'romeo@bix.org').map(({ xml }) => /<body>(.*)<\/body>/.exec(xml)?.[1])).toEqual(['0', '-86400000', '86400000']) // prettier-ignore
})
