/**
 * Prints, for each XEP that the features claim, what it demands and whether a play's title carries the section:
 *
 *     npm run docs:musts -- DIRECTORY [--missing] [--counts] [XEP…]
 *
 * DIRECTORY holds the XEPs as XML (xep-0030.xml …). --missing leaves out the sections that a play names, --counts
 * leaves out the sentences. A line starts with "yes" where a play names this very section, with "near" where one names
 * a section above or below it. Many demands are for clients: this shows where to look, not what is wrong.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { defaults } from '../../src/config.ts'
import { features } from '../../src/features/index.ts'
import { demandsIn, sectionsNamed } from './demands.ts'

const { values, positionals } = parseArgs({
  args: process.argv.slice(2),
  options: { missing: { type: 'boolean' }, counts: { type: 'boolean' } },
  allowPositionals: true,
})
const [directory, ...wanted] = positionals
if (directory === undefined) {
  console.error('usage: npm run docs:musts -- DIRECTORY [--missing] [--counts] [XEP…]')
  process.exit(2)
}

const TESTS = join(import.meta.dir, '..')
const named = new Set(
  readdirSync(TESTS, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .flatMap((path) => [...sectionsNamed(readFileSync(join(TESTS, path), 'utf8'))]),
)

function coverage(xep: number, section: string): 'yes' | 'near' | 'no' {
  if (named.has(`${xep} ${section}`)) return 'yes'
  const near = [...named].some((name) => {
    const [number, other = ''] = name.split(' ')
    return number === String(xep) && (section.startsWith(`${other}.`) || other.startsWith(`${section}.`))
  })
  return near ? 'near' : 'no'
}

const claimed = features(defaults()).flatMap(({ name, xeps }) =>
  xeps.map((xep) => ({ ...xep, feature: name })),
)
console.log('| XEP | § | Play | Demands | |\n|---|---|---|---|---|')
for (const { number, feature } of claimed.toSorted((a, b) => a.number - b.number)) {
  if (wanted.length > 0 && !wanted.map(Number).includes(number)) continue
  const file = join(directory, `xep-${String(number).padStart(4, '0')}.xml`)
  for (const { section, topic, sentences } of demandsIn(readFileSync(file, 'utf8'))) {
    const play = coverage(number, section)
    if (values.missing && play === 'yes') continue
    const what = values.counts ? '' : `**${topic}** ${sentences.join('<br>')}`.replaceAll('|', '\\|')
    console.log(`| ${number} (${feature}) | ${section} | ${play} | ${sentences.length} | ${what} |`)
  }
}
