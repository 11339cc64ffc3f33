/** A push as a back end asks for it becomes what goes out, or is refused before anybody waits for it. Pure. */
import type { z } from 'zod'
import { PAYLOAD_KEYS } from '../../config/payload-schema.ts'
import type { CallFacts, DirectFacts, PushType } from '../../store/outbox-table.ts'
import { Jid, JidError } from '../../xmpp/jid.ts'
import { encodedSize } from '../rules/text.ts'
import { activityAps, alertAps, backgroundAps, changedAps, emptyAps, talkAps } from './aps.ts'
import { type Priority, type TokenKind, TYPES } from './types.ts'

export interface Wanted {
  readonly type: PushType
  readonly aps?: Readonly<Record<string, unknown>> | undefined
  /** Beside `aps`. */
  readonly data?: Readonly<Record<string, unknown>> | undefined
  readonly call?:
    { sid: string; from: string; media: readonly ('audio' | 'video')[]; expires: number } | undefined
  /** Activity or control. */
  readonly name?: string | undefined
  readonly priority?: Priority | undefined
  /** Seconds. */
  readonly ttl?: number | undefined
  readonly collapse_id?: string | undefined
}

export interface Composed {
  readonly direct: Omit<DirectFacts, 'token'>
  readonly token: TokenKind
  /** Name of the token, of a kind with several; undefined: whichever there are. */
  readonly name: string | undefined
  readonly collapseId: string
  readonly call: CallFacts | undefined
  /** Bytes of JSON; of a call they are counted for each device. */
  readonly bytes: number
  /** End of its worth (ms since the epoch). */
  readonly expiresAt: number
}

export interface Times {
  readonly now: number
  /** [push] ring_time and expiration (ms). */
  readonly ringMs: number
  readonly keepMs: number
}

/** A push that is not queued, and why. */
export class Refusal extends Error {
  constructor(
    readonly code: 'invalid' | 'too-large' | 'wrong-token' | 'no-token' | 'not-possible',
    message: string,
    readonly bytes?: number,
  ) {
    super(message)
  }
}

/** Levels of objects and lists in one another: phones read no deeper ones either. */
const DEEPEST = 32
/** Time (ms) for which it is tried what no service shall keep. */
const TRIED_MS = 60_000
/** Names that Google keeps for itself. */
const OF_GOOGLE = /^(?:from|gcm|message_type|google.*)$/

const invalid = (message: string): Refusal => new Refusal('invalid', message)

/** @throws Refusal */
export function compose(wanted: Wanted, times: Times): Composed {
  const { type, priority, collapse_id: collapseId = '' } = wanted
  const rules = TYPES[type]
  checkDepth(wanted)
  checkData(wanted)
  if (priority !== undefined && !rules.priorities.includes(priority))
    throw invalid(`priority: ${type} takes ${rules.priorities.join(' or ')}.`)
  if (collapseId !== '' && !rules.data && type !== 'liveactivity')
    throw invalid(`collapse_id: ${type} has nothing to replace.`)
  const call = callOf(wanted, times)
  const payload = { ...wanted.data, aps: apsOf(wanted, times) }
  const bytes = encodedSize(payload)
  checkSize(type, bytes)
  const { now, until } = lifeOf(wanted, times)
  const starts = type === 'liveactivity' && payload.aps.event === 'start'
  return {
    direct: { type, priority: priority ?? rules.priorities[0], ...(now ? { now } : {}), payload },
    token: starts ? 'liveactivity-start' : rules.token,
    name: starts ? String(payload.aps['attributes-type']) : wanted.name,
    collapseId,
    call,
    bytes,
    expiresAt: until,
  }
}

/** @throws Refusal with the number of bytes */
export function checkSize(type: PushType, bytes: number, most = TYPES[type].bytes): void {
  if (bytes > most) throw new Refusal('too-large', `It has ${bytes} bytes; ${type} may have ${most}.`, bytes)
}

