/** What specifications demand, and which plays say that they show it. Pure: text in, lists out. */
import ts from 'typescript'

export interface Demand {
  /** "4.3.1" */
  readonly section: string
  readonly topic: string
  /** Sentences with MUST or SHALL in them, in the order of the text. */
  readonly sentences: readonly string[]
}

/** A section's tag, or something in which nothing is demanded: examples, code, tables of revisions. */
const TAG = /<section([1-6])\b[^>]*?\btopic=(?:'([^']*)'|"([^"]*)")[^>]*>|<(\/?)([a-z]\w*)\b[^>]*>/g
const SILENT = /<!\[CDATA\[[^]*?\]\]>|<!--[^]*?-->|<(example|code|header)\b[^]*?<\/\1>/g
const STRONG = /\b(MUST|SHALL)\b/
const BLOCKS = new Set(['p', 'li', 'dd', 'dt', 'td', 'tr', 'div', 'di', 'example'])

/** The demands of one XEP, from the XML of its editors, by numbered section. */
export function demandsIn(xep: string): Demand[] {
  const text = xep.replace(SILENT, ' ')
  const numbers: number[] = []
  const parts: { section: string; topic: string; text: string }[] = []
  let end = 0
  for (const match of text.matchAll(TAG)) {
    const part = parts.at(-1)
    if (part) part.text += text.slice(end, match.index)
    end = match.index + match[0].length
    const [, level, single, double, , name = ''] = match
    if (level !== undefined) {
      const depth = Number(level)
      numbers.length = depth
      numbers[depth - 1] = (numbers[depth - 1] ?? 0) + 1
      const section = Array.from(numbers, (n) => n ?? 0).join('.')
      parts.push({ section, topic: single ?? double ?? '', text: '' })
    } else if (part && BLOCKS.has(name)) part.text += '\n'
  }
  return parts
    .map(({ section, topic, text: body }) => ({ section, topic, sentences: sentencesOf(body) }))
    .filter(({ sentences }) => sentences.length > 0)
}

function sentencesOf(text: string): string[] {
  return text
    .split(/\n{2,}|(?<=[.;!?])\s+(?=[A-Z(])|\n(?=\s*\n)/)
    .map((sentence) => sentence.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/\s+/g, ' ').trim())
    .filter((sentence) => STRONG.test(sentence))
}

/** "402 3.3" for each section that the strings of a test name, as in "XEP-0402 §3.3, §6: bookmarks are private". */
export function sectionsNamed(source: string): Set<string> {
  const found = new Set<string>()
  const visit = (node: ts.Node): void => {
    // Comments name sections as well, but show nothing.
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node))
      for (const [, xep = '', list = ''] of node.text.matchAll(/XEP-(\d{4}) ((?:§[\d.]*\d(?:, | and )?)+)/g))
        for (const [, section = ''] of list.matchAll(/§([\d.]*\d)/g)) found.add(`${Number(xep)} ${section}`)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('test.ts', source, ts.ScriptTarget.Latest))
  return found
}
