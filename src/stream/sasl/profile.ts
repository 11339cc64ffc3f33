/** The two ways in which a stream speaks SASL: RFC 6120 §6, and XEP-0388 with what a client asks for along with it. */
import type { UserAgent } from '../../store/clients.ts'
import { SaslError } from '../../xmpp/errors.ts'
import { NS } from '../../xmpp/namespaces.ts'
import { child, childText, type Element, xml } from '../../xmpp/xml.ts'

export type Profile = 'sasl' | 'sasl2'

/** Wishes of a client for its login (XEP-0388 §2.2). */
export interface Authenticate {
  readonly agent: UserAgent | undefined
  /** The whole request, for the inline requests of features. */
  readonly el: Element
  /** XEP-0484 §3.4: it logs in with a token. */
  readonly fast: { readonly invalidate: boolean } | undefined
  /** XEP-0484 §3.2: the mechanism for which it would like one. */
  readonly wantsToken: string | undefined
}

export type SaslCommand =
  | {
      readonly kind: 'begin'
      readonly mechanism: string
      /** Base64; undefined where there is none (RFC 6120 §6.4.2). */
      readonly initial: string | undefined
      readonly request: Authenticate | undefined
    }
  | { readonly kind: 'next'; readonly data: string }
  | { readonly kind: 'abort' }

/** XEP-0388 §2.2: a UUID of version 4; others are taken as well, as long as they look like an id. */
const AGENT_ID = /^[A-Za-z0-9._:-]{1,64}$/
const TEXT_LENGTH = 128

/** Throws SaslError for what is no command of its profile. */
export function readCommand(el: Element, profile: Profile): SaslCommand {
  if (el.name === 'abort') return { kind: 'abort' }
  if (el.name === 'response') return { kind: 'next', data: filled(el.getText()) }
  if (profile === 'sasl' && el.name === 'auth') {
    const text = el.getText().trim()
    const initial = text === '' ? undefined : text
    return { kind: 'begin', mechanism: el.attrs.mechanism ?? '', initial, request: undefined }
  }
  if (profile === 'sasl2' && el.name === 'authenticate') {
    const initial = child(el, 'initial-response')
    return {
      kind: 'begin',
      mechanism: el.attrs.mechanism ?? '',
      initial: initial && filled(initial.getText()),
      request: readRequest(el),
    }
  }
  throw new SaslError('malformed-request')
}

function readRequest(el: Element): Authenticate {
  const fast = child(el, 'fast', NS.fast)
  return {
    agent: readAgent(child(el, 'user-agent')),
    el,
    fast: fast && { invalidate: fast.attrs.invalidate === 'true' || fast.attrs.invalidate === '1' },
    wantsToken: child(el, 'request-token', NS.fast)?.attrs.mechanism,
  }
}

function readAgent(el: Element | undefined): UserAgent | undefined {
  const { id } = el?.attrs ?? {}
  if (!el || id === undefined || !AGENT_ID.test(id)) return undefined
  const text = (name: string) => childText(el, name)?.trim().slice(0, TEXT_LENGTH) || undefined
  return { id, software: text('software'), device: text('device') }
}

/** RFC 6120 §6.4.2 writes an empty message as "=", XEP-0388 §2.1.2 as an empty element. */
function filled(text: string): string {
  const trimmed = text.trim()
  return trimmed === '' ? '=' : trimmed
}

const xmlnsOf = (profile: Profile): string => (profile === 'sasl' ? NS.sasl : NS.sasl2)

export function challenge(profile: Profile, data: string): Element {
  return xml('challenge', { xmlns: xmlnsOf(profile) }, data === '' ? undefined : data)
}

/** RFC 6120 §6.4.5, XEP-0388 §2.6.2: the condition is RFC 6120's in both, the text of the profile's own namespace. */
export function failure(profile: Profile, { condition, text }: SaslError): Element {
  return xml(
    'failure',
    { xmlns: xmlnsOf(profile) },
    xml(condition, { xmlns: profile === 'sasl' ? undefined : NS.sasl }),
    text ? xml('text', { 'xml:lang': 'en' }, text) : undefined,
  )
}

/** XEP-0388 §2.6.1; `jid` is full once a resource is bound. */
export function success2(jid: string, data: string | undefined, results: readonly Element[]): Element {
  return xml(
    'success',
    { xmlns: NS.sasl2 },
    data === undefined ? undefined : xml('additional-data', {}, data),
    xml('authorization-identifier', {}, jid),
    ...results,
  )
}
