/** The spellings of a configuration value: durations, sizes, addresses. Each becomes one plain type inside. */
import { isIP } from 'node:net'
import { z } from 'zod'
import { isNetwork } from '../net/address.ts'
import { Jid, prepareDomain } from '../xmpp/jid.ts'

export interface ListenAddress {
  readonly host: string
  readonly port: number
  /** This listener alone expects the PROXY protocol, or alone does not; absent: as its section says. */
  readonly proxy?: boolean
}

const UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
const SIZES = { B: 1, KB: 1024, MB: 1024 ** 2, GB: 1024 ** 3 } as const

/** "10m" → 600000. `undefined` where the text is no duration. */
export function parseDuration(text: string): number | undefined {
  if (text === 'infinity') return Infinity
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(text.trim())
  if (!match) return text.trim() === '0' ? 0 : undefined
  // The expression above admits these units only.
  return Math.round(Number(match[1]) * UNITS[match[2] as keyof typeof UNITS])
}

/** "256KB" → 262144. Units are powers of 1024, as every server's configuration counts them. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(B|KB|MB|GB)?$/i.exec(text.trim())
  if (!match) return undefined
  const unit = (match[2] ?? 'B').toUpperCase() as keyof typeof SIZES // one of the four above
  return Math.round(Number(match[1]) * SIZES[unit])
}

/** "0.0.0.0:5222", "[::1]:5222", "localhost:0". A bare port would hide the choice of interface, so it is refused. */
export function parseListen(text: string): ListenAddress | undefined {
  const match = /^(?:\[([^\]]+)\]|([^[\]:]+)):(\d{1,5})$/.exec(text.trim())
  if (!match) return undefined
  const port = Number(match[3])
  if (port > 65535) return undefined
  if (match[1] !== undefined) return isIP(match[1]) === 6 ? { host: match[1], port } : undefined
  return { host: match[2] ?? '', port }
}

function parsed<T>(what: string, parse: (text: string) => T | undefined) {
  return (text: string | number, ctx: z.RefinementCtx): T => {
    const value = parse(String(text))
    if (value !== undefined) return value
    ctx.addIssue({ code: 'custom', message: `${JSON.stringify(text)} is not ${what}` })
    return z.NEVER
  }
}

const DURATION = 'a duration such as "30s", "10m", "24h", "90d", "0s" or "infinity"'
const SIZE = 'a size such as 65536, "256KB" or "10MB"'

const durationText = z.union([z.string(), z.literal(0)], { error: `expected ${DURATION}` })
export const duration = (fallback: string) =>
  durationText.prefault(fallback).transform(parsed(DURATION, parseDuration))
/** One that has to be named. */
export const neededDuration = durationText.transform(parsed(DURATION, parseDuration))

export const size = (fallback: number | string) =>
  z
    .union([z.string(), z.number().int().nonnegative()], { error: `expected ${SIZE}` })
    .prefault(fallback)
    .transform(parsed(SIZE, parseSize))

export const count = (fallback: number) => z.number().int().nonnegative().default(fallback)

/** A number that cannot be switched off. */
export const between = (least: number, most: number, fallback: number) =>
  z.number().int().min(least).max(most).default(fallback)

/** In [limits], 0 or "0s" means no limit; inside, that is Infinity, so that `n > limit` needs no special case. */
export const unlimited = (value: number): number => (value === 0 ? Infinity : value)
export const countLimit = (fallback: number) => count(fallback).transform(unlimited)
export const sizeLimit = (fallback: number | string) => size(fallback).transform(unlimited)
export const durationLimit = (fallback: string) => duration(fallback).transform(unlimited)

const LISTEN = 'an address such as "0.0.0.0:5222" or "[::1]:5222"'
const parsedListen = parsed(LISTEN, parseListen)
const listenEntry = z
  .union([z.string(), z.strictObject({ address: z.string(), proxy_protocol: z.boolean().optional() })], {
    error: `expected ${LISTEN}, or { address = "…", proxy_protocol = true }`,
  })
  .transform((entry, ctx): ListenAddress => {
    if (typeof entry === 'string') return parsedListen(entry, ctx)
    const { address, proxy_protocol: proxy } = entry
    return { ...parsedListen(address, ctx), ...(proxy === undefined ? {} : { proxy }) }
  })

/** Addresses whose default is another key's affair. */
export const addresses = () => z.array(listenEntry)
export const listen = (fallback: string[]) => addresses().prefault(fallback)

export const network = z.string().refine(isNetwork, {
  error: (issue) =>
    `${JSON.stringify(issue.input)} is not an address or network such as "10.0.0.0/8", "::1" or "!192.0.2.0/24"`,
})

/** A domain in its prepared form (RFC 7622 §3.2), so that it equals the domain part of any address. */
export const host = z.string().transform(
  parsed('a host name such as "chat.example.org"', (name) => {
    try {
      return prepareDomain(name)
    } catch {
      return undefined
    }
  }),
)

/** An address in its prepared form, so that it equals what a stanza names. */
export const jid = z.string().transform(
  parsed('an address such as "push.example.org"', (text) => {
    return Jid.tryParse(text)?.toString()
  }),
)

export const httpUrl = z
  .string()
  .refine(
    (text) => {
      const url = URL.parse(text)
      return url !== null && (url.protocol === 'https:' || url.protocol === 'http:')
    },
    { error: (issue) => `${JSON.stringify(issue.input)} is not an http or https address`, abort: true },
  )
  .refine(
    // A password may have any character, and those that mean something in an address are written as %XX: % itself as well.
    (text) => isDecodable(new URL(text)),
    { error: 'in user:password@ each % is written as %25' },
  )

function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(username + password)
    return true
  } catch {
    return false
  }
}

/** A file named in the configuration: relative to it, or the name of a systemd credential. */
export const file = (example: string) =>
  z
    .string()
    .min(1)
    .meta({ sample: [example] })

/** A web origin as browsers write it (RFC 6454 §6.2): no path, no default port, lower case. */
export function plainOrigin(text: string): string | undefined {
  if (text === '*') return text
  const url = URL.parse(text)
  if (url === null || url.host === '' || !/^\/?$/.test(url.pathname + url.search + url.hash)) return undefined
  // The origin of a scheme that the URL standard does not know is "null"; apps of their own scheme have one all the same.
  return `${url.protocol}//${url.host}`
}

export const origin = z
  .string()
  .transform(parsed('an origin such as "https://chat.example.org"', plainOrigin))

/** "HH:MM" */
export const timeOfDay = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, { error: 'a time such as "22:30"' })
