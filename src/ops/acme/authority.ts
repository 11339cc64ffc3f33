/** One order at an authority, from the account to the chain (RFC 8555 §7), by the library that knows the protocol. */
import { readFileSync } from 'node:fs'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import { OutsideError } from '../../log.ts'
import type { Clock } from '../../store/clock.ts'
import type { Challenges } from './challenges.ts'
import { newKey } from './kept.ts'
import { type Conversation, conversing, request } from './transport.ts'
import { failureOf } from './trouble.ts'

/** Milliseconds for a whole order: an authority looks from several places, and people wait. */
const WITHIN = 300_000
/** Between two looks at what the authority is working on, and how often. */
const POLL = { backoffMin: 500, backoffMax: 8_000, backoffAttempts: 20 } as const

export interface Issued {
  readonly chain: string
  readonly key: string
  readonly certificate: X509Certificate
}

export interface OrderParts {
  readonly acme: Config['acme']
  readonly names: readonly string[]
  readonly accountKey: string
  readonly challenges: Challenges
  readonly clock: Clock
  /** Ends the order. */
  readonly signal: AbortSignal
}

/** @throws OrderFailed */
export async function issue(parts: OrderParts): Promise<Issued> {
  const { acme, names, clock } = parts
  const late = new AbortController()
  const conversation: Conversation = {
    clock,
    ca: acme.ca_file === undefined ? undefined : readFileSync(acme.ca_file, 'utf8'),
    signal: AbortSignal.any([parts.signal, late.signal]),
  }
  const cancel = clock.after(WITHIN, () => late.abort())
  try {
    return await conversing(conversation, () => converse(parts, conversation.signal))
  } catch (error) {
    throw failureOf(error, conversation.problem, names)
  } finally {
    cancel()
  }
}

async function converse(parts: OrderParts, signal: AbortSignal): Promise<Issued> {
  const { acme, names, challenges } = parts
  const library = await import('acme-client')
  Object.assign(library.axios.defaults, { adapter: request })
  const client = new library.Client({
    directoryUrl: acme.directory,
    accountKey: parts.accountKey,
    ...POLL,
    ...eab(acme),
  })
  const key = newKey()
  const [, csr] = await library.crypto.createCsr({ altNames: [...names] }, key)
  const chain = await abortable(
    signal,
    client.auto({
      csr,
      ...(acme.email === undefined ? {} : { email: acme.email }),
      termsOfServiceAgreed: acme.agree === true,
      challengePriority: [acme.challenge],
      // The library would ask the names itself, which a machine behind a router cannot.
      skipChallengeVerification: true,
      async challengeCreateFn({ identifier }, { type, ...challenge }, answer) {
        if (type !== acme.challenge)
          throw new OutsideError(`the authority does not offer ${acme.challenge} for ${identifier.value}`)
        if (type === 'http-01') return challenges.answerHttp(tokenOf(challenge), answer)
        const authorization = { identifier } as Parameters<typeof library.crypto.createAlpnCertificate>[0]
        const [alpnKey, cert] = await library.crypto.createAlpnCertificate(authorization, answer)
        challenges.answerTls(identifier.value, { key: alpnKey.toString(), cert: cert.toString() })
      },
      challengeRemoveFn: () => Promise.resolve(),
    }),
  )
  return checked(chain, key, names)
}

const tokenOf = (challenge: object): string =>
  'token' in challenge && typeof challenge.token === 'string' ? challenge.token : ''

function eab({ eab_key_id: kid, eab_key_file: file }: Config['acme']) {
  if (kid === undefined || file === undefined) return {}
  return { externalAccountBinding: { kid, hmacKey: readFileSync(file, 'utf8').trim() } }
}

/** The library's own waits know no signal; what it still does afterwards fails at its next request. */
function abortable<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void =>
      reject(new OutsideError('the order was not over in time', { cause: signal.reason }))
    signal.addEventListener('abort', abort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** The answer is not taken for a certificate of ours before it is one. @throws OutsideError */
function checked(text: unknown, key: string, names: readonly string[]): Issued {
  const blocks =
    typeof text === 'string' ? text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) : null
  if (!blocks) throw new OutsideError('the authority sent no certificate')
  const chain = `${blocks.join('\n')}\n`
  const certificate = new X509Certificate(chain)
  const covered = (certificate.subjectAltName ?? '').toLowerCase().split(', ')
  const missing = names.filter((name) => !covered.includes(`dns:${name}`))
  if (missing.length > 0)
    throw new OutsideError(`the certificate that came does not name ${missing.join(', ')}`)
  if (!publicKeyFits(certificate, key)) throw new OutsideError('the certificate that came is for another key')
  return { chain, key, certificate }
}

const publicKeyFits = (certificate: X509Certificate, key: string): boolean =>
  certificate.checkPrivateKey(createPrivateKey(key))
