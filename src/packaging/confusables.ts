/**
 * Makes src/xmpp/confusables.txt anew from Unicode's own table: `bun src/packaging/confusables.ts FILE`, where FILE is
 * `security/<version>/confusables.txt` of the Unicode Character Database. Skeletons that are stored must be made anew
 * where the table changes: by a migration that sets accounts.skeleton to NULL.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const OUT = join(import.meta.dir, '../xmpp/confusables.txt')
/** Source ; prototype, in code points of four to six hex digits. */
const LINE = /^([0-9A-F]{4,6}) ;\t([0-9A-F ]+) ;\tMA\t/gm

const shorter = (code: string): string => Number.parseInt(code, 16).toString(16)

const table = readFileSync(process.argv[2] ?? '', 'utf8')
const version = /^# Version: ([\d.]+)/m.exec(table)?.[1]
const groups = new Map<string, string[]>()
for (const [, source = '', prototype = ''] of table.matchAll(LINE)) {
  const key = prototype.trim().split(' ').map(shorter).join('+')
  groups.set(key, [...(groups.get(key) ?? []), shorter(source)])
}
if (version === undefined || groups.size === 0) throw new Error('this is not the table of confusables')
// The notice stands at the head of the table that is there, which the licence asks for.
const notice = readFileSync(OUT, 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('#'))
  .map((line) => line.replace(/(confusables of Unicode) [\d.]+/, `$1 ${version}`))
const lines = [...groups].map(([prototype, sources]) => `${prototype} ${sources.join(' ')}`)
writeFileSync(OUT, `${[...notice, ...lines].join('\n')}\n`)
