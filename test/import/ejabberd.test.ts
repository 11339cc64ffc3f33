/** ejabberd's own forms: everything of the fixtures comes over, and everybody logs in with the old password. */
import { describe, expect, test } from 'bun:test'
import { dirname, join } from 'node:path'
import { ejabberdDump } from '../../src/import/ejabberd-dump.ts'
import { ejabberdSql } from '../../src/import/ejabberd-sql.ts'
import type { Source } from '../../src/import/model.ts'
import { prosodyFiles } from '../../src/import/prosody-files.ts'
import { fixture, importInto, later, logsIn, PASSWORDS, rowsOf, scratch } from './support.ts'

interface Form {
  readonly what: string
  readonly source: () => Source
  readonly hash?: 'SHA-256'
  readonly archived: number
  readonly items: number
  readonly subscribers: number
}

const FORMS: readonly Form[] = [
  {
    what: 'the dump of Mnesia',
    source: () => ejabberdDump([fixture('ejabberd/mnesia-dump.txt')]),
    ...{ archived: 22, items: 6, subscribers: 2 },
  },
  {
    what: 'export2sql',
    source: () => ejabberdSql([fixture('ejabberd/export2sql.sql')], 'localhost'),
    ...{ archived: 22, items: 6, subscribers: 2 },
  },
  {
    what: 'SQL of the old schema',
    source: () => ejabberdSql([fixture('ejabberd/sqlite-old-schema.sql')], 'localhost'),
    ...{ archived: 22, items: 6, subscribers: 2 },
  },
  {
    what: 'SQL of the new schema',
    source: () => ejabberdSql([fixture('ejabberd/sqlite-new-schema.sql')], ''),
    ...{ hash: 'SHA-256', archived: 22, items: 6, subscribers: 2 },
  },
]

for (const { what, source, hash, archived, items, subscribers } of FORMS)
  describe(what, () => {
    test('everybody logs in with the old password', async () => {
      using w = later()
      const { figures } = await importInto(w, source())
      expect(figures).toMatchObject({ accounts: 20, without_password: 0 })
      for (const [user, password] of PASSWORDS) await logsIn(w, user, password, hash)
    })

    test('everything comes over, and a second run changes nothing', async () => {
      using w = later()
      const report = await importInto(w, source())
      expect(report.figures).toMatchObject({
        ...{ accounts: 20, contacts: 8, requests: 2, offline_messages: 5, vcards: 2, private_documents: 2 },
        ...{ blocked: 3, rooms: 1, affiliations: 5, room_messages: 4 },
        ...{ archived_messages: archived, published_items: items, subscribers },
      })
      const before = rowsOf(w)
      const again = await importInto(w, source())
      expect(again.figures).toMatchObject({
        accounts: 0,
        contacts: 0,
        archived_messages: 0,
        room_messages: 0,
      })
      expect(rowsOf(w)).toEqual(before)
      const row = w.store.rooms.find('verona@conference.bix.org')!
      expect(row.settings).toMatchObject({ name: 'Fair Verona & 字', membersOnly: true, password: 'p&é x' })
      expect(row.subject?.text).toBe('Feud & love')
      const rows = w.store.roomAffiliations.all(row.id, 10)
      expect(rows.map(({ user, affiliation }) => [user, affiliation])).toEqual([
        ['benvolio@bix.org', 'member'],
        ['juliet@bix.org', 'admin'],
        ['mercutio@bix.org', 'member'],
        ['romeo@bix.org', 'owner'],
        ['tybalt@bix.org', 'outcast'],
      ])
      const said = w.store.roomArchive.page(row.id, {}, 10, false)
      expect(said[1]?.xml).toStartWith('<message from="verona@conference.bix.org/Ro" type="groupchat"')
      expect(said[1]?.user).toBe('romeo@bix.org')
      const romeo = w.store.accounts.find('romeo@bix.org')!
      expect(w.store.history.prefs(romeo)).toMatchObject({
        ...{ mode: 'roster', always: ['juliet@bix.org'], never: ['tybalt@bix.org'] },
      })
    })
  })

/** A room, a contact and a password, in a file of `export2sql` whose strings are quoted so. */
function exported(quote: (text: string) => string): string {
  const row = (table: string, columns: string, values: readonly string[]) =>
    `INSERT INTO ${table}(${columns}) VALUES (${values.map((text) => `'${quote(text)}'`).join(', ')});\n`
  const body = `<message to='b@localhost' from='a@localhost/x' type='chat'><body>C:\\yonder\\new\tit&apos;s\n</body></message>`
  return (
    `-- \n-- Mnesia table: passwd\n--\n` +
    row('users', 'username, password, serverkey, salt, iterationcount', ['a', `it's \\ "so"`, '', '', '0']) +
    row('archive', 'username, timestamp, peer, bare_peer, xml, txt, kind, nick', [
      ...['a', '1700000000000000', 'b@localhost', 'b@localhost', body, '', 'chat', ''],
    ])
  )
}

describe('strings of export2sql', () => {
  const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\t': '\\t', '"': '\\"', '\\': '\\\\' }
  test.each([
    ['MySQL', (text: string) => text.replace(/[\n\t"\\]/g, (c) => escapes[c] ?? c).replaceAll("'", "''")],
    ['SQLite and PostgreSQL', (text: string) => text.replaceAll("'", "''")],
  ])('quoted as %s wants it mean the same', async (_, quote) => {
    using w = later()
    using files = scratch()
    // The sign lies behind the first piece that is read.
    const padding = `-- ${'x'.repeat(1000)}\n`.repeat(3000)
    for (const [name, text] of [
      ['short.sql', exported(quote)],
      ['long.sql', exported(quote).replace('--\nINSERT', `--\n${padding}INSERT`)],
    ] as const)
      await importInto(w, ejabberdSql([files.file(name, text)], 'localhost'))
    await logsIn(w, 'a', `it's \\ "so"`)
    const [row] = w.store.db.raw.query<{ xml: string }, []>('SELECT xml FROM archive').all()
    expect(row?.xml).toContain("<body>C:\\yonder\\new\tit's\n</body>")
    expect(w.store.db.raw.query('SELECT count(*) AS n FROM archive').get()).toEqual({ n: 1 })
  })
})

test('a message of the second in which the import runs comes over', async () => {
  using w = later()
  using files = scratch()
  const at = Math.floor(w.world.now() / 1000)
  const item = (when: number) =>
    `item({ ["attr"] = { ["to"] = "b@localhost"; ["from"] = "a@localhost/x"; ["type"] = "chat"; }; { ["attr"] = {}; ["name"] = "body"; "Now"; }; ["name"] = "message"; ["when"] = ${when}; ["with"] = "b@localhost"; ["key"] = "k"; });\n`
  files.file('localhost/accounts/a.dat', 'return { ["password"] = "a good password"; };')
  const list = files.file('localhost/archive/a.list', item(at) + item(at + 1))
  const { figures, rejects } = await importInto(w, prosodyFiles([join(dirname(list), '../..')]))
  expect(figures).toMatchObject({ archived_messages: 1 })
  expect(rejects.map(({ why }) => why)).toEqual(['a message from the future'])
})
