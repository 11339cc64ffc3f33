/**
 * The HT family of mechanisms (draft-schmaus-kitten-sasl-ht) for tokens of XEP-0484: one message each way, an HMAC with
 * the token as its key over the channel binding data.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ChannelBindings } from './scram.ts'

/** Mechanism by the channel binding that it needs. */
const BINDING = {
  'HT-SHA-256-EXPR': 'tls-exporter',
  'HT-SHA-256-ENDP': 'tls-server-end-point',
  'HT-SHA-256-NONE': undefined,
} as const

export type HtMechanism = keyof typeof BINDING

export function isHt(mechanism: string): mechanism is HtMechanism {
  return Object.hasOwn(BINDING, mechanism)
}

/** Mechanisms of this connection, in order of strength. */
export function htMechanisms(bindings: ChannelBindings): HtMechanism[] {
  return Object.keys(BINDING)
    .filter(isHt)
    .filter((name) => BINDING[name] === undefined || bindings.has(BINDING[name]))
}

export interface HtMessage {
  readonly username: string
  readonly proof: Buffer
}

/** authcid NUL HMAC; undefined without a name. A proof of the wrong length proves nothing, as any wrong one. */
export function readHt(message: Buffer): HtMessage | undefined {
  const end = message.indexOf(0)
  if (end <= 0) return undefined
  return { username: message.toString('utf8', 0, end), proof: message.subarray(end + 1) }
}

export function htProves(
  proof: Buffer,
  token: string,
  mechanism: HtMechanism,
  bindings: ChannelBindings,
): boolean {
  const right = sign('Initiator', token, mechanism, bindings)
  return proof.length === right.length && timingSafeEqual(proof, right)
}

/** Proof to the client that the server knows the token as well. */
export function htAnswer(token: string, mechanism: HtMechanism, bindings: ChannelBindings): Buffer {
  return sign('Responder', token, mechanism, bindings)
}

function sign(role: string, token: string, mechanism: HtMechanism, bindings: ChannelBindings): Buffer {
  const type = BINDING[mechanism]
  const data = type === undefined ? undefined : bindings.get(type)?.()
  return createHmac('sha256', token)
    .update(role)
    .update(data ?? Buffer.alloc(0))
    .digest()
}
