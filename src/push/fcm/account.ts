/** A service account of Google's: the file that its console gives out, and whom it may be shown to. */
import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CredentialError } from '../apns/credentials.ts'

export interface ServiceAccount {
  readonly email: string
  readonly projectId: string
  readonly keyId: string
  readonly key: KeyObject
  readonly tokenUrl: string
}

/** Hosts that give out access tokens: what a file says of others is not believed, since the assertion is worth as much. */
const GOOGLE = new Set(['oauth2.googleapis.com', 'accounts.google.com', 'www.googleapis.com'])

/** `tokenUrl`: the operator's own word. @throws CredentialError with a sentence for the operator */
export function loadAccount(topic: string, name: string, tokenUrl?: string): ServiceAccount {
  const fail = (why: string, cause?: unknown): never => {
    throw new CredentialError(`push fcm ${topic}: ${name} ${why}`, { cause })
  }
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(name, 'utf8'))
  } catch (error) {
    return fail(error instanceof SyntaxError ? 'is no JSON' : 'cannot be read', error)
  }
  const fields: Record<string, unknown> = typeof parsed === 'object' && parsed !== null ? { ...parsed } : {}
  if (fields.type !== 'service_account')
    return fail('is no key of a service account (Google’s console: Service accounts, Keys, JSON)')
  const text = (field: string): string => {
    const value = fields[field]
    return typeof value === 'string' && value !== '' ? value : fail(`has no ${field}`)
  }
  const url = tokenUrl ?? text('token_uri')
  if (tokenUrl === undefined && (!url.startsWith('https://') || !GOOGLE.has(new URL(url).hostname)))
    return fail(`has a token_uri that is not Google’s (${url}): set token_url if that is meant`)
  const projectId = text('project_id')
  if (!/^[a-z0-9:.-]{4,100}$/.test(projectId)) return fail('has a project_id that is none')
  let key: KeyObject
  try {
    key = createPrivateKey(text('private_key'))
  } catch (error) {
    return fail('has a private_key that is no PEM key', error)
  }
  if (key.asymmetricKeyType !== 'rsa') return fail('has a private_key that is no RSA key')
  return { email: text('client_email'), projectId, keyId: text('private_key_id'), key, tokenUrl: url }
}
