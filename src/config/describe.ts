/** The configuration described from its own schema: JSON Schema, a commented sample, the known keys of a section. */
import { z } from 'zod'
import type { Path } from './positions.ts'
import { configSchema } from './schema.ts'

interface Described {
  type?: string
  description?: string
  default?: unknown
  properties?: Record<string, Described>
  items?: Described
  enum?: unknown[]
  [key: string]: unknown
}

/** JSON Schema of the file as it is written (editors with a TOML language server read it). */
export function jsonSchema(): Described {
  // Zod types its output wider than what these schemas can produce; `Described` names the part we read.
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as Described
}

let cached: Described | undefined

/** Keys that may stand at this path, for "did you mean". */
export function knownKeys(path: Path): string[] {
  let at: Described | undefined = (cached ??= jsonSchema())
  for (const part of path) at = typeof part === 'number' ? at?.items : at?.properties?.[String(part)]
  return Object.keys(at?.properties ?? {})
}

const literal = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map(literal).join(', ')}]` : JSON.stringify(value)

/** One commented line per key with its default: what `config init` writes below the few that it sets. */
export function commentedSample(): string {
  const out: string[] = []
  const table = (name: string, schema: Described, array: boolean): void => {
    const entries = Object.entries(schema.properties ?? {})
    out.push('', array ? `# [[${name}]]` : `[${name}]`)
    if (schema.description && array) out.push(`# ${schema.description}`)
    for (const [key, value] of entries.filter(([, entry]) => !isTable(entry))) {
      if (value.description) out.push(...wrap(value.description))
      out.push(`# ${key} = ${value.default === undefined ? example(value) : literal(value.default)}`)
    }
    for (const [key, value] of entries.filter(([, entry]) => isTable(entry))) {
      const inner = value.items ?? value
      table(
        `${name}.${key}`,
        { ...inner, description: value.description ?? inner.description },
        !!value.items,
      )
    }
  }
  for (const [name, section] of Object.entries(jsonSchema().properties ?? {})) {
    if (!isTable(section)) continue
    const inner = section.items ?? section
    table(
      name,
      { ...inner, description: section.description ?? inner.description },
      section.items !== undefined,
    )
  }
  return out.join('\n') + '\n'
}

const isTable = (schema: Described): boolean =>
  schema.properties !== undefined || schema.items?.properties !== undefined

const example = (schema: Described): string => (schema.enum ? literal(schema.enum[0]) : '"…"')

function wrap(text: string, width = 100): string[] {
  const lines: string[] = []
  let line = '#'
  for (const word of text.split(' ')) {
    if (line.length + word.length + 1 > width) {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return [...lines, line]
}
