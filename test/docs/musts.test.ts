import { describe, expect, test } from 'bun:test'
import { join } from 'node:path'
import { defaults } from '../../src/config/config.ts'
import { features } from '../../src/features/index.ts'
import { ANSWERS } from './answers.ts'
import { answerTo, demandsIn, sectionsNamed, sectionsWithPlays } from './demands.ts'

test('demands are found by numbered section, and examples demand nothing', () => {
  const xep = `<xep><header><abstract>This MUST not count.</abstract></header>
    <section1 topic='One'><p>A server MAY sing. It MUST &lt;dance/&gt;,
      and well.</p><example caption='x'><![CDATA[<a>MUST</a>]]></example></section1>
    <section1 topic="Two" anchor='two'>
      <section2 topic='Two and one' anchor='x'><p>No word.</p></section2>
      <section2 anchor='y' topic='Two and two'><ul><li>It SHALL NOT fall; rests.</li><li>It <em>MUST NOT</em> cry</li></ul></section2>
    </section1>
    <section1 topic='Three'><!-- MUST --><p>MUSTER</p></section1></xep>`
  expect(demandsIn(xep)).toEqual([
    { section: '1', topic: 'One', sentences: ['It MUST <dance/>, and well.'] },
    { section: '2.2', topic: 'Two and two', sentences: ['It SHALL NOT fall; rests.', 'It MUST NOT cry'] },
  ])
})

test('sections are read from the strings of a test, not from its comments', () => {
  const source = [
    "test('XEP-0402 §3.3, §6: bookmarks', () => {})",
    '// XEP-0001 §1',
    "const rows = [['XEP-0030 §4', `XEP-0115 §5.1: ${x}`], ['RFC 6120 §4']]",
  ].join('\n')
  expect([...sectionsNamed(source)]).toEqual(['402 3.3', '402 6', '30 4', '115 5.1'])
})

test('a section without its XEP belongs to the one that the group around it names', () => {
  const source = [
    "describe('XEP-0050 §2: finding', () => { test('§2.1, §2.2: x', () => { say('a §9') }) })",
    "describe('RFC 6121', () => { test('§4: x', () => {}) })",
    "test('§5: x', () => {})",
  ].join('\n')
  expect([...sectionsNamed(source)]).toEqual(['50 2', '50 2.1', '50 2.2'])
})

test('an answer is for a section, or with .* for all that is below it too', () => {
  const answers = { 60: [['6.3.*, 2', 'absent', 'a'] as const, ['7', 'client', 'b'] as const] }
  const found = ['6.3', '6.3.4.1', '6.30', '2', '2.1', '7'].map(
    (section) => answerTo(answers, 60, section)?.[2],
  )
  expect(found).toEqual(['a', 'a', undefined, 'a', undefined, 'b'])
  expect(answerTo(answers, 30, '2')).toBeUndefined()
})

describe('the answers', () => {
  const plays = sectionsWithPlays(join(import.meta.dir, '..'))
  const claimed = new Set(features(defaults()).flatMap(({ xeps }) => xeps.map(({ number }) => number)))
  const all = Object.entries(ANSWERS).flatMap(([xep, rows]) =>
    rows.flatMap(([sections, , why]) =>
      sections.split(', ').map((section) => ({ xep: Number(xep), section, why })),
    ),
  )

  test('are for XEPs that a feature claims, one for each section', () => {
    expect(all.filter(({ xep }) => !claimed.has(xep))).toEqual([])
    expect(all.filter(({ section }) => !/^[1-9]\d*(\.[1-9]\d*)*(\.\*)?$/.test(section))).toEqual([])
    const keys = all.map(({ xep, section }) => `${xep} ${section}`)
    expect(keys.filter((key, i) => keys.indexOf(key) !== i)).toEqual([])
  })

  test('are not given where a play is', () => {
    expect(all.filter(({ xep, section }) => plays.has(`${xep} ${section.replace('.*', '')}`))).toEqual([])
  })

  test('give a reason, and the sections that they point to have plays', () => {
    for (const { xep, section, why } of all) {
      expect(`${xep} ${section}: ${why}`).toMatch(/: [A-Z“].{15,}\.$/)
      for (const [, rfc, other, named] of why.matchAll(/(RFC \d+ )?(?:XEP-(\d{4}) )?§([\d.]*\d)/g))
        if (rfc === undefined) expect([...plays]).toContain(`${Number(other ?? xep)} ${named}`)
    }
  })
})
