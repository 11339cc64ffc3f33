/** One way for every dialect into the device table: XEP-0357, the HTTP API and what comes later. */
import { createHash } from 'node:crypto'
import type { Config } from '../../config/config.ts'
import { ringsSomething } from '../../config/web-push.ts'
import type { Account } from '../../store/accounts.ts'
import type { Device, DeviceKind, DeviceOptions, Registration } from '../../store/devices.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { readJid } from '../../xmpp/stanza.ts'
import { lower } from '../schedule/read-state.ts'
import type { Session } from '../../routing/session.ts'
import type { Transit, Trip } from '../../routing/transit.ts'
import type { Wanted } from './dialects/wanted.ts'
import { subscriptionOf } from './subscription.ts'
import { kindOf, topicFor } from './kinds.ts'
import { claim, claimsOf, type Hint, keyOf, type Tied, tieOf } from './whose.ts'

/** The kind of a device that names none. */
export const DEFAULT_KIND: DeviceKind = 'apns'

export interface DeviceWish {
  /** Apple's where nothing is said. */
  readonly kind?: DeviceKind | undefined
  readonly token: string
  /** Name of the token's field where it came from, for the error's text. */
  readonly tokenField?: string | undefined
  /** PushKit's token: calls go there. */
  readonly voipToken?: string | undefined
  readonly topic?: string | undefined
  readonly environment?: string | undefined
  readonly node?: string | undefined
  readonly service?: string | undefined
  /** Owner: the session that asks, or what a request outside of any says of it. */
  readonly of: Session | Hint
  /** The app has several accounts, as far as its dialect tells. */
  readonly accounts?: 'many' | undefined
  /** Whether the token leaves every other account; without a word the app's configuration or dialect tells. */
  readonly exclusive?: boolean | undefined
  /** Language of the phone, beside the other options; undefined leaves it. */
  readonly locale?: string | undefined
  /** Options in place of those of the registration before; undefined leaves them. */
  readonly options?: DeviceOptions | undefined
}

/** Registers or refreshes. Throws `bad-request` naming the field that does not fit the configuration. */
export function registerDevice(t: Trip, account: Account, wish: DeviceWish): Device {
  const { kind = DEFAULT_KIND, voipToken } = wish
  const ofKind = kindOf(kind)
  const topic = topicFor(t.config, ofKind, wish.topic)
  const { readAddress, environments, most } = ofKind
  const address = readAddress(wish.token, wish.tokenField ?? 'token', t.config)
  const callAddress = voipToken === undefined ? undefined : readAddress(voipToken, 'voip_token')
  const apps = kind === DEFAULT_KIND ? t.config.push.apps.filter((app) => app.topic === topic) : []
  const environment = environments.length > 0 ? wish.environment : undefined
  // What the app pins must be there; what it leaves open starts as configured and is learned from Apple.
  if (environment && apps.length > 0 && !apps.some((app) => app.environment === environment)) {
    if (!canServe(t.config, topic))
      throw new StanzaError('bad-request', `environment: ${topic} is not in ${environment}.`)
  }
  const assumed = apps[0]?.environment ?? environments[0] ?? ''
  const { node, service } = wish
  const { devices } = t.store.push
  const before = devices.at({ kind, topic, address })
  const known = before.find(({ accountId }) => accountId === account.id)
  const tied = 'account' in wish.of ? tiedTo(wish.of) : tieOf(t, account, wish.of, known)
  const registration = {
    kind,
    topic,
    environment,
    assumed,
    address,
    node,
    service,
    sessionKey: tied.key,
    tie: tied.tie,
    same: tied.session && claimsOf(tied.session),
    callAddress,
    options: withKept(wish, known?.options),
    ...holding(t.config, { kind, topic, environment }, wish),
  }
  const device = devices.enable(account.id, registration, t.now, most(t.config.limits))
  if (tied.session) claim(t, tied.session, device)
  if (device.shared) countAnew(t, before)
  return device
}

/** New options, with what they do not replace: the phone's language, and the person's wishes. */
function withKept(
  { options, locale }: DeviceWish,
  before: DeviceOptions | undefined,
): DeviceOptions | undefined {
  const chosen = locale ?? before?.locale
  const wishes = before?.wishes
  if (chosen === undefined && wishes === undefined) return options
  return {
    ...(options ?? before),
    ...(chosen === undefined ? {} : { locale: chosen }),
    ...(wishes === undefined ? {} : { wishes }),
  }
}

