/** Examples in the API's description, made of the schemas, so that each body has one and none is out of date. */
export interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly example?: unknown
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly minimum?: number
  readonly minLength?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
}

interface Media {
  readonly schema?: Schema
  example?: unknown
}
interface Body {
  readonly content?: Readonly<Record<string, Media>>
}
interface Operation {
  readonly requestBody?: Body
  readonly responses?: Readonly<Record<string, Body>>
}
export interface Described {
  readonly paths?: unknown
  readonly components?: unknown
}

/** Values of fields that mean the same wherever they stand. */
const BY_NAME: Readonly<Record<string, unknown>> = {
  jid: 'harttle@bix.org',
  from: 'harttle@bix.org',
  to: 'juliet@bix.org',
  host: 'bix.org',
  address: '192.0.2.1',
  password: 'a good password',
  current_password: 'a good password',
  body: 'Dinner is ready',
  topic: 'org.bix.chat',
  environment: 'production',
  name: 'Verona',
  code: 'no-such-user',
  title: 'Not found',
  detail: 'There is no such account.',
  status: 404,
  type: 'about:blank',
  request_id: 'q0Z1o4mXw2yA',
  scopes: ['status'],
  id: '7',
  token: '0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef',
  voip_token: 'fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210',
  zone: 'Europe/Rome',
  quiet: { from: '22:30', to: '07:00', zone: 'Europe/Rome' },
  next: null,
  expires_in: 86_400,
}

const TIME = '2026-11-30T18:00:00.000Z'

/** Fits the schema, whatever its name says. */
function fits({ type, enum: words }: Schema, value: unknown): boolean {
  if (words) return words.includes(value)
  const types = [type].flat()
  if (value === null) return types.includes('null')
  if (Array.isArray(value)) return types.includes('array')
  if (typeof value === 'number') return types.includes('integer') || types.includes('number')
  return types.includes(typeof value)
}

export class Examples {
  readonly #components: Readonly<Record<string, Schema>>

  constructor(components: Readonly<Record<string, Schema>>) {
    this.#components = components
  }

  of(schema: Schema, name = ''): unknown {
    if (schema.example !== undefined) return schema.example
    if (schema.$ref !== undefined)
      return this.of(this.#components[schema.$ref.split('/').at(-1) ?? ''] ?? {}, name)
    if (name in BY_NAME && fits(schema, BY_NAME[name])) return BY_NAME[name]
    if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => this.of(part, name))) as unknown
    const [one] = schema.anyOf ?? schema.oneOf ?? []
    if (one) return this.of(one, name)
    if (schema.default !== undefined) return schema.default
    if (schema.enum) return schema.enum[0]
    const [type] = [schema.type].flat()
    if (type === 'object')
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([key, part]) => [key, this.of(part, key)]),
      )
    if (type === 'array') return schema.items ? [this.of(schema.items, name)] : []
    if (type === 'integer' || type === 'number') return Math.max(1, schema.minimum ?? 1)
    if (type === 'boolean') return true
    if (type === 'null') return null
    return schema.format === 'date-time' ||
      /^(created|updated|expires|since|until|at|stored|last_\w+|first_\w+)$/.test(name)
      ? TIME
      : 'text'
  }
}

/** Writes an example to every body of the document. */
export function withExamples<T extends Described>(document: T): T {
  const { schemas = {} } = (document.components ?? {}) as { schemas?: Record<string, Schema> }
  const examples = new Examples(schemas)
  const paths = (document.paths ?? {}) as Record<string, Record<string, Operation>>
  for (const operation of Object.values(paths).flatMap((methods) => Object.values(methods)))
    for (const { content } of [operation.requestBody ?? {}, ...Object.values(operation.responses ?? {})])
      for (const [type, media] of Object.entries(content ?? {}))
        if (media.schema && type.endsWith('json')) media.example = examples.of(media.schema)
  return document
}
