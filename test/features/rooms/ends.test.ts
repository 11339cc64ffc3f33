/** What ends with a room that is destroyed, and with an account that is deleted: XEP-0045 §10.9. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'bun:test'
import { Jid } from '../../../src/xmpp/jid.ts'
import { changes, configures, enters, hears, inside, OWNER, ROOM, says, short } from '../../support/rooms.ts'
import { settle } from '../../support/phones.ts'
import { type Play, play } from '../../support/world.ts'

const directory = mkdtempSync(join(tmpdir(), 'belfry-rooms-'))
afterAll(() => rmSync(directory, { recursive: true }))

const NODE = 'urn:xmpp:bookmarks:1'
const EXTENSION = `<extensions><seal xmlns='urn:example:seal' colour='red'/></extensions>`

async function bookmarks(p: Play, jid: string): Promise<void> {
  const actor = await p.online(`${jid}/desk`)
  const item = `<item id='${ROOM}'><conference xmlns='${NODE}' autojoin='true' name='Ours'>${EXTENSION}</conference></item>`
  await actor.asks(
    'set',
    `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${NODE}'>${item}</publish></pubsub>`,
  )
}

const itemOf = (p: Play, jid: string, node = NODE): string =>
  p.store.db.raw
    .query<{ xml: string }, [string, string]>(
      'SELECT xml FROM pep_items JOIN accounts a ON a.id = account_id WHERE a.jid = ? AND node = ?',
    )
    .get(jid, node)?.xml ?? ''

const rows = (p: Play, table: string): number =>
  p.store.db.raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n ?? 0

const destroys = `<query xmlns='${OWNER}'><destroy/></query>`

test('XEP-0045 §10.9 a destroyed room is entered by nobody’s client by itself, whatever else the bookmark keeps', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await bookmarks(p, 'juliet@bix.org')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  expect(itemOf(p, 'juliet@bix.org')).toContain('autojoin="true"')
  await romeo.asks('set', destroys, ROOM)
  await settle(p)
  const item = itemOf(p, 'juliet@bix.org')
  expect(item).not.toContain('autojoin')
  expect(item).toContain('name="Ours"')
  expect(item).toContain('colour="red"')
  expect(itemOf(p, 'juliet@bix.org', 'storage:bookmarks')).not.toContain('autojoin')
  expect(rows(p, 'room_affiliations')).toBe(0)
})

test('the end of a room with many members survives a stop in its midst', async () => {
  const members = Array.from({ length: 45 }, (_, n) => `m${n}@bix.org`)
  const p = play({ file: join(directory, 'ends.db') })
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await bookmarks(p, 'juliet@bix.org')
  await changes(
    romeo,
    [...members, 'juliet@bix.org'].map((jid) => `<item affiliation='member' jid='${jid}'/>`).join(''),
  )
  says(romeo, 'hark')
  await settle(p)
  // Only that it is gone is on disk.
  await p.router.run((t) => {
    const row = t.store.rooms.find(ROOM)!
    t.store.rooms.update(row.id, { gone: { at: t.now } })
  })
  const file = p.crash()
  p.store.close()
  using q = play({ file, seed: 2 })
  await settle(q)
  expect([rows(q, 'room_affiliations'), rows(q, 'room_archive'), rows(q, 'rooms')]).toEqual([0, 0, 1])
  expect(itemOf(q, 'juliet@bix.org')).not.toContain('autojoin')
})

test('muc.tombstone: when its time is over the room may be made anew, and is another one', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  says(romeo, 'hark')
  await romeo.asks('set', destroys, ROOM)
  await settle(p)
  const { id } = p.store.rooms.find(ROOM)!
  const nurse = await p.online('nurse@bix.org/hall')
  await enters(nurse, 'Nurse')
  expect(await hears(nurse)).toContain('! gone')
  p.clock.advance(31 * 86_400_000)
  // The session has been silent for a month.
  const again = await inside(p, 'nurse@bix.org/kitchen', 'Nurse')
  says(again, 'anew')
  expect(await hears(again)).toEqual(['Nurse: anew'])
  expect(p.store.rooms.find(ROOM)!.id).toBeGreaterThan(id)
})

test('XEP-0045 §10.9, §10.1.3 who has ended a room does not bring it back by entering; submitting a form makes it anew', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await romeo.asks('set', destroys, ROOM)
  const id = p.store.rooms.find(ROOM)!.id
  // As a client does that enters the rooms of its own list when it starts.
  const again = await p.online('romeo@bix.org/garden')
  await enters(again, 'Romeo')
  expect(await hears(again)).toEqual(['! gone'])
  const asks = (type: 'get' | 'set', inner: string, actor = again) =>
    actor.asks(type, `<query xmlns='${OWNER}'>${inner}</query>`, ROOM)
  const form = (type: string) => `<x xmlns='jabber:x:data' type='${type}'/>`
  // A look at the form of a new room, a cancelled one and an end of what has ended change nothing.
  expect((await asks('get', '')).attrs.type).toBe('result')
  expect(short(await asks('set', form('cancel')))).toBe('! gone')
  expect(short(await asks('set', '<destroy/>'))).toBe('! gone')
  const nurse = await p.online('nurse@bix.org/hall')
  expect(short(await asks('get', '', nurse))).toBe('! gone')
  expect(short(await asks('set', form('submit'), nurse))).toBe('! gone')
  expect(p.store.rooms.find(ROOM)!.id).toBe(id)
  await configures(again, { 'muc#roomconfig_persistentroom': '1' })
  expect(p.store.rooms.find(ROOM)!.id).toBeGreaterThan(id)
  await enters(again, 'Romeo')
  expect((await hears(again)).at(-2)).toBe('Romeo owner/moderator 110 100')
})

test('a deleted account stands to no room any more, and leaves those that it is in', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  const heath = 'heath@conference.bix.org'
  const witch = await inside(p, 'witch@bix.org/hut', 'Witch', heath)
  await changes(romeo, `<item affiliation='admin' jid='juliet@bix.org' nick='Capulet'/>`)
  await changes(witch, `<item affiliation='owner' jid='juliet@bix.org'/>`, heath)
  await hears(romeo)
  await hears(witch)
  await p.router.run((t) => p.world.deleteAccount(t, Jid.parse('juliet@bix.org')))
  await settle(p)
  expect((await hears(romeo)).filter((line) => line.startsWith('-Juliet'))).toEqual(['-Juliet none/none'])
  expect(await hears(witch)).toHaveLength(1)
  expect(p.store.roomAffiliations.roomsOf('juliet@bix.org', 10)).toEqual([])
  // The nick is free.
  const nurse = await p.online('nurse@bix.org/hall')
  await enters(nurse, 'Capulet')
  expect((await hears(nurse)).some((line) => line.startsWith('Capulet none/participant'))).toBe(true)
})

test('a room whose only owner is deleted stays without one', async () => {
  using p = play()
  const romeo = await inside(p, 'romeo@bix.org/orchard', 'Romeo')
  await changes(romeo, `<item affiliation='member' jid='juliet@bix.org'/>`)
  await inside(p, 'juliet@bix.org/balcony', 'Juliet')
  await p.router.run((t) => p.world.deleteAccount(t, Jid.parse('romeo@bix.org')))
  await settle(p)
  const { id } = p.store.rooms.find(ROOM)!
  expect(p.store.roomAffiliations.counts(id)).toEqual({ member: 1 })
})
