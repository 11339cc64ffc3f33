/**
 * Web Push as apps register it by XMPP: `p1:push` with the type `webpush` (Fluux Messenger), and Push 2.0 (Borogove, the
 * Snikket SDK), whose app signs with a key of its own and gives it to the server.
 */
import { pointOf } from '../../../store/vapid-keys.ts'
import type { WebSubscription } from '../../../store/device-table.ts'
import { StanzaError } from '../../../xmpp/errors.ts'
import { Jid, jidOr } from '../../../xmpp/jid.ts'
import { child, children, childText, type Element } from '../../../xmpp/xml.ts'
import { readKeys } from '../subscription.ts'
import type { Wanted } from './wanted.ts'

export const P1_WEBPUSH = 'p1:push:webpush'
export const PUSH2 = 'urn:xmpp:push2:0'

const SEND_SEALED = 'urn:xmpp:push2:send:sce+rfc8291+rfc8292:0'
/** Matches of ours are those of `important`; what asks for more gets as much. */
const MATCHES: ReadonlySet<string> = new Set(
  ['all', 'archived', 'archived-with-body', 'important'].map((name) => `urn:xmpp:push2:match:${name}`),
)
/** Longest grace that is kept: a ring that comes later is none. */
const LONGEST_GRACE_S = 600
const LONGEST_CLAIM = 300

/** `ENDPOINT#P256DH#AUTH`: an endpoint may hold the sign itself, keys do not. */
export function readP1Id(id: string): Pick<Wanted, 'token' | 'tokenField' | 'kind' | 'keys'> {
  const [, token, p256dh, auth] = /^(.+)#([^#]+)#([^#]+)$/.exec(id) ?? []
  if (token === undefined || p256dh === undefined || auth === undefined)
    throw new StanzaError('bad-request', 'id: ENDPOINT#P256DH#AUTH is needed.')
  return {
    kind: 'webpush',
    token,
    tokenField: 'id',
    keys: { p256dh, auth, names: { p256dh: 'id', auth: 'id' } },
  }
}

export interface Push2 {
  /** Push service that shall take it. */
  readonly service: string
  readonly wanted: Wanted
}

/** @throws StanzaError naming the element at fault */
export function readPush2(enable: Element): Push2 {
  const service = needed(enable, 'service')
  const token = needed(enable, 'client')
  // The first whose content we can send: the app lists what it likes best first.
  const match = children(enable, 'match').find(
    (one) => MATCHES.has(one.attrs.profile ?? '') && child(one, 'send', SEND_SEALED),
  )
  const send = match && child(match, 'send', SEND_SEALED)
  if (!match || !send)
    throw new StanzaError('feature-not-implemented', `send: only ${SEND_SEALED} is served here.`)
  const grace = childText(match, 'grace')?.trim()
  if (grace !== undefined && !/^\d{1,6}$/.test(grace))
    throw new StanzaError('bad-request', 'grace: a number of seconds is needed.')
  const filters = children(match, 'filter')
  const muted = filters.filter((filter) => !child(filter, 'mention') && !child(filter, 'reply')).map(jidOf)
  const mentions = filters.filter((filter) => child(filter, 'mention') ?? child(filter, 'reply')).map(jidOf)
  return {
    service,
    wanted: {
      kind: 'webpush',
      token,
      tokenField: 'client',
      options: {
        web: subscription(send),
        ...(grace === undefined ? {} : { grace: 1000 * Math.min(LONGEST_GRACE_S, Number(grace)) }),
        ...(muted.length > 0 ? { muted } : {}),
        ...(mentions.length > 0 ? { mentions } : {}),
      },
    },
  }
}

function subscription(send: Element): WebSubscription {
  if ((childText(send, 'jwt-alg') ?? 'ES256') !== 'ES256')
    throw new StanzaError('bad-request', 'jwt-alg: ES256 is the only one.')
  const privateKey = needed(send, 'jwt-key').replace(/\s/g, '')
  const vapid = pointOf(privateKey)
  if (vapid === undefined)
    throw new StanzaError('bad-request', 'jwt-key: a key of P-256 in PKCS #8 is needed.')
  const given = { p256dh: needed(send, 'ua-public'), auth: needed(send, 'auth-secret') }
  const keys = readKeys(given, { p256dh: 'ua-public', auth: 'auth-secret' })
  // COMPAT(Borogove's SDK): its `aud` may lack the scheme; ours is always that of the endpoint.
  const claims = children(send, 'jwt-claim')
    .map((claim) => [claim.attrs.name ?? '', claim.getText().trim()] as const)
    .filter(([name, value]) => name === 'sub' && value !== '' && value.length <= LONGEST_CLAIM)
  return { ...keys, vapid, own: { privateKey, claims: Object.fromEntries(claims) }, format: 'sce' }
}

function needed(el: Element, name: string): string {
  const text = childText(el, name)?.trim()
  if (!text) throw new StanzaError('bad-request', `${name}: a value is needed.`)
  return text
}

function jidOf(filter: Element): string {
  return jidOr(
    () => Jid.parse(filter.attrs.jid ?? '').bare,
    (error) => {
      throw new StanzaError('bad-request', `filter: ${error.message}`)
    },
  )
}
