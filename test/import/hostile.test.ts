/** Terms, tables and rows that are deep, endless, cut off or no data at all cost the import nothing but themselves. */
import { describe, expect, test } from 'bun:test'
import { Atom, readTerm, termsOf, Tuple } from '../../src/import/erlang.ts'
import { ejabberdDump } from '../../src/import/ejabberd-dump.ts'
import { ejabberdSql } from '../../src/import/ejabberd-sql.ts'
import { SourceError } from '../../src/import/model.ts'
import { luaValues } from '../../src/import/lua.ts'
import { prosodyFiles } from '../../src/import/prosody-files.ts'
import { rowsOf } from '../../src/import/sql.ts'
import { Statements } from '../../src/import/sql-statements.ts'
import { importInto, later, logsIn, reasons, scratch } from './support.ts'

async function* chunksOf(text: string, size: number): AsyncGenerator<string> {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}
const collected = async <T>(pieces: AsyncIterable<Iterable<T>>): Promise<T[]> => {
  const all: T[] = []
  for await (const piece of pieces) all.push(...piece)
  return all
}

describe('Erlang terms', () => {
  test('of every kind', () => {
    expect(readTerm(`{a,'B c',"d\\"e" "f",<<"zoë">>,<<122,111>>,[1,-2.5,16#ff|x],#{k => <<>>}}.`)).toEqual(
      new Tuple([
        ...[new Atom('a'), new Atom('B c'), 'd"ef', 'zoë', 'zo'],
        ...[[1, -2.5, 255, new Atom('x')], [new Tuple([new Atom('k'), ''])]],
      ]),
    )
  })

  test('are cut where they end, however they come', async () => {
    const text = `{a,<<"x. y">>,1.5}.\n% {no,term}. \n{b,'q. ',"\\"."}.\n`
    for (const size of [1, 3, 1000])
      expect((await collected(termsOf(chunksOf(text, size), 'f'))).length).toBe(2)
  })

  test.each([
    ['deep', '['.repeat(100_000)],
    ['without an end', `{a,<<"${'x'.repeat(1000)}`],
    ['too many', `[${'1,'.repeat(1_000_001)}1]`],
    ['no data', 'fun() -> ok end'],
  ])('that are %s', (_, text) => {
    expect(() => readTerm(text)).toThrow(SourceError)
  })

  test('a dump that was cut off leaves what came before', async () => {
    using files = scratch()
    using w = later()
    const file = files.file(
      'dump.txt',
      `{tables,[]}.\n{passwd,{<<"ann">>,<<"bix.org">>},<<"secret words">>}.\n{passwd,{<<"bob">>,<<"bix.o`,
    )
    const report = await importInto(w, ejabberdDump([file]), { map: {} })
    expect(report.figures.accounts).toBe(1)
    expect(reasons(report).join()).toContain('it was cut off')
    await logsIn(w, 'ann', 'secret words')
  })
})

describe('Lua tables', () => {
  const values = (text: string) => [...luaValues(Buffer.from(text).toString('latin1'))]

  test('of every kind', () => {
    const [table] = values(
      `-- Prosody\nreturn { ["a"] = "z\\195\\171\\n"; b = 0x10, [false] = { true; nil }; [7] = -1.5 };`,
    )
    expect(table).toEqual({
      list: [],
      map: new Map<string, unknown>([
        ['a', 'zë\n'],
        ['b', 16],
        ['[false]', { list: [true, null], map: new Map() }],
        ['[7]', -1.5],
      ]),
    } as never)
  })

  test.each([
    ['deep', `return ${'{'.repeat(100_000)}`],
    ['a program', 'return os.execute("rm")'],
    ['without an end', 'return { ["a"] = "b'],
    ['nothing known', 'for i = 1, 2 do end'],
  ])('that are %s', (_, text) => {
    expect(() => values(text)).toThrow(SourceError)
  })

  test('a file that is damaged costs one user', async () => {
    using files = scratch()
    using w = later()
    files.file('bix%2eorg/accounts/ann.dat', 'return { ["password"] = "secret words"; };')
    const path = files.file('bix%2eorg/accounts/bob.dat', 'return { ["password"] = "sec')
    const report = await importInto(w, prosodyFiles([path.replace(/bix%2eorg.*/, '')]), { map: {} })
    expect(report.figures.accounts).toBe(1)
    expect(report.rejects).toMatchObject([{ owner: 'bob@bix.org' }])
  })
})

