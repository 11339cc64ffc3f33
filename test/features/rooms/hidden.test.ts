/** Hidden rooms in the list of a service: XEP-0045 §4.2, §6.3. */
import { expect, test } from 'bun:test'
import { child, children } from '../../../src/xmpp/xml.ts'
import { changes, configures, enters } from '../../support/rooms.ts'
import type { Actor } from '../../support/actor.ts'
import { type Play, play } from '../../support/world.ts'

const ITEMS = 'http://jabber.org/protocol/disco#items'
const RSM = 'http://jabber.org/protocol/rsm'
const at = (name: string) => `${name}@conference.bix.org`

/** Rooms of that names, of which those in capitals are hidden. */
async function rooms(p: Play, names: string): Promise<Actor> {
  const romeo = await p.online('romeo@bix.org/orchard')
  for (const name of names) {
    const room = at(name.toLowerCase())
    await enters(romeo, 'Romeo', '', room)
    await configures(romeo, { 'muc#roomconfig_publicroom': name === name.toLowerCase() ? '1' : '0' }, room)
  }
  return romeo
}

async function page(who: Actor, inner = ''): Promise<{ names: string; count: string | undefined }> {
  const set = inner === '' ? '' : `<set xmlns='${RSM}'>${inner}</set>`
  const answer = await who.asks('get', `<query xmlns='${ITEMS}'>${set}</query>`, 'conference.bix.org')
  const query = child(answer, 'query', ITEMS)!
  const names = children(query, 'item').map(({ attrs }) => (attrs.jid ?? '').charAt(0))
  return { names: names.join(''), count: child(child(query, 'set', RSM) ?? query, 'count')?.getText() }
}

test('XEP-0045 §4.2 a hidden room is in no list and in no count of rooms, not even its owner’s', async () => {
  using p = play()
  const romeo = await rooms(p, 'aBcD')
  expect((await page(romeo)).names).toBe('ac')
  expect((await page(romeo, '<max>0</max>')).count).toBe('2')
  const juliet = await p.online('juliet@bix.org/balcony')
  expect((await page(juliet, '<max>0</max>')).count).toBe('2')
})

test('XEP-0045 §6.3 with muc.list_hidden_to_members who belongs to a hidden room finds it at its place, page by page, and nobody else', async () => {
  using p = play({ toml: '[muc]\nlist_hidden_to_members = true' })
  const romeo = await rooms(p, 'aBcDE')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`, at('b'))
  await changes(romeo, `<item affiliation='outcast' jid='juliet@bix.org'/>`, at('d'))
  const juliet = await p.online('juliet@bix.org/balcony')
  const nurse = await p.online('nurse@bix.org/kitchen')
  expect((await page(romeo)).names).toBe('abcde')
  expect((await page(juliet)).names).toBe('abc')
  expect((await page(nurse)).names).toBe('ac')
  expect((await page(juliet, '<max>1</max><after>a</after>')).names).toBe('b')
  expect((await page(juliet, '<max>2</max><after>b</after>')).names).toBe('c')
  expect((await page(romeo, '<max>2</max><after>c</after>')).names).toBe('de')
  expect((await page(romeo, '<max>0</max>')).count).toBe('5')
  expect((await page(juliet, '<max>0</max>')).count).toBe('3')
  expect((await page(nurse, '<max>0</max>')).count).toBe('2')
})
