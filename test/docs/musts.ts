/**
 * Prints, for each XEP that the features claim, what it demands and whether a play's title carries the section:
 *
 *     npm run docs:musts -- DIRECTORY [--missing] [--counts] [XEP…]
 *
 * DIRECTORY holds the XEPs as XML (xep-0030.xml …). A line says "yes" where a play names this very section, else the
 * answer that answers.ts gives, else "no". --missing leaves out what has a play or an answer, --counts the sentences.
 * Ends with 1 where a demand has neither, or an answer answers nothing.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { defaults } from '../../src/config/config.ts'
import { features } from '../../src/features/index.ts'
import { type Answer, ANSWERS } from './answers.ts'
import { answerTo, covers, demandsIn, sectionsWithPlays } from './demands.ts'

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

const plays = sectionsWithPlays(join(import.meta.dir, '..'))
const claimed = features(defaults())
  .flatMap(({ name, xeps }) => xeps.map(({ number }) => ({ number, feature: name })))
  .filter(({ number }) => wanted.length === 0 || wanted.map(Number).includes(number))
  .toSorted((a, b) => a.number - b.number)

const cell = ([, kind, why]: Answer) => `${kind}: ${why}`
console.log('| XEP | § | Play | Demands | |\n|---|---|---|---|---|')
let owed = 0
for (const { number, feature } of claimed) {
  const file = join(directory, `xep-${String(number).padStart(4, '0')}.xml`)
  const demands = demandsIn(readFileSync(file, 'utf8'))
  const open = demands.filter(({ section }) => !plays.has(`${number} ${section}`))
  for (const { section, topic, sentences } of demands) {
    const answer = open.some((demand) => demand.section === section)
      ? answerTo(ANSWERS, number, section)
      : undefined
    const done = plays.has(`${number} ${section}`) ? 'yes' : answer ? cell(answer) : 'no'
    if (done === 'no') owed++
    else if (values.missing) continue
    const what = values.counts ? '' : `**${topic}** ${sentences.join('<br>')}`
    const cells = [`${number} (${feature})`, section, done, String(sentences.length), what]
    console.log(`| ${cells.map((text) => text.replaceAll('|', '\\|')).join(' | ')} |`)
  }
  for (const pattern of (ANSWERS[number] ?? []).flatMap(([sections]) => sections.split(', '))) {
    if (open.some(({ section }) => covers(pattern, section))) continue
    console.error(`XEP-${String(number).padStart(4, '0')} §${pattern}: this answer answers nothing.`)
    owed++
  }
}
process.exit(owed > 0 ? 1 : 0)
