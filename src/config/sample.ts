/** The file that `config init` writes: every key of the schema, explained, with its default or an example. */
import { isIP } from 'node:net'
import { type Described, isTable, jsonSchema } from './describe.ts'

/** Keys that go together, by table. Of several such sets only one can be there: a list shows each in a table of its own. */
const SETS: Readonly<Record<string, readonly (readonly string[])[]>> = {
  tls: [['cert', 'key']],
  acme: [
    ['email', 'agree'],
    ['eab_key_id', 'eab_key_file'],
  ],
  'push.apps': [
    ['team_id', 'key_id', 'key_file'],
    ['cert_file', 'cert_key_file'],
    ['p12_file', 'p12_password_file'],
  ],
  external_services: [['secret_file'], ['username', 'password_file']],
}

/** Keys that the default of another key rules out: they can be told of, but not stand as they are. */
const BESIDE: Readonly<Record<string, string>> = { 'webhook.token_file': 'format = "form"' }

/** The domain of all examples, in whose place stands the operator's own. */
const EXAMPLE_DOMAIN = 'example.org'
const WIDTH = 100

/** Keys that the file sets; all others stand behind "# ". */
export interface SampleKeys {
  readonly hosts: readonly string[]
  readonly data_dir?: string | undefined
  readonly admins: readonly string[]
}

/** Lines between two blank ones belong together; such a block can be uncommented as it stands. */
type Block = string[]

export function commentedSample(set: SampleKeys): string {
  const entries = Object.entries(jsonSchema().properties ?? {})
  const given = new Map<string, unknown>(Object.entries(set))
  const own = ownDomain(set.hosts[0] ?? 'localhost')
  const blocks = [
    ['# Belfry. A key behind "# " shows its default, or an example where it says so: remove "# " to set it.'],
    ...entries
      .filter(([, schema]) => !isTable(schema))
      .map(([key, schema]) =>
        given.get(key) === undefined
          ? shown(key, schema)
          : [...comment(schema.description), `${key} = ${literal(given.get(key))}`],
      ),
    ...entries.filter(([, schema]) => isTable(schema)).flatMap(([name, schema]) => table(name, schema)),
  ]
  return own(blocks.map((lines) => `${lines.join('\n')}\n`).join('\n'))
}

/** The blocks of a table, or of a list with one example for each set of keys, and then of the tables within. */
function table(name: string, schema: Described): Block[] {
  const { properties = {}, required = [] } = schema.items ?? schema
  const keysOf = (list: readonly string[], nth = 0): Block =>
    list.flatMap((key) => shown(key, properties[key] ?? {}, nth))
  const [first = [], ...others] = SETS[name] ?? []
  const spoken = new Set([...(schema.items ? required : []), ...first, ...others.flat()])
  const alone = Object.keys(properties).filter((key) => !spoken.has(key) && !isTable(properties[key] ?? {}))
  const blocks = alone.map((key) => {
    const beside = BESIDE[`${name}.${key}`]
    return beside === undefined ? keysOf([key]) : aside(key, properties[key] ?? {}, beside)
  })
  const list = (set: readonly string[], nth: number): Block => [
    ...comment(schema.description),
    `# [[${name}]]`,
    ...keysOf([...required, ...set], nth),
  ]
  const inner = Object.entries(properties).filter(([, entry]) => isTable(entry))
  const tables = inner.flatMap(([key, entry]) => table(`${name}.${key}`, entry))
  if (schema.items)
    return [list(first, 0), ...blocks, ...others.map((set, at) => list(set, at + 1)), ...tables]
  const [opening = [], ...rest] =
    first.length > 0 ? [first, ...others].map((set) => keysOf(set)).concat(blocks) : blocks
  return [[`[${name}]`, ...opening], ...rest, ...tables]
}

/** `nth`: of several tables in a list, which must differ in some key. */
function shown(key: string, schema: Described, nth = 0): Block {
  const { description, examples = schema.enum ?? [] } = schema
  if (schema.default !== undefined) return [...comment(description), `# ${key} = ${literal(schema.default)}`]
  return [...comment(`${description} For example:`), `# ${key} = ${literal(examples[nth] ?? examples[0])}`]
}

const aside = (key: string, { description, examples }: Described, beside: string): Block => [
  ...comment(`${description} For example:`),
  `#   ${beside}`,
  `#   ${key} = ${literal(examples?.[0])}`,
]

/** A name takes the place of the example's in other names too; an address can only stand alone. */
function ownDomain(host: string): (text: string) => string {
  const isName = isIP(host.replace(/^\[(.*)\]$/, '$1')) === 0
  return (text) =>
    isName
      ? text.replaceAll(EXAMPLE_DOMAIN, () => host)
      : text.replaceAll(literal(EXAMPLE_DOMAIN), () => literal(host))
}

const literal = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map(literal).join(', ')}]` : JSON.stringify(value)

function comment(text = ''): Block {
  const lines: Block = []
  let line = '#'
  for (const word of text.split(' ').filter((part) => part !== '')) {
    if (line.length + word.length + 1 > WIDTH) {
      lines.push(line)
      line = '#'
    }
    line += ` ${word}`
  }
  return line === '#' ? lines : [...lines, line]
}
