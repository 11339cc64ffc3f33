/** A client may say when it wrote something; that a server or somebody else has noted the time is not its to say. */
import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { friends } from '../support/pubsub.ts'
import { play, type Play } from '../support/world.ts'

const STAMP = '2001-01-01T00:00:00Z'
const delay = (from?: string) =>
  `<delay xmlns="urn:xmpp:delay"${from === undefined ? '' : ` from="${from}"`} stamp="${STAMP}"/>`
const old = (from?: string) =>
  `<x xmlns="jabber:x:delay"${from === undefined ? '' : ` from="${from}"`} stamp="20010101T00:00:00"/>`

/** Whose name romeo@bix.org, on a server of bix.org and other.example, may not use. */
const FORGED = [
  'bix.org',
  'BIX.org',
  'bix.org/x',
  'other.example',
  'push.bix.org',
  'rooms.bix.org',
  'juliet@bix.org',
  'juliet@bix.org/balcony',
  'nobody@bix.org',
  'romeo@other.example',
  'room@rooms.example',
  'room@rooms.example/romeo',
  '',
  '@',
  ' bix.org',
]
const OWN = [undefined, 'romeo@bix.org', 'ROMEO@bix.org/x', 'rooms.example']

const archived = (p: Play) =>
  p.store.db.raw.query<{ xml: string }, []>('SELECT xml FROM archive ORDER BY id').all()

/** Who named the delays in a text, in their order; undefined for nobody. */
const namesIn = (text: string) =>
  [...text.matchAll(/<(?:delay|x) xmlns="(?:urn:xmpp|jabber:x):delay"(?: from="([^"]*)")? stamp/g)].map(
    ([, from]) => from,
  )

const next = async (actor: Actor) => (await actor.next()).toString()

describe.each([
  ['XEP-0203', delay],
  ['XEP-0091', old],
])('%s: a delay in the name of a server or of another account', (_xep, written) => {
  const all = [...FORGED, ...OWN].map((from) => written(from)).join('')

  test('reaches neither the recipient, nor the own clients, nor an archive; the sender’s own stays', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const phone = await p.online('romeo@bix.org/phone')
    await phone.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
    for (const one of [phone, juliet]) one.forget()
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>hist!</body>${all}</message>`)
    expect(namesIn(await next(juliet))).toEqual(OWN)
    expect(namesIn(await next(phone))).toEqual(OWN)
    const kept = archived(p)
    expect(kept).toHaveLength(2)
    for (const { xml } of kept) expect(namesIn(xml)).toEqual(OWN)
    romeo.sends(`<message to='${juliet.jid}' type='error'>${all}</message>`)
    expect(namesIn(await next(juliet))).toEqual(OWN)
  })

  test('is in no presence, broadcast, directed or told later', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const tybalt = await p.online('tybalt@bix.org/street')
    romeo.sends(`<presence><show>away</show>${all}</presence>`)
    expect(namesIn(await next(juliet))).toEqual(OWN)
    romeo.sends(`<presence to='tybalt@bix.org'>${all}</presence>`)
    expect(namesIn(await next(tybalt))).toEqual(OWN)
    const phone = await p.online('juliet@bix.org/phone')
    phone.sends(`<presence to='romeo@bix.org' type='probe'/>`)
    expect(namesIn(await next(phone))).toEqual(OWN)
  })

  test('is in no IQ; a request that is nothing else is none', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    romeo.sends(`<iq type='result' id='r' to='${juliet.jid}'>${written('bix.org')}</iq>`)
    expect(await next(juliet)).not.toContain('delay')
    await romeo.isRefused('bad-request', 'set', written('bix.org'), juliet.jid)
    await juliet.hearsNothing()
  })

  test('stays in what is forwarded', async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const inner = `<forwarded xmlns="urn:xmpp:forward:0">${all}<message xmlns="jabber:client" from="room@rooms.example/x">${all}</message></forwarded>`
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>see</body>${inner}</message>`)
    expect(namesIn(await next(juliet))).toHaveLength(2 * (FORGED.length + OWN.length))
  })
})

test('XEP-0203 §4: the server’s own note is on what has waited, and is the only one', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(
    `<message to='juliet@bix.org' type='chat'><body>hist!</body>${delay('bix.org')}${old('bix.org')}</message>`,
  )
  await romeo.settles()
  const juliet = await p.bound('juliet@bix.org/balcony')
  juliet.sends('<presence/>')
  await juliet.settles()
  const message = juliet.heard.find(({ name }) => name === 'message')?.toString() ?? ''
  expect(namesIn(message)).toEqual(['bix.org'])
  expect(message).not.toContain('2001')
})

test('what another has noted and what was said without is the same message', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const origin = `<origin-id xmlns='urn:xmpp:sid:0' id='a'/>`
  for (const note of ['', delay('bix.org'), old('juliet@bix.org')])
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>x</body>${origin}${note}</message>`)
  await romeo.settles()
  await juliet.next()
  await juliet.hearsNothing()
})
