/** References are what the program says of itself: limits, operations, keys and verbs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'bun:test'
import { CALLS, NO_VERB } from '../../src/cli/calls.ts'
import { buildProgram, nameOf } from '../../src/cli/program.ts'
import { REFERENCES } from '../../src/cli/reference.ts'
import { jsonSchema } from '../../src/config/describe.ts'
import { LIMITS_REACHED } from '../../src/config/limits-reached.ts'
import { features } from '../../src/features/index.ts'
import { startHttp } from '../http/support.ts'

const page = (name: string): string =>
  readFileSync(join(import.meta.dir, '../../src/docs', `${name}.md`), 'utf8')
const between = (text: string, name: string): string | undefined =>
  text.split(`<!-- ${name} -->\n`)[1]?.split(`\n<!-- /${name} -->`)[0]
const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ')

/** To mend a page: what is expected goes between its markers. */
function limitsTable(): string {
  const { limits } = jsonSchema().properties ?? {}
  const rows = Object.entries(limits?.properties ?? {}).map(([key, { default: value, description = '' }]) => {
    const then = LIMITS_REACHED[key as keyof typeof LIMITS_REACHED]
    return `| \`${key}\` | \`${JSON.stringify(value)}\` | ${cell(description)} | ${cell(then)} |`
  })
  return ['| Key | Default | What | When it is reached |', '|---|---|---|---|', ...rows].join('\n')
}

interface Operation {
  readonly operationId: string
  readonly tags: string[]
  readonly summary?: string
  readonly description?: string
}

async function operationsTable(): Promise<string> {
  using w = await startHttp(() => {}, features)
  const described = (await (await w.call('GET', '/v1/openapi.json')).json()) as {
    paths: Record<string, Record<string, Operation>>
  }
  const verbs = new Map<string, string[]>()
  for (const [verb, call] of Object.entries(CALLS))
    if (!('local' in call)) for (const id of call) verbs.set(id, [...(verbs.get(id) ?? []), verb])
  const rows = Object.entries(described.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId: id, summary = '', description = '' }]) => {
      const scope = /Scope: `([^`]+)`/.exec(description)?.[1]
      const own = verbs
        .get(id)
        ?.map((verb) => `\`belfry ${verb}\``)
        .join(', ')
      return `| \`${method.toUpperCase()} ${path}\` | ${id} | ${cell(summary)} | ${scope === undefined ? '' : `\`${scope}\``} | ${own ?? ''} |`
    }),
  )
  return ['| Call | Operation | | Scope | Verb |', '|---|---|---|---|---|', ...rows].join('\n')
}

test('the page of limits has each key with its default and what happens then', () => {
  expect(between(page('capacity'), 'limits')).toBe(limitsTable())
})

test('the page of operations has each call of the API with its scope and its verb', async () => {
  const table = await operationsTable()
  expect(between(page('api-operations'), 'operations')).toBe(table)
  for (const id of Object.keys(NO_VERB)) expect(table).toContain(`| ${id} |`)
})

test('belfry help config is made of the schema: each key of each table', () => {
  const text = REFERENCES.config?.text(buildProgram().program) ?? ''
  const keys = (schema: ReturnType<typeof jsonSchema>): string[] =>
    Object.entries((schema.items ?? schema).properties ?? {}).flatMap(([key, inner]) => [key, ...keys(inner)])
  const all = keys(jsonSchema())
  expect(all.length).toBeGreaterThan(200)
  for (const key of all)
    expect([key, new RegExp(`\`${key}\`|\\[[\\w.]*\\b${key}\\]`).test(text)]).toEqual([key, true])
})

test('belfry help cli is made of the tree: each verb, each option', () => {
  const { program } = buildProgram()
  const text = REFERENCES.cli?.text(program) ?? ''
  const verbs = (command: typeof program): (typeof program)[] =>
    command.commands.length === 0 ? [command] : command.commands.flatMap(verbs)
  for (const verb of verbs(program)) {
    expect(text).toContain(`## belfry ${nameOf(verb)}`)
    for (const { flags } of verb.options) expect(text).toContain(`\`${flags}\``)
  }
})
