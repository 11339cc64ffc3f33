/** What specifications demand, which plays say that they show it, and what is said to the rest. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import type { Answer, Answers } from './answers.ts'

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

/**
 * "402 3.3" for each section that the strings of a test name, as in "XEP-0402 §3.3, §6: bookmarks are private", or as
 * in "§3.3: they are private" inside a `describe` whose title begins with the XEP.
 */
export function sectionsNamed(source: string): Set<string> {
  const found = new Set<string>()
  const add = (xep: string, list: string) => {
    for (const [, section = ''] of list.matchAll(/§([\d.]*\d)/g)) found.add(`${Number(xep)} ${section}`)
  }
  const visit = (node: ts.Node, around: string | undefined): void => {
    // Comments name sections as well, but show nothing.
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node)) {
      for (const [, xep = '', list = ''] of node.text.matchAll(/XEP-(\d{4}) ((?:§[\d.]*\d(?:, | and )?)+)/g))
        add(xep, list)
      const [own] = /^(?:§[\d.]*\d(?:, | and )?)+/.exec(node.text) ?? []
      if (around !== undefined && own !== undefined) add(around, own)
    }
    const inside = describedXep(node) ?? around
    ts.forEachChild(node, (below) => visit(below, inside))
  }
  visit(ts.createSourceFile('test.ts', source, ts.ScriptTarget.Latest), undefined)
  return found
}

function describedXep(node: ts.Node): string | undefined {
  if (!ts.isCallExpression(node) || !ts.isIdentifier(node.expression) || node.expression.text !== 'describe')
    return undefined
  const [title] = node.arguments
  return title && ts.isStringLiteralLike(title) ? /^XEP-(\d{4})/.exec(title.text)?.[1] : undefined
}

/** The sections that the plays below a directory name. */
export function sectionsWithPlays(directory: string): Set<string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
  return new Set(
    files
      .filter((path) => path.endsWith('.test.ts'))
      .flatMap((path) => [...sectionsNamed(readFileSync(join(directory, path), 'utf8'))]),
  )
}

/** "6.3.*" covers 6.3 and everything below it, "6.3" itself alone. */
export function covers(pattern: string, section: string): boolean {
  const above = pattern.endsWith('.*') ? pattern.slice(0, -2) : undefined
  return section === (above ?? pattern) || (above !== undefined && section.startsWith(`${above}.`))
}

/** The answer to the demands of a section that no play shows. */
export function answerTo(answers: Answers, xep: number, section: string): Answer | undefined {
  return answers[xep]?.find(([sections]) => sections.split(', ').some((pattern) => covers(pattern, section)))
}
