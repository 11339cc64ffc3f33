/** The API's description, as its pages need it: an operation with what it takes and what it answers. */
import type { Described, Examples, Schema } from '../examples.ts'

export interface Parameter {
  readonly name: string
  readonly place: string
  readonly required: boolean
  readonly type: string
  readonly text: string
  readonly example?: string
}

export interface Operation {
  readonly id: string
  readonly tag: string
  readonly method: string
  readonly path: string
  readonly summary: string
  readonly description: string
  /** Credentials that it asks for, in words. */
  readonly access: string
  readonly parameters: readonly Parameter[]
  /** Fields of the body, where it is an object; without one: undefined. */
  readonly body: readonly Parameter[] | undefined
  readonly bodySchema: Schema | undefined
  readonly statuses: readonly { readonly status: string; readonly text: string; readonly example?: unknown }[]
}

interface Media {
  readonly schema?: Schema
  readonly example?: unknown
}
interface Raw {
  readonly operationId?: string
  readonly tags?: readonly string[]
  readonly summary?: string
  readonly description?: string
  readonly security?: readonly Readonly<Record<string, unknown>>[]
  readonly parameters?: readonly {
    readonly name: string
    readonly in: string
    readonly required?: boolean
    readonly description?: string
    readonly schema?: Schema & { readonly description?: string }
  }[]
  readonly requestBody?: { readonly content?: Readonly<Record<string, Media>> }
  readonly responses?: Readonly<Record<string, { description?: string; content?: Record<string, Media> }>>
}

export function operationsOf({ paths = {}, components = {} }: Described): Operation[] {
  const { schemas = {} } = components as { schemas?: Record<string, Schema> }
  const all = paths as Record<string, Record<string, Raw>>
  return Object.entries(all).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, raw]) => operationOf(method.toUpperCase(), path, raw, schemas)),
  )
}

function operationOf(method: string, path: string, raw: Raw, schemas: Record<string, Schema>): Operation {
  const { operationId: id = '', tags = [], summary = '', description = '', parameters = [] } = raw
  const bodySchema = raw.requestBody?.content?.['application/json']?.schema
  return {
    ...{ id, tag: tags[0] ?? '', method, path, summary, description, access: accessOf(raw) },
    parameters: parameters.map(({ name, in: place, required = false, schema = {}, description: text }) => ({
      ...{ name, place, required, type: typeOf(schema), text: text ?? schema.description ?? '' },
      ...exampleOf(schema.example ?? schema.enum?.[0]),
    })),
    body: bodySchema && fieldsOf(resolved(bodySchema, schemas)),
    bodySchema,
    statuses: Object.entries(raw.responses ?? {}).map(([status, { description: text = '', content }]) => ({
      ...{ status, text },
      // One of a refusal is like another.
      ...(status.startsWith('2') && { example: content?.['application/json']?.example }),
    })),
  }
}

const exampleOf = (value: unknown): { example?: string } =>
  typeof value === 'string' || typeof value === 'number' ? { example: String(value) } : {}

function accessOf({ security = [] }: Raw): string {
  const kinds = security.flatMap((one) => Object.keys(one))
  if (kinds.length === 0) return 'for anybody'
  return kinds.includes('basic') ? 'for an account, with its password or token' : 'with a token'
}

const resolved = (schema: Schema, schemas: Record<string, Schema>): Schema =>
  schema.$ref === undefined ? schema : (schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})

type Field = Schema & { readonly description?: string; readonly required?: readonly string[] }

const fieldsOf = (schema: Field): Parameter[] =>
  Object.entries((schema.properties ?? {}) as Record<string, Field>).map(([name, field]) => ({
    ...{ name, place: 'body', required: schema.required?.includes(name) === true },
    ...{ type: typeOf(field), text: field.description ?? '' },
  }))

function typeOf(schema: Schema): string {
  if (schema.$ref !== undefined) return schema.$ref.split('/').at(-1) ?? ''
  if (schema.enum) return schema.enum.map(String).join(' | ')
  const some = schema.anyOf ?? schema.oneOf
  if (some) return some.map(typeOf).join(' or ')
  const type = [schema.type ?? 'any'].flat().join(' or ')
  return schema.items
    ? `${type} of ${typeOf(schema.items)}`
    : schema.format
      ? `${type} (${schema.format})`
      : type
}

/** In quotes that no shell looks into. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** The operation as a command, with examples for what it needs. */
export function curlOf(
  { method, path, access, parameters, bodySchema }: Operation,
  examples: Examples,
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(
      String(parameters.find((one) => one.name === name)?.example ?? examples.of({ type: 'string' }, name)),
    ),
  )
  const needed = parameters.filter(({ place, required }) => place === 'query' && required)
  const query = needed.map(({ name, example }) => `${name}=${encodeURIComponent(example ?? 'text')}`)
  const url = `https://chat.example.org${filled}${query.length > 0 ? `?${query.join('&')}` : ''}`
  const isAccount = access.startsWith('for an account')
  return [
    `curl ${method === 'GET' ? '' : `-X ${method} `}${quoted(url)}`,
    ...(access === 'for anybody'
      ? []
      : [isAccount ? `-u 'harttle@bix.org'` : `-H "Authorization: Bearer $TOKEN"`]),
    ...(bodySchema
      ? [`-H 'Content-Type: application/json'`, `-d ${quoted(JSON.stringify(examples.of(bodySchema)))}`]
      : []),
  ].join(' \\\n  ')
}
