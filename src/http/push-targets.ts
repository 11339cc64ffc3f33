/** Targets of a back end's push: devices of an account, devices by id, or tokens of a kind. */
import type { Config } from '../config/config.ts'
import { Refusal } from '../push/direct/compose.ts'
import { hasNames, type TokenKind, TYPES } from '../push/direct/types.ts'
import { kindOf, topicFor } from '../push/registration/kinds.ts'
import { DEFAULT_KIND, readToken } from '../push/registration/register.ts'
import type { Account } from '../store/accounts.ts'
import type { Device } from '../store/devices.ts'
import type { DeviceToken } from '../store/device-tokens.ts'
import type { PushType } from '../store/push.ts'
import type { ReadStore } from '../store/tx.ts'
import { StanzaError } from '../xmpp/errors.ts'

export type Target =
  | { readonly jid: string; readonly topic?: string | undefined }
  | { readonly devices: readonly string[] }
  | { readonly kind: TokenKind; readonly tokens: readonly string[]; readonly topic?: string | undefined }

/** Kind and name of the token that a push needs. */
export interface Need {
  readonly type: PushType
  readonly kind: TokenKind
  readonly name: string | undefined
}

/** A token that the push goes to. */
export interface Goal {
  readonly account: Account
  readonly device: Device
  /** Undefined: the device's own, or PushKit's. */
  readonly token?: DeviceToken
}

/** A target that is not there, or takes no such push. */
export interface Miss {
  readonly asked: string
  readonly code: 'no-such-user' | 'no-such-device' | 'no-such-token' | 'no-token' | 'wrong-token'
  readonly why: string
}

export interface Aim {
  readonly goals: readonly Goal[]
  readonly misses: readonly Miss[]
}

type Found = Partial<Aim>

/** @throws Refusal where nothing could ever fit */
export function aimAt(store: ReadStore, config: Config, to: Target, need: Need): Aim {
  if ('kind' in to && to.kind !== need.kind)
    throw new Refusal(
      'wrong-token',
      `A push of type ${need.type} goes to a token of kind ${need.kind}, not ${to.kind}.`,
    )
  // To which of several activities it goes must be said; controls and attributes types are reloaded and known by their kind.
  if (need.kind === 'liveactivity' && need.name === undefined && !('kind' in to))
    throw new Refusal('invalid', 'name: which activity?')
  if (need.name !== undefined && !hasNames(need.kind))
    throw new Refusal('invalid', `name: ${need.type} has none.`)
  const found =
    'jid' in to
      ? [ofAccount(store, to, need)]
      : 'devices' in to
        ? [...new Set(to.devices)].map((id) => ofDevice(store, id, need))
        : [...new Set(to.tokens)].map((token) => ofToken(store, config, { token, topic: to.topic }, need))
  return {
    goals: found.flatMap(({ goals = [] }) => goals),
    misses: found.flatMap(({ misses = [] }) => misses),
  }
}

const miss = (asked: string, code: Miss['code'], why: string): Found => ({ misses: [{ asked, code, why }] })

function ofAccount(
  store: ReadStore,
  { jid, topic }: { readonly jid: string; readonly topic?: string | undefined },
  need: Need,
): Found {
  const account = store.accounts.find(jid)
  if (!account) return miss(jid, 'no-such-user', `There is no account ${jid}.`)
  const devices = store.push.devices
    .of(account.id)
    .filter((one) => topic === undefined || one.topic === topic)
  const goals = devices.flatMap((device) => ofOne(store, account, device, need))
  return goals.length > 0
    ? { goals }
    : miss(jid, 'no-token', `No device of ${jid} has a token ${wordsOf(need)}.`)
}

function ofDevice(store: ReadStore, id: string, need: Need): Found {
  const device = /^\d{1,15}$/.test(id) ? store.push.devices.get(Number(id)) : undefined
  const account = device && store.accounts.byId(device.accountId)
  if (!device || !account) return miss(id, 'no-such-device', `There is no device ${id}.`)
  const goals = ofOne(store, account, device, need)
  return goals.length > 0
    ? { goals }
    : miss(id, 'no-token', `Device ${id} (${device.kind}) has no token ${wordsOf(need)}.`)
}

