/** DATA_DIR/tls/acme: the key of the account, the certificates with their keys, and what went wrong last. */
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { getLogger } from '../../log.ts'
import type { Kind } from './trouble.ts'

const log = getLogger('acme')

/** A failed order, kept over restarts: a server that starts again and again must not ask again and again. */
export interface Failure {
  readonly failures: number
  /** Milliseconds since the epoch, like `next`. */
  readonly at: number
  readonly error: string
  /** Not asked again before. */
  readonly next: number
  readonly kind: Kind
  /** Whether the authority itself wants to be left alone until then. */
  readonly asked: boolean
}

export class AcmeFiles {
  readonly #directory: string

  constructor(dataDir: string) {
    this.#directory = join(dataDir, 'tls', 'acme')
  }

  /** Certificate, chain and key of a host are one file, so that no crash leaves a pair that does not fit. */
  pairOf(host: string): string {
    return join(this.#directory, `${encodeURIComponent(host)}.pem`)
  }

  /** Undefined where there is none that can be used: then a new one is fetched. */
  certificate(host: string): X509Certificate | undefined {
    const file = this.pairOf(host)
    if (!existsSync(file)) return undefined
    try {
      const pem = readFileSync(file, 'utf8')
      const certificate = new X509Certificate(pem)
      if (certificate.checkPrivateKey(createPrivateKey(pem))) return certificate
      log.error('a fetched certificate does not fit its key and is not used', { file })
    } catch (error) {
      log.error('a fetched certificate cannot be read and is not used', { file, error })
    }
    return undefined
  }

  keep(host: string, chain: string, key: string): void {
    this.#replace(this.pairOf(host), `${chain.trim()}\n${key.trim()}\n`)
  }

  /** Made by the first order. */
  accountKey(): string {
    const file = join(this.#directory, 'account.key')
    if (existsSync(file)) {
      chmodSync(file, 0o600)
      return readFileSync(file, 'utf8')
    }
    const key = newKey()
    this.#replace(file, key)
    return key
  }

  failures(): Map<string, Failure> {
    const file = join(this.#directory, 'failures.json')
    if (!existsSync(file)) return new Map()
    try {
      const kept = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Failure>
      return new Map(Object.entries(kept).filter(([, { failures, next }]) => failures > 0 && next > 0))
    } catch (error) {
      log.warn('it is not known which orders failed before', { file, error })
      return new Map()
    }
  }

  keepFailures(failures: ReadonlyMap<string, Failure>): void {
    this.#replace(
      join(this.#directory, 'failures.json'),
      JSON.stringify(Object.fromEntries(failures), null, 2),
    )
  }

  #replace(file: string, content: string): void {
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 })
    const fresh = `${file}.new`
    rmSync(fresh, { force: true })
    writeFileSync(fresh, content, { mode: 0o600, flag: 'wx', flush: true })
    renameSync(fresh, file)
  }
}

/** PEM of a fresh P-256 key, which every client of today knows. */
export const newKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString()
