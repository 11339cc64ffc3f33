/** Credentials for Apple, read from the files that the configuration names, with one clear sentence per fault. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { getLogger } from '../../log.ts'
import type { LinkTls } from './link.ts'
import { certificateEnd } from './certificate-end.ts'
import { readSigningKey, type SigningKey } from './token.ts'

const log = getLogger('push')

export type Environment = 'production' | 'sandbox'

/** Of a device of Apple's kind. */
export const environmentOf = ({ environment }: { readonly environment: string }): Environment =>
  environment === 'sandbox' ? 'sandbox' : 'production'

export type Credential =
  | { readonly kind: 'key'; readonly signing: SigningKey }
  | {
      readonly kind: 'certificate'
      readonly tls: LinkTls
      readonly name: string
      /** ms since the epoch; undefined until it is known. */
      expires: number | undefined
      /** Settles, never rejecting, once `expires` is as known as it will be. */
      readonly read: Promise<void>
    }

export interface ApnsApp {
  readonly topic: string
  readonly environment: Environment
  readonly credential: Credential
  /** Instead of Apple's address. */
  readonly endpoint?: string | undefined
  /** PEM of a private certificate authority, for `endpoint`. */
  readonly ca?: string | undefined
}

/** The keys of one [[push.apps]] table. */
export interface AppFiles {
  readonly topic: string
  readonly environment: Environment
  readonly team_id?: string | undefined
  readonly key_id?: string | undefined
  readonly key_file?: string | undefined
  readonly cert_file?: string | undefined
  readonly cert_key_file?: string | undefined
  readonly p12_file?: string | undefined
  readonly p12_password_file?: string | undefined
  readonly endpoint?: string | undefined
  readonly ca_file?: string | undefined
}

/** Thrown with a sentence for the operator: which app, which file, what is wrong. */
export class CredentialError extends Error {}

export function loadApp(files: AppFiles): ApnsApp {
  const { topic, environment, endpoint } = files
  const ca = files.ca_file === undefined ? undefined : read(topic, files.ca_file)
  return { topic, environment, endpoint, ca, credential: credential(files) }
}

function credential(files: AppFiles): Credential {
  const { topic } = files
  if (files.key_file !== undefined && files.team_id !== undefined && files.key_id !== undefined) {
    const file = files.key_file
    const key = explain(topic, file, () => readSigningKey(read(topic, file)))
    return { kind: 'key', signing: { teamId: files.team_id, keyId: files.key_id, key } }
  }
  if (files.cert_file !== undefined && files.cert_key_file !== undefined) {
    const tls = { cert: read(topic, files.cert_file), key: read(topic, files.cert_key_file) }
    const expires = explain(topic, files.cert_file, () => {
      const certificate = new X509Certificate(tls.cert)
      createSecureContext(tls)
      return Date.parse(certificate.validTo)
    })
    return { kind: 'certificate', tls, name: files.cert_file, expires, read: Promise.resolve() }
  }
  if (files.p12_file !== undefined) {
    const file = files.p12_file
    const passwordFile = files.p12_password_file
    const passphrase = explain(topic, passwordFile ?? '', () => readPassphrase(passwordFile))
    const tls = { pfx: explain(topic, file, () => readFileSync(file)), passphrase }
    explain(topic, file, () => createSecureContext(tls))
    return packed(topic, tls, file)
  }
  throw new CredentialError(
    `push app ${topic}: no key (team_id, key_id, key_file) and no certificate is configured`,
  )
}

/** One newline at the end belongs to the editor; without a file there is no password. */
export const readPassphrase = (file: string | undefined): string =>
  file === undefined ? '' : readFileSync(file, 'utf8').replace(/\r?\n$/, '')

/** A certificate whose end is found out in a moment. */
function packed(topic: string, tls: { pfx: Buffer; passphrase: string }, name: string): Credential {
  const found = certificateEnd(tls.pfx, tls.passphrase)
  const credential = { kind: 'certificate' as const, tls, name, expires: undefined as number | undefined }
  const read = found.then(
    (end) => void (credential.expires = end),
    (error: unknown) =>
      log.warn('it is not known when the push certificate ends', { topic, file: name, error }),
  )
  return Object.assign(credential, { read })
}

/** Without the byte order mark with which editors of other systems begin a text. */
export const readPem = (file: string): string => readFileSync(file, 'utf8').replace(/^\ufeff/, '')

const read = (topic: string, file: string): string => explain(topic, file, () => readPem(file))

function explain<T>(topic: string, file: string, f: () => T): T {
  try {
    return f()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new CredentialError(`push app ${topic}: ${file} cannot be used: ${why}`, { cause })
  }
}
