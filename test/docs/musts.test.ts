import { expect, test } from 'bun:test'
import { demandsIn, sectionsNamed } from './demands.ts'

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
