/** Problems of a configuration, said so that the reader can mend them without another page. */
import { z } from 'zod'
import { maskAddresses } from '../net/mask-address.ts'
import type { Path, Places, Position } from './positions.ts'

export interface ConfigProblem extends Position {
  readonly file: string
  readonly message: string
  /** The line of the file, with a caret below the place. */
  readonly excerpt: string
}

/** `[limits]` of `limits.depth`; the top level has no name in TOML. */
const section = (path: Path): string => {
  const names = path.filter((part) => typeof part === 'string')
  return names.length > 0 ? `in [${names.join('.')}]` : 'at the top level'
}

export function problem(toml: string, file: string, at: Position, message: string): ConfigProblem {
  const text = toml.split('\n')[at.line - 1]?.replace(/\r$/, '') ?? ''
  const gutter = String(at.line)
  const caret = text.slice(0, at.column - 1).replace(/[^\t]/g, ' ')
  const excerpt = `  ${gutter} | ${text}\n  ${' '.repeat(gutter.length)} | ${caret}^`
  return { file, ...at, message: maskAddresses(message), excerpt: maskAddresses(excerpt) }
}

export function formatProblem(p: ConfigProblem): string {
  return `${p.file}:${p.line}:${p.column}: ${p.message}\n${p.excerpt}`
}

/** Zod's issues in our words, each with its place; one per unknown key. */
export function fromZod(
  issues: readonly z.core.$ZodIssue[],
  places: Places,
  keysAt: (path: Path) => readonly string[],
): { at: Position; message: string }[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [{ at: places.value(issue.path), message: words(issue) }]
    return issue.keys.map((key) => {
      const guess = nearest(key, keysAt(issue.path))
      const hint = guess ? ` — did you mean "${guess}"?` : ''
      const message = `unknown key "${key}" ${section(issue.path)}${hint}`
      return { at: places.key([...issue.path, key]), message }
    })
  })
}

function words(issue: z.core.$ZodIssue): string {
  const name = issue.path.findLast((part) => typeof part === 'string') ?? ''
  switch (issue.code) {
    case 'invalid_type':
      return issue.message.includes('received undefined')
        ? `"${name}" is missing`
        : `"${name}" must be ${issue.expected === 'int' ? 'a whole number' : article(issue.expected)}`
    case 'invalid_value':
      return `"${name}" must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`
    case 'too_small':
    case 'too_big':
      return `"${name}" ${extent(issue)}`
    default:
      return `"${name}": ${issue.message}`
  }
}

type Extent = z.core.$ZodIssueTooSmall | z.core.$ZodIssueTooBig

/** Of a text its characters, of a list its entries, of a number itself. */
function extent(issue: Extent): string {
  const bound = issue.code === 'too_small' ? issue.minimum : issue.maximum
  const unit = issue.origin === 'string' ? 'character' : issue.origin === 'array' ? 'entry' : undefined
  const how = issue.exact ? 'exactly' : issue.code === 'too_small' ? 'at least' : 'at most'
  if (unit === undefined) return `must be ${how} ${bound}`
  if (issue.code === 'too_small' && !issue.exact && Number(bound) === 1) return 'must not be empty'
  const units = Number(bound) === 1 ? unit : unit.replace(/y$/, 'ie') + 's'
  return `must have ${how} ${bound} ${units}`
}

const article = (kind: string): string => {
  const word = kind === 'object' ? 'table' : kind
  return `${/^[aeiou]/.test(word) ? 'an' : 'a'} ${word}`
}

/** The candidate within three edits (half of its letters at most), else one that is part of the word, or none. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const limit = Math.min(3, Math.floor(word.length / 2))
  let best: string | undefined
  let bestDistance = limit + 1
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate)
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best ?? candidates.find((candidate) => candidate.length >= 5 && word.includes(candidate))
}

/** Edits to turn one word into the other; a swap of neighbours counts once, being the commonest slip. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, i) => i)]
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? 0
  for (let i = 1; i <= a.length; i++) {
    rows.push([i])
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let value = Math.min(cell(i - 1, j) + 1, cell(i, j - 1) + 1, cell(i - 1, j - 1) + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        value = Math.min(value, cell(i - 2, j - 2) + 1)
      }
      rows[i]?.push(value)
    }
  }
  return cell(a.length, b.length)
}
