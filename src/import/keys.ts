/** Checks of SCRAM keys from a source: some exporters write keys that belong to no password. */
import {
  type Credentials,
  digestLength,
  type HashName,
  type ScramKeys,
  verifyPassword,
} from '../store/credentials.ts'
import type { SourceKeys } from './model.ts'

const SALT_BYTES = 1024
/** More would keep each client busy for minutes. */
const MOST_ITERATIONS = 10_000_000
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

const LENGTHS: Readonly<Record<SourceKeys['hash'], number>> = { ...digestLength, 'SHA-512': 64 }

export interface CheckedKeys {
  readonly keys: Partial<Credentials>
  /** Reasons for those that are left out. */
  readonly faults: readonly string[]
}

/** The keys that can be used; a plain password beside them must be theirs. */
export async function checkKeys(
  list: readonly SourceKeys[],
  password: string | undefined,
): Promise<CheckedKeys> {
  const keys: Partial<Credentials> = {}
  const faults: string[] = []
  for (const found of list) {
    const { hash, salt, iterations, storedKey, serverKey } = found
    const fault = faultOf(found)
    const usable: ScramKeys = { salt, iterations, storedKey, serverKey }
    if (fault !== undefined) faults.push(fault)
    else if (hash === 'SHA-512') faults.push('keys of SCRAM-SHA-512, which is not offered here')
    else if (password !== undefined && !(await verifyPassword(password, hash, usable)))
      faults.push(`the keys of SCRAM-${hash} are not those of the password beside them`)
    else keys[hash] = usable
  }
  return { keys, faults }
}

function faultOf({ hash, salt, iterations, storedKey, serverKey }: SourceKeys): string | undefined {
  const length = LENGTHS[hash]
  if (storedKey.length !== length || serverKey.length !== length)
    return `keys of SCRAM-${hash} with ${storedKey.length} and ${serverKey.length} bytes, not ${length}`
  if (salt.length === 0 || salt.length > SALT_BYTES) return `a salt of ${salt.length} bytes`
  if (!Number.isInteger(iterations) || iterations < 1 || iterations > MOST_ITERATIONS)
    return `${iterations} iterations`
  return undefined
}

/** Keys in base64, once as XEP-0227 wants it or twice as ejabberd's piefxis writes it. */
export function keysOfBase64(
  hash: SourceKeys['hash'],
  text: { salt: string; storedKey: string; serverKey: string; iterations: number },
): SourceKeys {
  const once = decode(text.storedKey)
  const twice = once.length !== LENGTHS[hash] && BASE64.test(once.toString('latin1'))
  const read = (value: string): Buffer => {
    const bytes = decode(value)
    return twice ? decode(bytes.toString('latin1')) : bytes
  }
  return {
    hash,
    iterations: text.iterations,
    salt: read(text.salt),
    storedKey: read(text.storedKey),
    serverKey: read(text.serverKey),
  }
}

const decode = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'base64')

/** "SCRAM-SHA-1", "sha256", "sha": undefined for what is none. */
export function hashNamed(text: string): SourceKeys['hash'] | undefined {
  const name = text
    .toUpperCase()
    .replace(/^SCRAM-/, '')
    .replace(/-PLUS$/, '')
    .replaceAll('-', '')
  if (name === 'SHA' || name === 'SHA1') return 'SHA-1'
  if (name === 'SHA256') return 'SHA-256'
  if (name === 'SHA512') return 'SHA-512'
  return undefined
}

export const hasKeys = (keys: Partial<Credentials>): boolean =>
  (['SHA-1', 'SHA-256'] satisfies HashName[]).some((hash) => keys[hash] !== undefined)
