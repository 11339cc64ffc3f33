/** Failures as values in the protocol's own words: thrown anywhere, turned to bytes in one place each. */
import { NS } from './namespaces.ts'
import { type Element, xml } from './xml.ts'

export type ErrorType = 'auth' | 'cancel' | 'continue' | 'modify' | 'wait'

/** The defined conditions of RFC 6120 §8.3.3 with the type each carries there. */
const STANZA_CONDITIONS = {
  'bad-request': 'modify',
  conflict: 'cancel',
  'feature-not-implemented': 'cancel',
  forbidden: 'auth',
  gone: 'cancel',
  'internal-server-error': 'cancel',
  'item-not-found': 'cancel',
  'jid-malformed': 'modify',
  'not-acceptable': 'modify',
  'not-allowed': 'cancel',
  'not-authorized': 'auth',
  'policy-violation': 'modify',
  'recipient-unavailable': 'wait',
  redirect: 'modify',
  'registration-required': 'auth',
  'remote-server-not-found': 'cancel',
  'remote-server-timeout': 'wait',
  'resource-constraint': 'wait',
  'service-unavailable': 'cancel',
  'subscription-required': 'auth',
  'undefined-condition': 'cancel',
  'unexpected-request': 'wait',
} as const satisfies Record<string, ErrorType>

export type StanzaCondition = keyof typeof STANZA_CONDITIONS

/** A stanza error (RFC 6120 §8.3). `text` is shown to the other side and never holds internals. */
export class StanzaError extends Error {
  readonly type: ErrorType
  constructor(
    readonly condition: StanzaCondition,
    readonly text?: string,
    options: { type?: ErrorType; app?: Element; uri?: string; cause?: unknown } = {},
  ) {
    super(text ? `${condition}: ${text}` : condition, { cause: options.cause })
    this.name = 'StanzaError'
    this.type = options.type ?? STANZA_CONDITIONS[condition]
    this.app = options.app
    this.uri = options.uri
  }
  /** Address to go to instead, of `gone` and `redirect` (RFC 6120 §8.3.3.5, §8.3.3.14). */
  readonly uri: string | undefined
  /** An application-specific condition element (RFC 6120 §8.3.4). */
  readonly app: Element | undefined

  toElement(): Element {
    return xml(
      'error',
      { type: this.type },
      xml(this.condition, { xmlns: NS.stanzaErrors }, this.uri),
      this.text ? xml('text', { xmlns: NS.stanzaErrors, 'xml:lang': 'en' }, this.text) : undefined,
      this.app,
    )
  }
}

/** More is under way than the server does at once: it passes by itself, unlike a full store. */
export class BusyError extends StanzaError {
  constructor(text: string) {
    super('resource-constraint', text)
    this.name = 'BusyError'
  }
}

/** RFC 6120 §4.9.3 */
export type StreamCondition =
  | 'bad-format'
  | 'bad-namespace-prefix'
  | 'conflict'
  | 'connection-timeout'
  | 'host-gone'
  | 'host-unknown'
  | 'improper-addressing'
  | 'internal-server-error'
  | 'invalid-from'
  | 'invalid-namespace'
  | 'invalid-xml'
  | 'not-authorized'
  | 'not-well-formed'
  | 'policy-violation'
  | 'remote-connection-failed'
  | 'reset'
  | 'resource-constraint'
  | 'restricted-xml'
  | 'see-other-host'
  | 'system-shutdown'
  | 'undefined-condition'
  | 'unsupported-encoding'
  | 'unsupported-feature'
  | 'unsupported-stanza-type'
  | 'unsupported-version'

/** A stream error (RFC 6120 §4.9): it always ends the stream. */
export class StreamError extends Error {
  constructor(
    readonly condition: StreamCondition,
    readonly text?: string,
    readonly app?: Element,
  ) {
    super(text ? `${condition}: ${text}` : condition)
    this.name = 'StreamError'
  }

  toElement(): Element {
    return xml(
      'stream:error',
      {},
      xml(this.condition, { xmlns: NS.streamErrors }),
      this.text ? xml('text', { xmlns: NS.streamErrors, 'xml:lang': 'en' }, this.text) : undefined,
      this.app,
    )
  }
}

/** A failed SASL exchange (RFC 6120 §6.5). The stream lives on, within the limit of tries. */
export class SaslError extends Error {
  constructor(
    readonly condition:
      | 'aborted'
      | 'account-disabled'
      | 'credentials-expired'
      | 'encryption-required'
      | 'incorrect-encoding'
      | 'invalid-authzid'
      | 'invalid-mechanism'
      | 'malformed-request'
      | 'mechanism-too-weak'
      | 'not-authorized'
      | 'temporary-auth-failure',
    readonly text?: string,
  ) {
    super(condition)
    this.name = 'SaslError'
  }
}