function lifeOf({ type, ttl, call }: Wanted, { now, ringMs, keepMs }: Times): { now?: true; until: number } {
  if (call) return { until: Math.min(call.expires * 1000, now + ringMs) }
  const life = ttl ?? TYPES[type].ttl
  if (life === 0) return { now: true, until: now + Math.min(TRIED_MS, keepMs) }
  return { until: now + (life === undefined ? keepMs : Math.min(life * 1000, keepMs)) }
}

function apsOf({ type, aps }: Wanted, { now }: Times): Readonly<Record<string, unknown>> {
  switch (type) {
    case 'alert':
      return read(alertAps, aps ?? {})
    case 'background':
      return read(backgroundAps, aps ?? { 'content-available': 1 })
    case 'widgets':
    case 'controls':
      return read(changedAps, aps ?? { 'content-changed': true })
    case 'liveactivity':
      return { timestamp: Math.floor(now / 1000), ...read(activityAps, aps ?? {}) }
    case 'pushtotalk':
      return read(talkAps, aps ?? {})
    case 'voip':
    case 'location':
    case 'complication':
    case 'fileprovider':
      return read(emptyAps, aps ?? {})
  }
}

function read<T>(schema: z.ZodType<T>, aps: unknown): T {
  const { success, data, error } = schema.safeParse(aps)
  if (success) return data
  const [first] = error.issues
  const at = ['aps', ...(first?.path ?? [])].map(String).join('.')
  throw invalid(`${at}: ${first?.message ?? 'it does not fit.'}`)
}

/** A push to PushKit that is no call ends the app, and in the end all of its calls. */
function callOf({ type, call, ttl, collapse_id: collapse }: Wanted, { now }: Times): CallFacts | undefined {
  if (type !== 'voip') {
    if (call) throw invalid(`call: it belongs to voip, not to ${type}.`)
    return undefined
  }
  if (!call) throw invalid('call: voip is for calls alone, and needs sid, from, media and expires.')
  if (ttl !== undefined || collapse !== undefined)
    throw invalid('ttl, collapse_id: a call ends when it expires, and nothing takes its place.')
  if (call.expires * 1000 <= now) throw invalid('call.expires: the call is over.')
  if (call.expires >= 100_000_000_000) throw invalid('call.expires: seconds since 1970 are needed.')
  try {
    return { sid: call.sid, from: Jid.parse(call.from).toString(), media: call.media }
  } catch (error) {
    if (error instanceof JidError) throw invalid(`call.from: ${error.message}`)
    throw error
  }
}

function checkData({ type, data = {} }: Wanted): void {
  const keys = Object.keys(data)
  if (!TYPES[type].data && keys.length > 0) throw invalid(`data: ${type} has nothing beside aps.`)
  for (const key of keys) {
    if (key === 'aps') throw invalid('data.aps: Apple’s own key; its words go to aps.')
    if (PAYLOAD_KEYS.has(key)) throw invalid(`data.${key}: a key that the server writes itself.`)
    if (OF_GOOGLE.test(key) && TYPES[type].token === 'device')
      throw invalid(`data.${key}: a key that Google keeps for itself.`)
  }
  if (type !== 'fileprovider') return
  const { 'container-identifier': container, domain, ...others } = data
  if (typeof container !== 'string' || (domain !== undefined && typeof domain !== 'string'))
    throw invalid('data: fileprovider needs container-identifier, and domain where the app has several.')
  if (Object.keys(others).length > 0)
    throw invalid('data: fileprovider takes container-identifier and domain.')
}

/** Without a call for each level, which would be the end of the stack. */
function checkDepth({ aps, data }: Wanted): void {
  let level: unknown[] = [aps, data]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > DEEPEST) throw invalid(`aps, data: at most ${DEEPEST} objects and lists in one another.`)
    level = level.flatMap((value): unknown[] =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    )
  }
}
