/**
 * SCRAM keys (RFC 5802 §3, RFC 7677): derived off the loop by a small bounded pool, compared in constant time.
 * Both hashes are always derived, since XMPPFramework knows only SHA-1 and newer clients want SHA-256.
 */
import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { BusyError, StanzaError } from '../xmpp/errors.ts'

export type HashName = 'SHA-1' | 'SHA-256'

export type ScramKeys = {
  salt: Buffer
  iterations: number
  storedKey: Buffer
  serverKey: Buffer
}

export type Credentials = Record<HashName, ScramKeys>

export const digestName = { 'SHA-1': 'sha1', 'SHA-256': 'sha256' } as const
export const digestLength = { 'SHA-1': 20, 'SHA-256': 32 } as const

/** A password may have at most this many bytes, so that nobody makes us prepare a novel. */
const PASSWORD_BYTES = 1024
/**
 * Derivations at once and waiting; more is refused, since an auth flood must not grow a queue without end. One thread of
 * the runtime's pool, which has two at the least, is left to the disk (wal-sync.ts): no message waits for a password.
 */
const AT_ONCE = Math.max(1, availableParallelism() - 1)
const WAITING = 256

/** Of so many that come to their turn one is a suspect while others wait too: one wrong password shuts nobody out. */
const SUSPECTS_TURN = 8

interface Waiting {
  start(): void
  refuse(error: Error): void
}

let running = 0
let started = 0
/** `suspects` came from where passwords were wrong lately. */
const queues: Record<'good' | 'suspects', Waiting[]> = { good: [], suspects: [] }

/**
 * RFC 5802 §2.2: SASLprep; rejects with `not-acceptable` for an empty, oversized or forbidden password. Its tables are
 * large, and a start needs no password: they come with the first.
 */
export function preparePassword(password: string): Promise<string> {
  if (Buffer.byteLength(password) > PASSWORD_BYTES)
    return Promise.reject(new StanzaError('not-acceptable', 'The password is too long.'))
  return import('@mongodb-js/saslprep').then(({ saslprep }) => {
    let prepared: string
    try {
      prepared = saslprep(password)
    } catch (cause) {
      throw new StanzaError('not-acceptable', 'The password holds characters that are not allowed.', {
        cause,
      })
    }
    if (prepared === '') throw new StanzaError('not-acceptable', 'The password is empty.')
    return prepared
  })
}

/** Derives both key pairs from a password. About 2.4 ms of another thread's CPU at 10,000 iterations. */
export function deriveCredentials(
  password: string,
  iterations: number,
  salt: () => Buffer,
): Promise<Credentials> {
  return preparePassword(password)
    .then((prepared) =>
      Promise.all([
        deriveKeys('SHA-1', prepared, salt(), iterations),
        deriveKeys('SHA-256', prepared, salt(), iterations),
      ]),
    )
    .then(([sha1, sha256]) => ({ 'SHA-1': sha1, 'SHA-256': sha256 }))
}

/**
 * Whether `password` gives these keys. Costs the same for keys that belong to nobody. Suspects wait behind everybody else,
 * so that guessers keep out each other.
 */
export function verifyPassword(
  password: string,
  hash: HashName,
  keys: ScramKeys,
  isSuspect = false,
): Promise<boolean> {
  return preparePassword(password)
    .then((prepared) => deriveKeys(hash, prepared, keys.salt, keys.iterations, isSuspect))
    .then((derived) => timingSafeEqual(derived.storedKey, keys.storedKey))
    .catch((error: unknown) => {
      if (error instanceof StanzaError && error.condition === 'not-acceptable') return false
      throw error
    })
}

/** The keys that an unknown user seems to have: the same at every try, like those of a real one (RFC 5802 §9). */
export function keysOfNobody(jid: string, hash: HashName, iterations: number, secret: Buffer): ScramKeys {
  const part = (label: string) => createHmac('sha256', secret).update(`${label}\0${hash}\0${jid}`).digest()
  const length = digestLength[hash]
  return {
    salt: part('salt').subarray(0, 16),
    iterations,
    storedKey: part('stored').subarray(0, length),
    serverKey: part('server').subarray(0, length),
  }
}

function deriveKeys(
  hash: HashName,
  prepared: string,
  salt: Buffer,
  iterations: number,
  isSuspect = false,
): Promise<ScramKeys> {
  const digest = digestName[hash]
  return inPool<Buffer>(
    (done) => pbkdf2(prepared, salt, iterations, digestLength[hash], digest, done),
    isSuspect ? 'suspects' : 'good',
  ).then((salted) => {
    const clientKey = createHmac(digest, salted).update('Client Key').digest()
    return {
      salt,
      iterations,
      storedKey: createHash(digest).update(clientKey).digest(),
      serverKey: createHmac(digest, salted).update('Server Key').digest(),
    }
  })
}

function inPool<T>(
  work: (done: (error: Error | null, value: T) => void) => void,
  from: keyof typeof queues,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const finish = (error: Error | null, value?: T) => {
      running--
      next()?.start()
      if (error) reject(error)
      // Without an error there is a value: the contract of every Node callback.
      else resolve(value as T)
    }
    const start = () => {
      running++
      try {
        work(finish)
      } catch (error) {
        // Bad parameters are thrown at once; the place in the pool must not be lost with them.
        finish(error instanceof Error ? error : new Error(String(error)))
      }
    }
    if (running < AT_ONCE) return start()
    const { good, suspects } = queues
    if (good.length + suspects.length >= WAITING) {
      const busy = new BusyError('Too many password checks at once.')
      const last = from === 'good' ? suspects.pop() : undefined
      if (!last) return reject(busy)
      last.refuse(busy)
    }
    queues[from].push({ start, refuse: reject })
  })
}

function next(): Waiting | undefined {
  const { good, suspects } = queues
  if (++started % SUSPECTS_TURN === 0) return suspects.shift() ?? good.shift()
  return good.shift() ?? suspects.shift()
}
