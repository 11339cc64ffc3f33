/** The table of verbs beside those of other servers names none that is not there. */
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
