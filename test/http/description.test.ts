/** The API against its own description: every field that it names gets what it cannot take, every path each method. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import page from '../../src/docs/api.md' with { type: 'text' }
import { CONDITION_CODES, PROBLEM_CODES } from '../../src/http/problem-codes.ts'
import { basic, type Call, codeOf, type HttpWorld, JULIET, ROMEO, startHttp } from './support.ts'

interface Schema {
  readonly $ref?: string
  readonly type?: string | readonly string[]
  readonly format?: string
  readonly properties?: Record<string, Schema>
  readonly required?: readonly string[]
  readonly maxLength?: number
  readonly maximum?: number
  readonly maxItems?: number
  readonly enum?: readonly string[]
  readonly items?: Schema
}
interface Media {
  readonly schema: Schema
  readonly example?: unknown
}
interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly security: readonly Record<string, unknown>[]
  readonly parameters?: readonly { name: string; in: 'path' | 'query' | 'header'; schema: Schema }[]
  readonly requestBody?: { content: { 'application/json'?: Media } }
  readonly responses: Record<string, { content?: Record<string, Media> }>
}
interface Document {
  readonly paths: Record<string, Record<string, Operation>>
  readonly tags: readonly { name: string }[]
  readonly components: { schemas: Record<string, Schema> }
}
/** A field of an operation, wherever it stands. */
interface Field {
  readonly name: string
  readonly in: 'path' | 'query' | 'header' | 'body'
  readonly schema: Schema
}

let w: HttpWorld
let document: Document
let admin: string
beforeAll(async () => {
  w = await startHttp((config) => (config.limits.http_requests_per_ip = Infinity))
  admin = await w.token('admin')
  document = (await (await w.call('GET', '/v1/openapi.json')).json()) as Document
})
afterAll(() => w[Symbol.dispose]())

const operations = () =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })),
  )
const resolved = (schema: Schema): Schema =>
  schema.$ref === undefined
    ? schema
    : (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {})
const bodyOf = ({ requestBody }: Operation): Schema | undefined =>
  requestBody?.content['application/json'] && resolved(requestBody.content['application/json'].schema)
const fieldsOf = (operation: Operation): Field[] => [
  ...(operation.parameters ?? []),
  ...Object.entries(bodyOf(operation)?.properties ?? {}).map(([name, schema]): Field => ({
    name,
    in: 'body',
    schema,
  })),
]

/** Something that fits. */
function sample(name: string, schema: Schema): unknown {
  if (name === 'token' || name === 'voip_token') return 'ab'.repeat(32)
  if (name === 'address') return '192.0.2.1'
  if (schema.format === 'jid') return JULIET
  if (schema.enum) return schema.enum[0]
  const [type] = [schema.type].flat()
  if (type === 'array') return [sample('', schema.items ?? {})]
  return type === 'boolean' ? false : type === 'integer' ? 100 : type === 'object' ? null : 'some words'
}

/** The request that fits, but for what is put in its fields. */
async function ask(
  { method, path, operation }: ReturnType<typeof operations>[number],
  put: Record<string, unknown>,
): Promise<Response> {
  const parameters = operation.parameters ?? []
  const value = (name: string, schema: Schema) => String(name in put ? put[name] : sample(name, schema))
  let at = path
  for (const { name, schema } of parameters.filter((one) => one.in === 'path'))
    at = at.replace(`{${name}}`, encodeURIComponent(value(name, schema)))
  const query = new URLSearchParams()
  for (const { name, schema } of parameters.filter((one) => one.in === 'query'))
    if (name in put) query.set(name, value(name, schema))
  const schema = bodyOf(operation)
  const body = schema && {
    ...Object.fromEntries(
      Object.entries(schema.properties ?? {})
        .filter(([name]) => schema.required?.includes(name))
        .map(([name, one]) => [name, sample(name, one)]),
    ),
    ...Object.fromEntries(Object.entries(put).filter(([name]) => name in (schema.properties ?? {}))),
  }
  const as = operation.security.some((one) => 'basic' in one) ? basic(ROMEO) : admin
  const given = parameters.filter((one) => one.in === 'header' && one.name in put)
  const headers = Object.fromEntries(given.map(({ name, schema }) => [name, value(name, schema)]))
  const call: Call = { as, headers, ...(body === undefined ? {} : { body }) }
  return w.call(method, at + (query.size > 0 ? `?${query.toString()}` : ''), call)
}

