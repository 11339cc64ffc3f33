/** Tables at the width of the terminal, whatever strangers have put into them. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { printable } from '../../src/cli/output.ts'
import { layOut, widthOf } from '../../src/cli/table.ts'
import { databaseFile, prepareDataDir } from '../../src/ops/data-dir.ts'
import { openStore } from '../../src/store/store.ts'

const MAIN = join(import.meta.dir, '../../src/main.ts')
const WIDTHS = [40, 80, 132]

const table = (heads: string[], rows: string[][], width: number): string =>
  layOut(
    heads,
    rows.map((row) => row.map(printable)),
    width,
  ).join('\n')

test('what fits stays as it is', () => {
  expect(
    table(
      ['ID', 'NAME'],
      [
        ['1', 'a b'],
        ['20', ''],
      ],
      80,
    ),
  ).toBe('ID  NAME\n1   a b\n20')
})

test('a reader that is no terminal gets whole cells', () => {
  const token = 'x'.repeat(300)
  expect(table(['ID', 'TOKEN'], [['1', token]], Infinity)).toContain(token)
})

test('the widest column gives way: words are wrapped, a long one loses its middle', () => {
  const rows = [
    ['1', 'apns org.bix.chat', 'no answer from api.push.apple.com since noon', `${'a'.repeat(30)}end`],
  ]
  expect(table(['ID', 'LANE', 'DETAIL', 'TOKEN'], rows, 56)).toBe(
    [
      'ID  LANE          DETAIL              TOKEN',
      '1   apns          no answer from      aaaaaaaaa…aaaaaend',
      '    org.bix.chat  api.push.apple.com',
      '                  since noon',
    ].join('\n'),
  )
})

test('times may be broken between day and hour', () => {
  const at = '2026-11-30T07:59:39.391Z'
  expect(table(['A', 'B', 'C'], [[at, at, at]], 40)).toBe(
    [
      'A           B           C',
      '2026-11-30  2026-11-30  2026-11-30',
      '07:59:39Z   07:59:39Z   07:59:39Z',
    ].join('\n'),
  )
})

test('more columns than fit: one row below the other', () => {
  const heads = ['ID', 'ADDRESS', 'RESOURCE', 'STATE', 'UPDATED']
  const row = ['1', 'romeo@montague.example', 'orchard-of-capulet', 'available', 'today']
  const text = table(heads, [row, row], 40).split('\n\n')
  expect(text).toHaveLength(2)
  expect(text[0]).toBe(
    'ID        1\nADDRESS   romeo@montague.example\nRESOURCE  orchard-of-capulet\nSTATE     available\nUPDATED   today',
  )
})

test('East Asian names, emoji and marks count as they are shown', () => {
  const [first = '', second = '', third = ''] = table(
    ['名', 'X'],
    [
      ['日本語', '1'],
      ['e\u0301🔔', '2'],
    ],
    80,
  ).split('\n')
  expect([first, second, third].map((line) => widthOf(line.slice(0, -1)))).toEqual([8, 8, 8])
  expect(widthOf(table(['A'], [['日'.repeat(40)]], 21).split('\n')[1] ?? '')).toBeLessThanOrEqual(21)
})

test.each(WIDTHS)('no line is wider than %i columns, and none has a control character', (width) => {
  const cell = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({
      unit: fc.constantFrom('日', '🔔', 'e\u0301', 'a', ' ', '\u001b[2J', '\u202e', '\u200d', '\n'),
      maxLength: 120,
    }),
    fc.webUrl(),
    fc.date({ noInvalidDate: true }).map((at) => at.toISOString()),
  )
  const rows = fc
    .integer({ min: 1, max: 9 })
    .chain((columns) =>
      fc.tuple(
        fc.constant(columns),
        fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { maxLength: 4 }),
      ),
    )
  fc.assert(
    fc.property(rows, ([columns, list]) => {
      const heads = Array.from({ length: columns }, (_, n) => `COLUMN ${n}`)
      for (const line of layOut(
        heads,
        list.map((row) => row.map(printable)),
        width,
      )) {
        expect(widthOf(line)).toBeLessThanOrEqual(width)
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      }
    }),
    { numRuns: 300 },
  )
})

describe('every verb with a table', () => {
  let home: string
  const long = `${'o-romeo-'.repeat(9)}@bix.org`

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'belfry-table-'))
    writeFileSync(
      join(home, 'belfry.toml'),
      `hosts = ["bix.org"]\n[c2s]\nlisten = []\ndirect_tls_listen = []\n[http]\nlisten = ["127.0.0.1:0"]\n[push]\nsimulator = true\n` +
        `[[push.apps]]\ntopic = "org.bix.${'chat-'.repeat(12)}"\nteam_id = "TEAM123456"\nkey_id = "KEY1234567"\nkey_file = "none.p8"\n`,
    )
    writeFileSync(join(home, 'none.p8'), 'no key', { mode: 0o600 })
    const data = join(home, 'data')
    prepareDataDir(data)
    const store = openStore(databaseFile(data), { flushed() {}, fatal() {} })
    store.turn.trip(() => {
      const key = Buffer.alloc(32)
      const keys = { salt: key, iterations: 4096, storedKey: key, serverKey: key }
      const account = store.accounts.create(long, 'bix.org', { 'SHA-1': keys, 'SHA-256': keys }, 1)
      if (!account) throw new Error('no account')
      store.clients.seen(
        account,
        { id: 'x', software: '日本語\u001b[31m'.repeat(9), device: '🔔 \u202e'.repeat(20) },
        1,
        9,
      )
      const phone = { kind: 'apns', topic: 'org.bix.chat', assumed: 'production', address: 'ab'.repeat(32) }
      const device = store.push.devices.enable(account.id, phone, 1, 9)
      for (const messageId of ['日本語'.repeat(30), 'm'.repeat(300)])
        store.push.queue({
          account,
          device,
          messageId,
          collapseId: 'c',
          kind: 'body',
          sender: long,
          now: 1,
          expiresAt: 9e12,
        })
      store.tokens.create(
        {
          name: '\u0007名'.repeat(40),
          scopes: ['users:read', 'messages:send'],
          accountId: null,
          expiresAt: null,
        },
        1,
      )
      store.invites.create(
        {
          host: 'bix.org',
          jid: null,
          register: true,
          contact: true,
          accountId: account.id,
          uses: 1,
          expiresAt: 9e12,
        },
        1,
      )
    })
    store.close()
  })
  afterAll(() => rmSync(home, { recursive: true }))

  const VERBS = [
    'user list',
    `user apps ${long}`,
    'token list',
    'invite list',
    'app list',
    'app check --offline',
    'push rules',
    'push queue',
    `push explain ${long}`,
    'device list ' + long,
    'help',
  ]

  test.each(WIDTHS)(
    'at %i columns',
    async (width) => {
      const script = VERBS.map(
        (verb) => `echo "== ${verb.split(' ').slice(0, 2).join(' ')}"; ${process.execPath} ${MAIN} ${verb}`,
      ).join('; ')
      const run = Bun.spawn(['script', '-qec', `stty cols ${width}; ${script}`, '/dev/null'], {
        cwd: home,
        stdin: 'ignore',
        stdout: 'pipe',
        env: { ...process.env, BELFRY_CONFIG: '', SHELL: '/bin/sh', NO_COLOR: '1' },
      })
      const parts = (await run.stdout.text()).replaceAll('\r\n', '\n').split(/^== /m).slice(1)
      expect(parts).toHaveLength(VERBS.length)
      for (const part of parts) {
        // Sentences are the terminal's to wrap.
        const lines = part
          .split('\n')
          .slice(1)
          .filter((line) => !/^(error|warning): |^ {2}\S|^[\w-]+@/.test(line))
        expect(lines.join('').length).toBeGreaterThan(0)
        for (const line of lines) {
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}]/u)
          if (widthOf(line) > width) throw new Error(`${widthOf(line)} > ${width} in "${part}": ${line}`)
        }
      }
    },
    60_000,
  )
})
