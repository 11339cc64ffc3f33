/** Pages that are made of the program itself when they are asked for: every key of the configuration, every verb. */
import type { Command } from 'commander'
import { type Described, isTable, jsonSchema } from '../config/describe.ts'
import { CALLS } from './calls.ts'
import { nodesOf, treeOf, type Node } from './tree.ts'

interface Page {
  readonly title: string
  readonly text: (program: Command) => string
}

export const REFERENCES: Readonly<Record<string, Page>> = {
  config: { title: 'every key of the configuration, with its default', text: () => configReference() },
  cli: { title: 'every verb with its options', text: (program) => cliReference(program) },
}

/** A bar would end its cell. */
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

function configReference(): string {
  const { properties = {} } = jsonSchema()
  const plain = Object.entries(properties).filter(([, schema]) => !isTable(schema))
  const tables = Object.entries(properties).filter(([, schema]) => isTable(schema))
  return [
    '# Configuration: every key',
    '',
    'TOML, in the file that `--config` names, else `$BELFRY_CONFIG`, `./belfry.toml` or `/etc/belfry/belfry.toml`. A key that is',
    'left out has its default. `belfry config init` writes a file with all of them, `belfry config check` looks one over,',
    '`belfry config show` prints what is in force, `belfry config schema` is for editors.',
    '',
    ...keysOf(plain),
    ...tables.flatMap(([name, schema]) => tableOf(name, schema)),
  ].join('\n')
}

function tableOf(name: string, schema: Described): string[] {
  const { properties = {} } = schema.items ?? schema
  const entries = Object.entries(properties)
  return [
    '',
    schema.items ? `## [[${name}]]` : `## [${name}]`,
    '',
    ...(schema.description === undefined ? [] : [schema.description, '']),
    ...keysOf(
      entries.filter(([, inner]) => !isTable(inner)),
      schema.items ? new Set((schema.items.required ?? []).map(String)) : new Set(),
    ),
    ...entries
      .filter(([, inner]) => isTable(inner))
      .flatMap(([key, inner]) => tableOf(`${name}.${key}`, inner)),
  ]
}

function keysOf(
  entries: readonly (readonly [string, Described])[],
  required: ReadonlySet<string> = new Set(),
): string[] {
  if (entries.length === 0) return []
  const rows = entries.map(([key, schema]) => {
    const shown = required.has(key) ? 'must be there' : shownDefault(schema)
    return `| \`${key}\` | ${cell(shown)} | ${cell([...wordsOf(schema), schema.description ?? ''].join(' '))} |`
  })
  return ['| Key | Default | |', '|---|---|---|', ...rows]
}

const wordsOf = ({ enum: words }: Described): string[] =>
  words ? [`One of ${words.map((word) => `\`${String(word)}\``).join(', ')}.`] : []

function shownDefault({ default: value, examples }: Described): string {
  if (value !== undefined) return `\`${JSON.stringify(value)}\``
  return examples?.[0] === undefined ? '' : `none; such as \`${JSON.stringify(examples[0])}\``
}

function cliReference(program: Command): string {
  const root = treeOf(program)
  const verbs = nodesOf(root).filter(({ inner }) => inner.length === 0)
  return [
    '# Commands: every verb',
    '',
    'A verb is one call of the HTTP API, made over the Unix socket of the running server; where no server runs it works on the',
    'data itself. `belfry man | man -l -` is the same as a manual page, `belfry completion` teaches it to a shell.',
    '',
    '## Options that may stand anywhere',
    '',
    ...flagsOf(root),
    ...verbs.flatMap(verbOf),
  ].join('\n')
}

const flagsOf = ({ flags }: Node): string[] =>
  flags.map(({ flags: shown, description }) => `- \`${shown}\`: ${description}`)

function verbOf(node: Node): string[] {
  const call = CALLS[node.path] ?? []
  const calls = 'local' in call ? `It ${call.local}.` : `Operations of the API: ${call.join(', ')}.`
  return [
    '',
    `## belfry ${[node.path, node.usage].filter(Boolean).join(' ')}`,
    '',
    `${node.description}. ${calls}`,
    ...(node.flags.length === 0 ? [] : ['', ...flagsOf(node)]),
  ]
}