/** Registers what an app asks for on its own stream. @throws StanzaError naming the field at fault */
export function registerWanted(
  t: Transit,
  { keys, deviceId, ...wanted }: Wanted & { readonly exclusive?: boolean | undefined },
  service: string,
  node: string | undefined,
): void {
  checkFilters(t.config, wanted.options)
  if (!t.origin) throw new StanzaError('not-allowed')
  const options = {
    ...wanted.options,
    ...(keys ? { web: subscriptionOf(t, t.account, wanted.token, keys) } : {}),
    ...(wanted.kind === 'fcm' && deviceId !== undefined
      ? { accountName: accountNameOf(t.account.jid, deviceId) }
      : {}),
  }
  registerDevice(t, t.account, { ...wanted, options, node, service, of: t.origin })
}

/** @throws StanzaError */
export function checkFilters({ limits }: Config, { muted, rooms, mentions }: DeviceOptions): void {
  const limit = limits.device_filters
  if ((muted?.length ?? 0) + (rooms?.length ?? 0) + (mentions?.length ?? 0) > limit)
    throw new StanzaError('policy-violation', `At most ${limit} muted contacts and rooms are kept.`)
}

/** COMPAT(Conversations and kin): the name under which the app looks for the account in what it gets. */
const accountNameOf = (jid: string, device: string): string =>
  createHash('sha1').update(`${jid}\0${device}`).digest('hex')

/** Whether the account has the token for itself, and who else loses it. */
function holding(
  { push }: Config,
  { kind, topic, environment }: { kind: DeviceKind; topic: string; environment: string | undefined },
  { accounts, exclusive }: DeviceWish,
): Pick<Registration, 'shared' | 'takes'> {
  const apps = push.apps.filter((one) => one.topic === topic)
  const apple = apps.find((one) => one.environment === environment) ?? apps[0]
  const google = push.fcm.find((one) => one.topic === topic)
  const app = kind === 'fcm' ? google : kind === DEFAULT_KIND ? apple : undefined
  if (exclusive === true || app?.accounts === 'one') return { shared: false, takes: 'all' }
  const shared = app?.accounts === 'many' || exclusive === false || accounts === 'many'
  return { shared, takes: !shared ? 'all' : app?.accounts === 'many' ? 'none' : 'unshared' }
}

/** Removes registrations of an account; `disabled`: its app asked for it. The number on a phone is that of the accounts that stay. */
export function unregister(
  t: Trip,
  account: Account,
  which: (device: Device) => boolean,
  reason: 'deleted' | 'disabled' = 'disabled',
): number {
  const { devices } = t.store.push
  const gone = devices.of(account.id).filter(which)
  for (const { id } of gone) devices.delete(id, reason)
  countAnew(t, gone)
  return gone.length
}

/** Other accounts on the phones of these devices: the number on their icon has changed. */
function countAnew(t: Trip, changed: readonly Device[]): void {
  for (const device of changed) {
    if (!device.shared) continue
    for (const { accountId } of t.store.push.devices.at(device)) {
      const account = t.store.accounts.byId(accountId)
      if (account) lower(t, account)
    }
  }
}

const tiedTo = (session: Session): Tied => ({ key: keyOf(session), tie: 'named', session })

/**
 * The built-in push service under one of its names: the host, push.<host> or an alias of an app.
 * @throws StanzaError remote-server-not-found for any other: the services of others come with federation.
 */
export function ownService(t: Trip, text: string, field = 'jid'): { jid: string; topic: string | undefined } {
  const jid = readJid(text).toString()
  const { apps, fcm } = t.config.push
  const app = [...apps, ...fcm].find(({ aliases }) => aliases.includes(jid))
  if (app) return { jid, topic: app.topic }
  for (const host of t.world.domains.hosts)
    if (jid === host || jid === `push.${host}`) return { jid, topic: undefined }
  throw new StanzaError('remote-server-not-found', `${field}: ${jid} is not a push service of this server.`)
}

/** Whether pushes go anywhere at all. */
export const pushIsOn = ({ push }: Config): boolean => ringsSomething(push)

/** A signing key works in both environments of its topic; a certificate may not, but Apple will say so. */
function canServe({ push }: Config, topic: string): boolean {
  return push.simulator || push.apps.some((app) => app.topic === topic && app.key_file !== undefined)
}

/** A token as an app writes it, to find its registration by. @throws StanzaError */
export const readToken = (text: string, field = 'token', kind = DEFAULT_KIND): string =>
  kindOf(kind).readAddress(text, field)
