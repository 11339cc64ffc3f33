import { expect, test } from 'bun:test'
import { play } from '../support/world.ts'

const query = (inner: string) => `<query xmlns='jabber:iq:private'>${inner}</query>`

test('XEP-0049 §2.2: what is stored comes back, what was not comes back empty', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  const prefs = `<exodus xmlns="exodus:prefs"><defaultnick>Juliet</defaultnick></exodus>`
  expect((await juliet.asks('get', query(`<exodus xmlns='exodus:prefs'/>`))).toString()).toContain(
    '<exodus xmlns="exodus:prefs"/>',
  )
  expect((await juliet.asks('set', query(prefs))).attrs.type).toBe('result')
  expect((await juliet.asks('get', query(`<exodus xmlns='exodus:prefs'/>`))).toString()).toContain(prefs)
})

test('XEP-0049 §2.3, §4: nobody reads or writes another one’s', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org')
  await p.account('romeo@bix.org')
  const item = query(`<a xmlns='b'/>`)
  expect((await juliet.asks('get', item, 'romeo@bix.org')).attrs.type).toBe('error')
  expect((await juliet.asks('set', item, 'romeo@bix.org')).attrs.type).toBe('error')
})

test('XEP-0049 §2.3: bad input: no element, two, none of its own namespace, too large, too many', async () => {
  using p = play({ toml: '[limits]\nrates = false\nprivate_xml_bytes = 100\nprivate_xml_documents = 2' })
  const juliet = await p.bound('juliet@bix.org')
  const type = async (inner: string) => (await juliet.asks('set', query(inner))).attrs.type
  await juliet.isRefused('not-acceptable', 'set', query(''))
  await juliet.isRefused('not-acceptable', 'get', query(''))
  expect(await type(`<a xmlns='x'/><b xmlns='x'/>`)).toBe('error')
  expect(await type(`<a/>`)).toBe('error')
  expect(await type(`<a xmlns='x'>${'y'.repeat(100)}</a>`)).toBe('error')
  expect(await type(`<a xmlns='x'/>`)).toBe('result')
  expect(await type(`<b xmlns='x'/>`)).toBe('result')
  expect(await type(`<c xmlns='x'/>`)).toBe('error')
  expect(await type(`<b xmlns='x'>again</b>`)).toBe('result')
})

test('ordinary content of thousands of elements is kept, as large as a stanza may be', async () => {
  using p = play()
  const juliet = await p.bound('juliet@bix.org')
  const notes = Array.from({ length: 5000 }, (_, i) => `<note id="${i}"><text>${i}</text></note>`).join('')
  const list = `<notes xmlns="u:notes">${notes}</notes>`
  expect(list.length).toBeGreaterThan(150_000)
  expect((await juliet.asks('set', query(list))).attrs.type).toBe('result')
  expect((await juliet.asks('get', query(`<notes xmlns='u:notes'/>`))).toString()).toContain(list)
  const long = `<a xmlns="u:a">${'x'.repeat(262_000)}</a>`
  expect((await juliet.asks('set', query(long))).attrs.type).toBe('result')
})

test('limits.private_xml_total: many pieces have so many bytes together, and what is there stays', async () => {
  using p = play({ toml: '[limits]\nrates = false\nprivate_xml_total = 1000' })
  const juliet = await p.bound('juliet@bix.org')
  const type = async (name: string, bytes: number) =>
    (await juliet.asks('set', query(`<${name} xmlns='x'>${'y'.repeat(bytes)}</${name}>`))).attrs.type
  expect(await type('a', 500)).toBe('result')
  expect(await type('b', 400)).toBe('result')
  await juliet.isRefused('resource-constraint', 'set', query(`<c xmlns='x'>${'y'.repeat(100)}</c>`))
  await juliet.isRefused('resource-constraint', 'set', query(`<b xmlns='x'>${'y'.repeat(500)}</b>`))
  expect((await juliet.asks('get', query(`<b xmlns='x'/>`))).toString()).toContain('y'.repeat(400))
  expect(await type('a', 10)).toBe('result')
  expect(await type('c', 100)).toBe('result')
})
