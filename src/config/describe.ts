/** The configuration described from its own schema: JSON Schema, and the known keys of a section. */
import { z } from 'zod'
import type { Path } from './positions.ts'
import { configSchema } from './schema.ts'

export interface Described {
  type?: string
  description?: string
  default?: unknown
  properties?: Record<string, Described>
  items?: Described
  enum?: unknown[]
  examples?: unknown[]
  required?: string[]
  [key: string]: unknown
}

/** JSON Schema of the file as it is written (editors with a TOML language server read it). */
export function jsonSchema(): Described {
  const described = z.toJSONSchema(configSchema, {
    io: 'input',
    unrepresentable: 'any',
    // Zod would drop `examples` where a value is transformed, so they are written down under another name.
    override: ({ jsonSchema }) => {
      const { sample } = jsonSchema
      if (Array.isArray(sample)) jsonSchema.examples = sample
      delete jsonSchema.sample
    },
  })
  // Zod types its output wider than what these schemas can produce; `Described` names the part we read.
  return described as Described
}

let cached: Described | undefined

/** Keys that may stand at this path, for "did you mean". */
export function knownKeys(path: Path): string[] {
  let at: Described | undefined = (cached ??= jsonSchema())
  for (const part of path) at = typeof part === 'number' ? at?.items : at?.properties?.[String(part)]
  return Object.keys(at?.properties ?? {})
}

/** Whether a key stands for a table, or for a list of them. */
export const isTable = (schema: Described): boolean =>
  schema.properties !== undefined || schema.items?.properties !== undefined