describe('SQL', () => {
  const read = (text: string) => {
    const files = scratch()
    return collected(rowsOf(files.file('dump.sql', text), new Set(['users']), () => {})).finally(() =>
      files[Symbol.dispose](),
    )
  }

  test('of MySQL: backticks, backslashes, several rows', async () => {
    const found = await read(
      '-- MySQL dump 10.13\nCREATE TABLE `users` (\n  `username` varchar(191) NOT NULL,\n  `password` text,\n  PRIMARY KEY (`username`)\n);\n' +
        "/*!40000 ALTER TABLE `users` DISABLE KEYS */;\nINSERT INTO `users` VALUES ('o\\\\27brien','it\\'s; \\n'),('b''c',NULL);\n",
    )
    expect(found.map(({ row }) => row)).toEqual([
      { username: 'o\\27brien', password: "it's; \n" },
      { username: "b'c" },
    ])
  })

  test('of PostgreSQL: COPY, casts, backslashes that are none', async () => {
    const found = await read(
      '-- PostgreSQL database dump\nCOPY public.users (username, password) FROM stdin;\nzoë\ta\\tb\\\\c\nbob\t\\N\n\\.\n\n' +
        "INSERT INTO public.users (username, password) VALUES ('c\\', E'd\\'e'), ('f', 'g'::text);\n",
    )
    expect(found.map(({ row }) => row)).toEqual([
      { username: 'zoë', password: 'a\tb\\c' },
      { username: 'bob' },
      { username: 'c\\', password: "d'e" },
      { username: 'f', password: 'g' },
    ])
  })

  test('of any length: marks are whole wherever a piece of the file ends', async () => {
    const text = "a''b''''c -- d; '' /* e".repeat(7)
    const row = (i: number) => `INSERT INTO users (username, password) VALUES ('u${i}', '${text}');\n`
    const found = await read(Array.from({ length: 9_000 }, (_, i) => row(i)).join(''))
    expect(found).toHaveLength(9_000)
    expect(new Set(found.map(({ row: { password } }) => password)).size).toBe(1)
  })

  test.each([1, 2, 3, 7, 64])('in pieces of %i bytes', (size) => {
    const text = Buffer.from(
      `-- it's; a comment\n/* and "another; */ -- more\nSET x = -1;INSERT INTO users VALUES (E'it''s \\'; é', 'c\\');;\n` +
        'CREATE TABLE "a;b" (c text);\r\nCOPY users (username) FROM stdin;\r\na;b\r\n字\n\\.\nDELETE FROM users;\n',
    )
    const statements = new Statements('dump.sql')
    const found: string[] = []
    for (let at = 0; at < text.length; at += size)
      for (const { bytes, from, to, copying } of statements.feed(text.subarray(at, at + size)))
        found.push(`${copying === undefined ? '' : '> '}${bytes.toString('utf8', from, to)}`)
    statements.finish()
    expect(found).toEqual([
      'SET x = -1',
      "INSERT INTO users VALUES (E'it''s \\'; é', 'c\\')",
      'CREATE TABLE "a;b" (c text)',
      '> a;b',
      '> 字',
      'DELETE FROM users',
    ])
  })

  test.each([
    ['cut off', "INSERT INTO users (username) VALUES ('a"],
    ['without columns', "INSERT INTO users VALUES ('a');"],
    ['with a function', "INSERT INTO users (username) VALUES (load_file('/etc/passwd'));"],
  ])('that is %s', async (_, text) => {
    expect(await read(text).catch((error: unknown) => error)).toBeInstanceOf(SourceError)
  })

  test('of one letter, doubled groups, plain passwords, no host', async () => {
    using files = scratch()
    using w = later()
    const file = files.file(
      'old.sql',
      `INSERT INTO users(username, password) VALUES ('ann', 'secret words'), ('bob', 'roses 🌹');
       INSERT INTO rosterusers(username, jid, nick, subscription, ask, askmessage) VALUES ('ann', 'bob@192.0.2.7', '', 'T', 'N', '');
       INSERT INTO rostergroups(username, jid, grp) VALUES ('ann', 'bob@192.0.2.7', 'Pals'), ('ann', 'bob@192.0.2.7', 'Pals');`,
    )
    const report = await importInto(w, ejabberdSql([file], 'bix.org'), { map: {} })
    // Unicode 3.2, of which SASLprep is, has no such sign: clients that prepare it could not log in.
    expect(reasons(report)).toEqual([
      'the password cannot be one here: The password holds characters that are not allowed.',
    ])
    const ann = w.store.accounts.find('ann@bix.org')!
    expect(w.store.contacts.find(ann, 'bob@192.0.2.7')).toMatchObject({
      subscription: 'to',
      groups: ['Pals'],
    })
    await logsIn(w, 'ann', 'secret words')
  })
})
