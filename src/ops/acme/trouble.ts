/** Orders that failed: of which kind, in a sentence that says what to mend. */
import { OutsideError } from '../../log.ts'
import type { Problem } from './transport.ts'

/** Closed set, since it is the label of a metric. */
export type Kind = 'rate-limited' | 'refused' | 'unreachable' | 'failed'

export class OrderFailed extends Error {
  override readonly name = 'OrderFailed'

  constructor(
    message: string,
    readonly kind: Kind,
    /** Milliseconds that the authority wants to be left alone. */
    readonly retryAfter: number | undefined,
  ) {
    super(message)
  }
}

/** Of types of RFC 8555 §6.7; what is not here speaks for itself. */
const REMEDIES: Readonly<Record<string, string>> = {
  rateLimited: 'it was asked too often; nothing to be done but to wait',
  dns: 'give each name an A or AAAA record that leads to this server, or leave names out: [acme] services, names',
  connection:
    'each name needs an A or AAAA record that leads here, and the port of the challenge (80 for http-01, 443 for tls-alpn-01) must reach this server from the internet',
  unauthorized:
    'another server answers there: do the address records, AAAA too, lead here, and does a proxy pass it on?',
  incorrectResponse:
    'another server answers there: do the address records, AAAA too, lead here, and does a proxy pass it on?',
  tls: 'what answers on port 443 does not know the challenge: is it this server?',
  caa: 'the CAA record of the domain names another authority: add this one',
  rejectedIdentifier: 'it gives no certificate for such a name: leave it out',
  externalAccountRequired: 'it wants to know whose account this is: [acme] eab_key_id and eab_key_file',
  invalidContact: 'it does not take that address: [acme] email',
  unsupportedContact: 'it does not take that address: [acme] email',
  accountDoesNotExist: 'it has forgotten the account; the next order makes it anew',
}
/** Problems of a name, told by whoever looked at it. */
const OF_NAMES = new Set([
  'dns',
  'connection',
  'unauthorized',
  'incorrectResponse',
  'tls',
  'caa',
  'rejectedIdentifier',
])

/** The failure as the operator hears of it; `told`: by whose words the name is known. */
export function failureOf(
  error: unknown,
  problem: Problem | undefined,
  names: readonly string[],
): OrderFailed {
  if (error instanceof OrderFailed) return error
  if (error instanceof OutsideError && error.cause !== undefined)
    return new OrderFailed(error.message, 'unreachable', problem?.retryAfter)
  if (problem) return refused(problem, names)
  const message = error instanceof Error ? error.message : String(error)
  return new OrderFailed(`no certificate for ${names.join(', ')}: ${message}`, 'failed', undefined)
}

function refused({ url, status, type, detail, retryAfter }: Problem, names: readonly string[]): OrderFailed {
  const host = new URL(url).host
  const what = [detail === '' ? `HTTP ${status}` : detail, type === '' ? '' : `(${type})`].join(' ').trim()
  const remedy = REMEDIES[type]
  const text = `${host} gives no certificate for ${names.join(', ')}: ${what}${remedy === undefined ? '' : `. Remedy: ${remedy}`}`
  if (type === 'rateLimited' || status === 429) return new OrderFailed(text, 'rate-limited', retryAfter)
  return new OrderFailed(text, OF_NAMES.has(type) ? 'refused' : 'failed', retryAfter)
}
