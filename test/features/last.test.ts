import { expect, test } from 'bun:test'
import { child, type Element } from '../../src/xmpp/xml.ts'
import { play } from '../support/world.ts'

const LAST = `<query xmlns='jabber:iq:last'/>`

test('XEP-0012 §5: the server tells its uptime', async () => {
  using p = play()
  const romeo = await p.bound('romeo@bix.org/orchard')
  p.clock.advance(90_500)
  const answer = await romeo.asks('get', LAST, 'bix.org')
  expect(child(answer, 'query', 'jabber:iq:last')?.attrs.seconds).toBe('90')
})

test('XEP-0012 §2, case 66: a contact learns how long ago somebody left and with which words; others nothing', async () => {
  using p = play()
  const nurse = await p.bound('nurse@bix.org/hall')
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  juliet.sends(`<presence type='subscribed' to='romeo@bix.org'/>`)
  await juliet.settles()
  romeo.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
  await romeo.settles()
  const seconds = async () => {
    const query = child(await romeo.asks('get', LAST, 'juliet@bix.org'), 'query', 'jabber:iq:last')
    return [query?.attrs.seconds, query?.getText()]
  }
  // However long she has been there.
  p.clock.advance(5_000)
  expect(await seconds()).toEqual(['0', ''])
  juliet.sends(`<presence type='unavailable'><status>to bed</status></presence>`)
  juliet.sends('</stream:stream>')
  await romeo.settles()
  p.clock.advance(61_000)
  expect(await seconds()).toEqual(['61', 'to bed'])
  await nurse.isRefused('service-unavailable', 'get', LAST, 'juliet@bix.org')
  // The words of an earlier session are not those of a later one.
  const again = await p.online('juliet@bix.org/balcony')
  again.transport.destroy()
  await romeo.settles()
  expect(await seconds()).toEqual(['0', ''])
})

test('of the words of a goodbye so many are kept as a person reads', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  juliet.sends(
    `<presence type='unavailable'><status>${'x'.repeat(5_000)}</status></presence></stream:stream>`,
  )
  for (let i = 0; i < 3; i++) await p.router.run(() => {})
  expect(p.store.accounts.find('juliet@bix.org')?.lastStatus).toBe('x'.repeat(1024))
})

test('XEP-0012 §8, case 66: the question of a stranger reaches no client, whatever its address', async () => {
  using p = play()
  const nurse = await p.online('nurse@bix.org/hall')
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  juliet.sends(`<presence type='subscribed' to='romeo@bix.org'/>`)
  await juliet.settles()
  romeo.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
  await romeo.settles()
  juliet.forget()
  const there = await nurse.isRefused('service-unavailable', 'get', LAST, 'juliet@bix.org/balcony')
  const nowhere = await nurse.isRefused('service-unavailable', 'get', LAST, 'juliet@bix.org/guess')
  const error = (answer: Element) => child(answer, 'error')?.toString()
  expect(error(there)).toBe(error(nowhere))
  await juliet.hearsNothing()
  // A contact's is the client's to answer, and so is one's own.
  for (const [asker, id] of [
    [romeo, 'his'],
    [juliet, 'own'],
  ] as const) {
    asker.sends(`<iq type='get' id='${id}' to='juliet@bix.org/balcony'>${LAST}</iq>`)
    await asker.settles()
  }
  await juliet.settles()
  expect(juliet.heard.map(({ attrs }) => attrs.id)).toEqual(['his', 'own'])
})