/** Tokens of one device that the push fits. What others than Apple take is an alert, or a word to the app. */
function ofOne({ push }: ReadStore, account: Account, device: Device, need: Need): Goal[] {
  if (need.kind === 'device')
    return device.kind === DEFAULT_KIND || isForAll(device, need.type) ? [{ account, device }] : []
  if (device.kind !== DEFAULT_KIND) return []
  if (need.kind === 'voip') return device.callAddress === null ? [] : [{ account, device }]
  return push.deviceTokens
    .of(device.id)
    .filter(({ kind, name }) => kind === need.kind && (need.name === undefined || name === need.name))
    .map((token) => ({ account, device, token }))
}

/** An app that reads stanzas alone (urn:xmpp:push2:0) can do nothing with what is none. */
const isForAll = ({ options }: Device, type: PushType): boolean =>
  type === 'alert' || options.web?.format !== 'sce'

function ofToken(
  store: ReadStore,
  config: Config,
  { token: given, topic }: { readonly token: string; readonly topic: string | undefined },
  need: Need,
): Found {
  const asked = `…${given.slice(-6)}`
  const token = tokenOf(given)
  if (token === undefined) return miss(asked, 'no-such-token', 'It is no token of Apple’s.')
  const all = registrations(store, config, token, topic)
  const fitting = all.find(({ kind }) => kind === need.kind)
  if (!fitting) {
    const [other] = all
    if (!other) return miss(asked, 'no-such-token', 'No device has registered this token.')
    const why = `It is registered as a token of kind ${other.kind}; ${need.type} goes to one of kind ${need.kind}.`
    return miss(asked, 'wrong-token', why)
  }
  if (need.name !== undefined && fitting.token?.name !== need.name)
    return miss(asked, 'wrong-token', `It is the token of ${fitting.token?.name ?? 'another'}.`)
  const account = store.accounts.byId(fitting.device.accountId)
  if (!account) return miss(asked, 'no-such-token', 'No device has registered this token.')
  return { goals: [{ account, device: fitting.device, ...(fitting.token ? { token: fitting.token } : {}) }] }
}

/** Every use of a token; accounts of one phone may share it, and the last to say so is taken. */
function registrations({ push }: ReadStore, config: Config, token: string, topic: string | undefined) {
  const { devices, deviceTokens } = push
  const topics = topicsOf(config, topic)
  const own = topics.flatMap((one) => devices.at({ kind: DEFAULT_KIND, topic: one, address: token }))
  const newest = (all: Device[]) => all.toSorted((a, b) => b.refreshedAt - a.refreshedAt).slice(0, 1)
  return [
    ...newest(own).map((device) => ({ kind: 'device', device, token: undefined })),
    ...newest(devices.calledAt(token)).map((device) => ({
      kind: 'voip',
      device,
      token: undefined,
    })),
    ...deviceTokens.at(token).map((one) => ({
      kind: one.token.kind as TokenKind,
      device: one.device,
      token: one.token,
    })),
  ]
}

/** Apps that a device's own token may belong to. */
function topicsOf(config: Config, asked: string | undefined): readonly string[] {
  const apple = kindOf(DEFAULT_KIND)
  const known = apple.topics(config)
  try {
    return known === 'any' || asked !== undefined ? [topicFor(config, apple, asked)] : known
  } catch (error) {
    if (error instanceof StanzaError) return []
    throw error
  }
}

function tokenOf(text: string): string | undefined {
  try {
    return readToken(text)
  } catch (error) {
    if (error instanceof StanzaError) return undefined
    throw error
  }
}

const wordsOf = ({ type, kind, name }: Need): string => {
  const called = name === undefined ? '' : ` named ${name}`
  return TYPES[type].token === 'device' ? 'for it' : `of kind ${kind}${called}`
}
