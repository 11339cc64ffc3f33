/** Addresses (RFC 7622). A Jid exists only in its prepared form, so that equal addresses are equal strings. */
import { BoundedMap } from '../bounded-map.ts'
import { toASCII, toUnicode } from 'tr46'
import { checkClass, opaqueString, PrecisError, usernameCaseMapped } from './precis.ts'

/** The message is a sentence for the person who typed the address. */
export class JidError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JidError'
  }
}

/** RFC 7622 §3.1 counts octets of each part, after preparation. */
const LONGEST_PART = 1023
/** Preparation can shorten a string, but not from any length: this caps the work before it is done. */
const LONGEST_INPUT = 2 * LONGEST_PART

export class Jid {
  /** The text of the bare JID. */
  readonly bare: string
  private readonly text: string
  private bareJid: Jid | undefined

  private constructor(
    readonly local: string,
    readonly domain: string,
    readonly resource: string,
  ) {
    this.bare = local === '' ? domain : `${local}@${domain}`
    this.text = resource === '' ? this.bare : `${this.bare}/${resource}`
  }

  /** RFC 7622 §3.2: the resource begins at the first slash, the domain after the first at sign before it. */
  static parse(text: string): Jid {
    const known = recent.use(text)
    if (known) return known
    const slash = text.indexOf('/')
    const bare = slash === -1 ? text : text.slice(0, slash)
    const at = bare.indexOf('@')
    const jid = new Jid(
      at === -1 ? '' : prepareLocal(bare.slice(0, at)),
      prepareDomain(bare.slice(at + 1)),
      slash === -1 ? '' : prepareResource(text.slice(slash + 1)),
    )
    if (text.length <= LONGEST_REMEMBERED) recent.set(text, jid)
    return jid
  }

  /** Undefined for text that is no address. */
  static tryParse(text: string): Jid | undefined {
    return jidOr(
      () => Jid.parse(text),
      () => undefined,
    )
  }

  /** Prepares each part; an empty local part or resource means there is none. */
  static of(local: string, domain: string, resource = ''): Jid {
    return new Jid(
      local === '' ? '' : prepareLocal(local),
      prepareDomain(domain),
      resource === '' ? '' : prepareResource(resource),
    )
  }

  toString(): string {
    return this.text
  }

  toBare(): Jid {
    if (this.resource === '') return this
    return (this.bareJid ??= new Jid(this.local, this.domain, ''))
  }

  withResource(resource: string): Jid {
    return new Jid(this.local, this.domain, prepareResource(resource))
  }

  get isBare(): boolean {
    return this.resource === ''
  }

  get isFull(): boolean {
    return this.resource !== ''
  }
}

/** The value of `make`; where that meets text that is no address, the value of `instead`, which may throw what is apt there. */
export function jidOr<T, I>(make: () => T, instead: (error: JidError) => I): T | I {
  try {
    return make()
  } catch (error) {
    if (error instanceof JidError) return instead(error)
    throw error
  }
}

/** Addresses that were parsed lately; the least recently used is forgotten. */
const recent = new BoundedMap<string, Jid>(8192)
const LONGEST_REMEMBERED = 256

/** RFC 7622 §3.3 */
export function prepareLocal(text: string): string {
  const local = prepare('The part before "@"', text, usernameCaseMapped)
  // RFC 7622 §3.3.1: allowed in other usernames, not here.
  if (/["&'/:<>@]/.test(local)) throw new JidError(`The part before "@" contains one of " & ' / : < > @.`)
  return local
}

/** RFC 7622 §3.4 */
export function prepareResource(text: string): string {
  const resource = prepare('The resource', text, opaqueString)
  // RFC 7622 §3.5, example 18: also where another space has become this one.
  if (resource.startsWith(' ')) throw new JidError('The resource begins with a space.')
  return resource
}

const ASCII_DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/

/** RFC 7622 §3.2: a domain name of U-labels, or an IP address. */
export function prepareDomain(text: string): string {
  return prepare('The domain', text, (input) => {
    if (input.length > LONGEST_PART) throw new PrecisError('is not a valid domain name')
    if (input.startsWith('[')) return ipv6(input)
    const domain = input.replace(/[.\u3002\uFF0E\uFF61]$/, '').toLowerCase()
    if (!domain.includes('xn--') && domain.length <= 253 && ASCII_DOMAIN.test(domain)) return domain
    return internationalDomain(domain)
  })
}

function ipv6(text: string): string {
  const url = `http://${text}/`
  if (!/^\[[0-9a-fA-F:.]+\]$/.test(text) || !URL.canParse(url))
    throw new PrecisError('is not an IPv6 address')
  return new URL(url).hostname
}

/** UTS 46 maps what people type; RFC 5892's classes then refuse what IDNA2008 does not have, symbols first. */
function internationalDomain(text: string): string {
  const options = { checkBidi: true, checkJoiners: true, useSTD3ASCIIRules: true }
  const { domain, error } = toUnicode(text, options)
  if (error || toASCII(domain, { ...options, verifyDNSLength: true }) === null) {
    throw new PrecisError('is not a valid domain name')
  }
  for (const label of domain.split('.')) {
    if (label.startsWith('-') || label.endsWith('-'))
      throw new PrecisError('has a label with a hyphen at its edge')
    checkClass(label, 'identifier')
  }
  return domain
}

function prepare(what: string, text: string, rules: (text: string) => string): string {
  if (text === '') throw new JidError(`${what} is empty.`)
  if (text.length > LONGEST_INPUT) throw new JidError(`${what} is longer than ${LONGEST_PART} bytes.`)
  let result: string
  try {
    result = rules(text)
  } catch (error) {
    if (error instanceof PrecisError) throw new JidError(`${what} ${error.message}.`)
    throw error
  }
  if (result.length * 3 > LONGEST_PART && Buffer.byteLength(result) > LONGEST_PART) {
    throw new JidError(`${what} is longer than ${LONGEST_PART} bytes.`)
  }
  return result
}
