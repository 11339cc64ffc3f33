/** Prosody's storages: everything of the fixtures comes over, and everybody logs in with the old password. */
import { describe, expect, test } from 'bun:test'
import type { Source } from '../../src/import/model.ts'
import { prosodyFiles } from '../../src/import/prosody-files.ts'
import { prosodySql } from '../../src/import/prosody-sql.ts'
import { fixture, importInto, later, logsIn, PASSWORDS, rowsOf } from './support.ts'

const FORMS: readonly (readonly [what: string, source: () => Source])[] = [
  ['internal storage', () => prosodyFiles([fixture('prosody/internal')])],
  ['SQL storage', () => prosodySql([fixture('prosody/sqlite.sql')])],
]

for (const [what, source] of FORMS)
  describe(what, () => {
    test('everybody logs in with the old password', async () => {
      using w = later()
      const { figures } = await importInto(w, source())
      expect(figures).toMatchObject({ accounts: 20, without_password: 0 })
      for (const [user, password] of PASSWORDS) await logsIn(w, user, password)
    })

    test('everything comes over, and a second run changes nothing', async () => {
      using w = later()
      const report = await importInto(w, source())
      expect(report.figures).toMatchObject({
        ...{ accounts: 20, contacts: 8, requests: 2, offline_messages: 5, private_documents: 1, blocked: 3 },
        ...{ rooms: 1, affiliations: 5, room_messages: 3, archived_messages: 22 },
      })
      const before = rowsOf(w)
      const again = await importInto(w, source())
      expect(again.figures).toMatchObject({ accounts: 0, archived_messages: 0, room_messages: 0 })
      expect(rowsOf(w)).toEqual(before)
      const row = w.store.rooms.find('verona@conference.bix.org')!
      expect(row.settings).toMatchObject({ name: 'Fair Verona & 字', membersOnly: true, password: 'p&é x' })
      expect(row.subject).toMatchObject({ text: 'Feud & love', nick: 'Ro' })
      const mercutio = w.store.roomAffiliations.get(row.id, 'mercutio@bix.org')
      expect(mercutio).toMatchObject({ affiliation: 'member', nick: 'Merc' })
      const said = w.store.roomArchive.page(row.id, {}, 10, false)
      expect(said.map(({ user }) => user)).toEqual(said.map(() => 'romeo@bix.org'))
      const romeo = w.store.accounts.find('romeo@bix.org')!
      expect(w.store.contacts.find(romeo, 'juliet@bix.org')).toMatchObject({
        ...{ name: 'Juliet 🌹', groups: ['Capulets', 'Friends & foes'], subscription: 'both' },
      })
      expect(w.store.accounts.vcard(romeo)).toContain('Romeo')
      expect(w.store.pep.item(romeo, 'urn:xmpp:bookmarks:1', 'mantua@conference.localhost')).toBeDefined()
      expect(w.store.history.prefs(romeo)).toMatchObject({
        ...{ mode: 'roster', always: ['juliet@bix.org'], never: ['tybalt@bix.org'] },
      })
    })
  })
