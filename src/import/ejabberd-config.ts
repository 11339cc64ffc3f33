/** ejabberd's configuration as plain values: an `ejabberd.yml`, or an `ejabberd.cfg` of before 2013, which is Erlang terms. */
import { readFileSync, statSync } from 'node:fs'
import { Atom, type Term, termsOf, Tuple } from './erlang.ts'
import { text } from './ejabberd-terms.ts'
import { SourceError } from './model.ts'

/** Bytes; real ones have 10,000. */
const LARGEST = 1024 * 1024

export type Plain =
  string | number | boolean | null | undefined | readonly Plain[] | { readonly [key: string]: Plain }
export type PlainObject = Readonly<Record<string, Plain>>

export const isObject = (value: Plain): value is PlainObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** @throws SourceError */
export async function readConfig(path: string): Promise<PlainObject> {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (!stat?.isFile()) throw new SourceError(`${path} is not there`)
  if (stat.size > LARGEST) throw new SourceError(`${path} is too large for a configuration`)
  const contents = readFileSync(path, 'utf8')
  return /^(?:\s|%[^\n]*\n)*\{/.test(contents) ? await ofTerms(contents, path) : ofYaml(contents, path)
}

/** Bun's reader refuses aliases that would multiply; tags make nothing but plain values. */
function ofYaml(contents: string, path: string): PlainObject {
  let found: Plain
  try {
    found = Bun.YAML.parse(contents) as Plain
  } catch (error) {
    // Too deep a nesting is a RangeError.
    const why =
      error instanceof RangeError ? 'nested too deep' : error instanceof Error ? error.message : String(error)
    throw new SourceError(`${path} is no YAML that can be read: ${why}`)
  }
  if (!isObject(found)) throw new SourceError(`${path} holds no options of ejabberd`)
  return found
}

async function ofTerms(contents: string, path: string): Promise<PlainObject> {
  const options: Record<string, Plain> = {}
  for await (const terms of termsOf(once(contents), path))
    for (const term of terms) {
      if (!(term instanceof Tuple)) continue
      const [key, ...rest] = term.items
      const name = key instanceof Atom ? key.name : ''
      const [first] = rest
      if (name === 'listen' && Array.isArray(first)) options.listen = (first as Term[]).map(listenerOf)
      // {acl, Name, Rule} comes again and again.
      else if (rest.length > 1) {
        const of = first instanceof Atom ? first.name : ''
        const value = rest.length === 2 ? plainOf(rest[1]) : rest.slice(1).map(plainOf)
        const before = options[name]
        const inner: PlainObject = isObject(before) ? before : {}
        const list = inner[of]
        options[name] = { ...inner, [of]: [...(Array.isArray(list) ? (list as Plain[]) : []), value] }
      } else options[name] = plainOf(first)
    }
  return options
}

async function* once(contents: string): AsyncGenerator<string> {
  yield contents
}

/** A list of pairs is an object, as YAML has it. */
function plainOf(term: Term | undefined): Plain {
  if (term instanceof Atom) return term.name === 'true' ? true : term.name === 'false' ? false : term.name
  if (term instanceof Tuple) return pairOf(term) ?? term.items.map(plainOf)
  if (!Array.isArray(term)) return term as string | number
  const pairs = (term as readonly Term[]).map((item) => (item instanceof Tuple ? pairOf(item) : undefined))
  if (pairs.length > 0 && pairs.every((pair) => pair !== undefined))
    return Object.assign({}, ...pairs) as PlainObject
  return (term as readonly Term[]).map(plainOf)
}

function pairOf({ items }: Tuple): PlainObject | undefined {
  const [key, value] = items
  return items.length === 2 && key instanceof Atom ? { [key.name]: plainOf(value) } : undefined
}

/** `{5222, ejabberd_c2s, [starttls, {shaper, c2s}]}`; the port may come with an address. */
function listenerOf(term: Term): Plain {
  const [where, module, options] = term instanceof Tuple ? term.items : []
  const [port, ip] = where instanceof Tuple ? where.items : [where]
  const address = ip instanceof Tuple ? ip.items.map(text).join('.') : ip
  const list = Array.isArray(options) ? (options as readonly Term[]) : []
  const flags = list.map((item) => (item instanceof Atom ? { [item.name]: true } : plainOf(item)))
  return {
    ...(Object.assign({}, ...flags.filter(isObject)) as PlainObject),
    ...{ port: plainOf(port), module: plainOf(module) },
    ...(typeof address === 'string' && { ip: address }),
  }
}
