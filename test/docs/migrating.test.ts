/** The table of verbs beside those of other servers names none that is not there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { CALLS } from '../../src/cli/calls.ts'
import migrating from '../../src/docs/migrating.md' with { type: 'text' }

/** In code, but no verb of ours. */
const OTHER = ['belfry', 'keep', 'offline_keep']

test('every verb of the table exists', () => {
  const [, table = ''] = migrating.split('| ejabberdctl | prosodyctl | belfry |\n')
  const cells = table.split('\n').flatMap((line) => line.split(' | ').slice(2))
  const verbs = cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code))
  expect(verbs.length).toBeGreaterThan(40)
  const unknown = verbs
    // Without what stands for a value, and options.
    .map((verb) => verb.replace(/ (?:JID|-).*$/, ''))
    .filter((verb) => CALLS[verb] === undefined && !OTHER.includes(verb))
  expect(unknown).toEqual([])
})

/** Verbs of the packages that were asked, one a line: `ejabberdctl help '*'`, `prosodyctl --help` and its shell. */
const listed = (name: string): string[] =>
  readFileSync(join(import.meta.dir, '../fixtures/ctl', `${name}.txt`), 'utf8')
    .trim()
    .split('\n')

/** Verbs of newer versions, which the page says, of the script around the program, and of modules of their own. */
const BESIDE = ['unban_account', 'start', 'shell user disable', 'shell user enable']
const MODULES = /^mod_|^prosody-migrator$|^archive_expires_after$/

test('each verb of the others is one that their packages list', () => {
  const [, table = ''] = migrating.split('| ejabberdctl | prosodyctl | belfry |\n')
  const rows = table.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('|--'))
  for (const [column, name] of [
    [0, 'ejabberd-23.01'],
    [1, 'prosody-0.12.3'],
  ] as const) {
    const known = listed(name)
    const cells = rows.map((row) => row.replace(/^\| /, '').split(' | ')[column] ?? '')
    const verbs = cells
      .flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code))
      .map((verb) => verb.replace(/ [A-Z].*$/, ''))
    expect(verbs.length).toBeGreaterThan(15)
    const isThere = (verb: string) =>
      BESIDE.includes(verb) ||
      MODULES.test(verb) ||
      known.some((one) => verb === one || verb.startsWith(`${one} `))
    expect([name, verbs.filter((verb) => !isThere(verb))]).toEqual([name, []])
  }
})
