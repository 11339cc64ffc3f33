/** Providers of every phone but Apple's, made of the configuration. */
import { readFileSync } from 'node:fs'
import type { Config } from '../config/config.ts'
import { BoundedMap } from '../bounded-map.ts'
import type { Clock, Random } from '../store/clock.ts'
import type { VapidKey } from '../store/vapid-keys.ts'
import { CredentialError } from './apns/credentials.ts'
import type { TransportTimes } from './apns/transport.ts'
import { loadAccount } from './fcm/account.ts'
import { FcmProvider } from './fcm/provider.ts'
import { WebPushProvider } from './webpush/provider.ts'

export interface OtherParts {
  readonly webpush?: Config['push']['webpush'] | undefined
  readonly fcm?: Config['push']['fcm'] | undefined
  /** A key of this server by its public half (store/vapid-keys.ts). */
  readonly vapid?: (publicKey: string) => VapidKey | undefined
  readonly ringMs?: number | undefined
  readonly proxy?: string | undefined
  readonly clock: Clock
  readonly random: Random
  readonly times?: Partial<TransportTimes> | undefined
  readonly log: (event: string, fields: Record<string, unknown>) => void
}

/** Keys that are remembered: each push asks for one. */
const KEYS = 100

/** Undefined: [push.webpush] names nobody to write to. */
export function webPushOf(parts: OtherParts): WebPushProvider | undefined {
  const { webpush, ringMs, clock, random, times, log, vapid = () => undefined } = parts
  if (webpush?.contact === undefined) return undefined
  const known = new BoundedMap<string, VapidKey>(KEYS)
  return new WebPushProvider({
    contact: webpush.contact,
    allowPrivate: webpush.allow_private,
    hosts: webpush.hosts,
    style: { body: webpush.body, open: webpush.open },
    vapid(publicKey) {
      const key = known.get(publicKey) ?? vapid(publicKey)
      if (key) known.set(publicKey, key)
      return key
    },
    ca: pemOf('push webpush', webpush.ca_file),
    ringMs,
    clock,
    random,
    times,
    log,
  })
}

/** @throws CredentialError with a sentence for the operator */
export function fcmOf({
  fcm = [],
  ringMs,
  proxy,
  clock,
  random,
  times,
  log,
}: OtherParts): FcmProvider | undefined {
  if (fcm.length === 0) return undefined
  const apps = fcm.map(({ service_account_file: file, token_url: tokenUrl, ca_file: ca, ...app }) => ({
    ...app,
    account: loadAccount(app.topic, file, tokenUrl),
    ca: pemOf(`push fcm ${app.topic}`, ca),
  }))
  return new FcmProvider({ apps, proxy, ringMs, clock, random, times, log })
}

function pemOf(what: string, name: string | undefined): string | undefined {
  if (name === undefined) return undefined
  try {
    return readFileSync(name, 'utf8')
  } catch (cause) {
    throw new CredentialError(`${what}: ${name} cannot be read`, { cause })
  }
}