test('each operation has an id of its own and a chapter', () => {
  const ids = operations().map(({ operation }) => operation.operationId)
  expect(ids.every((id) => /^[a-z][A-Za-z]+$/.test(id))).toBe(true)
  expect(new Set(ids).size).toBe(ids.length)
  const chapters = new Set(document.tags.map(({ name }) => name))
  for (const { operation } of operations()) {
    expect(operation.tags).toHaveLength(1)
    expect(chapters).toContain(operation.tags[0] ?? 'none')
  }
})

test('each operation says which statuses there are, and each body has an example', () => {
  for (const { method, path, operation } of operations()) {
    const label = `${method} ${path}`
    const { responses, requestBody, security } = operation
    const wanted = [
      '429',
      'default',
      ...(security.length > 0 ? ['401', '403'] : []),
      ...(requestBody ? ['400', '413', '415', '422'] : []),
    ]
    expect([label, wanted.filter((status) => !(status in responses))]).toEqual([label, []])
    for (const { content } of [requestBody ?? {}, ...Object.values(responses)])
      for (const [type, media] of Object.entries(content ?? {}))
        if (type.endsWith('json'))
          expect([label, type, media.example === undefined]).toEqual([label, type, false])
  }
})

test('each example of a request is one that its fields take', async () => {
  using own = await startHttp((config) => (config.limits.http_requests_per_ip = Infinity))
  const all = await own.token('admin')
  // A new password is nobody's before the end.
  const ordered = operations().toSorted(
    (a, b) => Number(a.path === '/v1/me/password') - Number(b.path === '/v1/me/password'),
  )
  for (const { method, path, operation } of ordered) {
    const example = operation.requestBody?.content['application/json']?.example
    if (example === undefined || path === '/v1/me') continue
    const at = path.replace(
      '{jid}',
      encodeURIComponent(path.includes('rooms') ? 'verona@conference.bix.org' : JULIET),
    )
    const as = operation.security.some((one) => 'basic' in one) ? basic(ROMEO) : all
    const named = at.replace('/v1/backups/{name}', '/v1/backups/belfry-20261130T150000Z')
    const answer = await own.call(method, named.replace(/\{\w+\}/g, '1'), { as, body: example })
    const fault = answer.status === 422 ? await answer.text() : ''
    expect([method, path, fault.includes('"code":"invalid"') && fault]).toEqual([method, path, false])
  }
})

