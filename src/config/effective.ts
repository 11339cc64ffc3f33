/** The configuration in force, key by key, beside what holds where nothing is written. */
import { maskAddresses } from '../net/mask-address.ts'
import type { Config } from './config.ts'

export interface Setting {
  /** As a path of the file: `limits.auth_ban`. */
  readonly key: string
  readonly value: string
  readonly standard: string
  readonly isChanged: boolean
}

/** Of a file's name only where it lies is told, so no secret; a value under such a name never is. */
const SECRET = /(?:password|secret|token)$/i

export function effective(config: Config, standard: Config): Setting[] {
  const values = new Map(leaves(config))
  const others = new Map(leaves(standard))
  return [...new Set([...values.keys(), ...others.keys()])].toSorted().map((key) => {
    const [value = '', other = ''] = [values.get(key), others.get(key)]
    return { key, value, standard: other, isChanged: value !== other }
  })
}

const leaves = ({ source: _, ...config }: Config): [string, string][] => walk(config, '')

function walk(node: object, path: string): [string, string][] {
  return (Object.entries(node) as [string, unknown][]).flatMap(([key, value]): [string, string][] => {
    const here = path === '' ? key : `${path}.${key}`
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value)
    if (isTable && Object.keys(value).length > 0) return walk(value, here)
    return value === undefined ? [] : [[here, JSON.stringify(value, shown(key))]]
  })
}

/** JSON has no Infinity; addresses may carry credentials. */
const shown =
  (top: string) =>
  (key: string, value: unknown): unknown => {
    if (SECRET.test(key || top)) return '***'
    if (typeof value === 'string') return maskAddresses(value)
    return value === Infinity ? 'infinity' : value
  }
