/**
 * Endpoints are what users say: an address on the Internet that this server shall write to. Here is what one may look
 * like; which addresses its name may have is checked at each connection (reach.ts).
 */
export interface Endpoint {
  readonly href: string
  /** "https://push.example:8443": what a token is for, and what shares connections. */
  readonly origin: string
  /** Without the brackets of an address. */
  readonly host: string
}

/** Browsers' are some hundred characters; UnifiedPush allows 1,000. */
const LONGEST = 2048

export interface EndpointRules {
  /** [push.webpush] allow_private: http and addresses of private networks too. */
  readonly allowPrivate: boolean
  /** [push.webpush] hosts: no others; none: any. */
  readonly hosts: readonly string[]
}

/** The endpoint, or why it is none: a sentence. */
export function readEndpoint(text: string, { allowPrivate, hosts }: EndpointRules): Endpoint | string {
  if (text.length > LONGEST) return `at most ${LONGEST} characters.`
  // The parser would take blanks, tabs and line ends out of it.
  if (!/^[\x21-\x7e]+$/.test(text)) return 'an address without blanks and in ASCII is needed.'
  const url = URL.parse(text)
  if (!url || (url.protocol !== 'https:' && !(allowPrivate && url.protocol === 'http:')))
    return 'an https address is needed.'
  if (url.username !== '' || url.password !== '') return 'it holds a user name.'
  if (text.includes('#')) return 'it has a fragment.'
  if (/^api(\.sandbox|\.development)?\.push\.apple\.com$/.test(url.hostname))
    return 'this is Apple’s service for apps: register the device token.'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (hosts.length > 0 && !isOneOf(host, hosts))
    return `${host} is not among the push services of this server.`
  return { href: url.href, origin: url.origin, host }
}

/** "push.example" is itself, "*.push.example" whatever is below it. */
export const isOneOf = (host: string, names: readonly string[]): boolean =>
  names.some((name) => (name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name))

interface Browser {
  readonly hosts: readonly string[]
  /** Bytes of text in one push. */
  readonly most: number
}

/** Services of browsers, which take away the permission of a site whose pushes show nothing. */
const BROWSERS: readonly Browser[] = [
  { hosts: ['*.push.apple.com'], most: 3993 },
  { hosts: ['fcm.googleapis.com', 'android.googleapis.com', 'jmt17.google.com'], most: 3993 },
  // To phones it goes through another service, which takes less.
  { hosts: ['push.services.mozilla.com', '*.push.services.mozilla.com'], most: 2800 },
  { hosts: ['*.notify.windows.com'], most: 3993 },
]

const browserOf = (host: string): Browser | undefined => BROWSERS.find(({ hosts }) => isOneOf(host, hosts))

export const isBrowsers = (host: string): boolean => browserOf(host) !== undefined
/** Bytes of text that the service of an endpoint takes. */
export const mostBytes = (host: string): number => browserOf(host)?.most ?? 3993