test('every code of a refusal is in the page on the API, with its meaning', () => {
  for (const [code, meaning] of Object.entries(PROBLEM_CODES))
    expect(page).toContain(`| \`${code}\` | ${meaning} |`)
  expect(page.match(/^\| `/gm)).toHaveLength(Object.keys(PROBLEM_CODES).length)
  for (const code of CONDITION_CODES) expect(page).toContain(`\`${code}\``)
})

const ADDRESSES = new Set(['jid', 'jid-resource', 'idn-hostname'])
const NAMES = new Set(['jid', 'from', 'to', 'host', 'inviter', 'resource', 'account'])

test('what is called like an address is one in the description', () => {
  const named = operations().flatMap(({ path, operation }) =>
    fieldsOf(operation)
      .filter(({ name }) => NAMES.has(name))
      .map(({ name, schema }) => `${path} ${name} ${ADDRESSES.has(schema.format ?? '')}`),
  )
  expect(named.length).toBeGreaterThan(20)
  expect(named.filter((one) => one.endsWith('false'))).toEqual([])
})

const LONG = 'a'.repeat(1100)
const HOSTILE: [string, string][] = [
  ['a local part of 1,100 characters', `${LONG}@bix.org`],
  ['1,100 characters', LONG],
  ['a host of 1,100 characters', `a@${'a.'.repeat(550)}org`],
  ['a local part of 1,023 characters and 3,069 bytes', `${'語'.repeat(1023)}@bix.org`],
  ['a resource of 1,100 characters', `a@bix.org/${LONG}`],
  ['100,000 characters', `${'a'.repeat(100_000)}@bix.org`],
  ['nothing', ''],
  ['an empty local part', '@bix.org'],
  ['an empty host', 'a@'],
  ['an empty resource', 'a@bix.org/'],
  ['slashes alone', '//'],
  ['NUL', '\0'],
  ['NUL inside', 'a\0b@bix.org'],
  ['half a pair', '\ud800@bix.org'],
  ['half a pair in the host', 'a@\udfff.org'],
  ['a noncharacter', '\uffff@bix.org'],
  ['a broken A-label', 'a@xn--\u00e9.org'],
  ['an A-label of nothing', 'a@xn--.org'],
  ['a bracket', 'a@['],
  ['a space', ' '],
  ['line ends', 'a\r\n@bix.org'],
  ['directions mixed', 'a\u05d0@bix.org'],
  ['a joiner', 'a\u200d@bix.org'],
  ['combining marks without end', `${'\u0301'.repeat(2000)}@bix.org`],
]

test.each(HOSTILE)('an address of %s is 422 wherever one is taken', async (_name, address) => {
  for (const at of operations()) {
    for (const field of fieldsOf(at.operation)) {
      if (!ADDRESSES.has(field.schema.format ?? '')) continue
      // In a path nothing is another path, a slash is one of its own to some, and half a pair is never sent.
      if (field.in === 'path' && (address === '' || !address.isWellFormed())) continue
      const answer = await ask(at, { [field.name]: address })
      const label = `${at.method} ${at.path} ${field.name}`
      // A resource may hold what an address may not.
      const allowed = field.schema.format === 'jid-resource' ? [422, 404, 403, 200, 501] : [422]
      // URLs replace half a pair by U+FFFD, which a resource may hold.
      expect([label, allowed.includes(answer.status), answer.status]).toEqual([label, true, answer.status])
      if (answer.status === 422) expect(await codeOf(answer)).toBe('invalid')
    }
  }
})

describe('limits are applied as described', () => {
  test('text of one character more', async () => {
    let asked = 0
    for (const at of operations()) {
      for (const field of fieldsOf(at.operation)) {
        const { maxLength } = field.schema
        if (maxLength === undefined) continue
        const answer = await ask(at, { [field.name]: 'a'.repeat(maxLength + 1) })
        expect(`${at.path} ${field.name} ${answer.status}`).toBe(`${at.path} ${field.name} 422`)
        asked++
      }
    }
    expect(asked).toBeGreaterThan(30)
  })

  test('every text has a limit, every number an end', () => {
    for (const { path, operation } of operations()) {
      for (const { name, schema } of fieldsOf(operation)) {
        const types = [schema.type].flat()
        const ends =
          schema.enum !== undefined ||
          (types.includes('string') && schema.maxLength !== undefined) ||
          (types.includes('integer') && schema.maximum !== undefined) ||
          (types.includes('array') && schema.maxItems !== undefined) ||
          types.includes('boolean') ||
          types.includes('object')
        expect(`${path} ${name} ${ends}`).toBe(`${path} ${name} true`)
      }
    }
  })

  test('characters are counted, not halves of them', async () => {
    const send = (subject: string) =>
      w.call('POST', '/v1/messages', { as: admin, body: { to: JULIET, body: 'x', subject } })
    expect((await send('🔔'.repeat(1000))).status).toBe(202)
    expect((await send('🔔'.repeat(1001))).status).toBe(422)
    expect((await send('\ud83d')).status).toBe(422)
  })

  test.each(['1e2', '0x10', ' 5', '5 ', '-5', '5.0', '٥', ''])('%j is no number', async (limit) => {
    const answer = await w.call('GET', `/v1/users?limit=${encodeURIComponent(limit)}`, { as: admin })
    expect(answer.status).toBe(422)
  })
})

describe('another method', () => {
  const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND']

  test('is 405 and says which there are, on each path, to anybody', async () => {
    for (const [pattern, methods] of Object.entries(document.paths)) {
      const path = pattern.replaceAll(/\{\w+\}/g, 'x')
      const has = new Set(Object.keys(methods).map((method) => method.toUpperCase()))
      if (has.has('GET')) has.add('HEAD')
      const allow = [...new Set([...has, 'OPTIONS'])].sort().join(', ')
      for (const method of METHODS) {
        if (has.has(method)) continue
        const answer = await w.call(method, path)
        const expected = method === 'OPTIONS' ? 204 : 405
        expect(`${method} ${path} ${answer.status} ${answer.headers.get('allow')}`).toBe(
          `${method} ${path} ${expected} ${allow}`,
        )
        if (expected === 405) expect(answer.headers.get('content-type')).toContain('problem+json')
      }
    }
  })

  test('is 405 on the pages too, and nothing stays 404', async () => {
    const answer = await w.call('DELETE', '/admin/users')
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD, OPTIONS, POST'])
    expect((await w.call('DELETE', '/v1/nothing')).status).toBe(404)
    expect((await w.call('OPTIONS', '/v1/nothing')).status).toBe(404)
  })

  test('HEAD is GET without its body', async () => {
    const head = await w.call('HEAD', '/v1/users', { as: admin })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect((await w.call('HEAD', '/v1/users')).status).toBe(401)
  })
})
