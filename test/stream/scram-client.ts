/** The client's side of SCRAM (RFC 5802), with every part of it free to be wrong. */
import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import { elements, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'

export const SASL = 'urn:ietf:params:xml:ns:xmpp-sasl'

export interface ScramWish {
  readonly mechanism: string
  readonly name: string
  readonly password: string
  readonly nonce?: string
  /** `n,,` unless the mechanism binds. */
  readonly gs2?: string
  /** Channel binding data behind the header. */
  readonly binding?: Uint8Array
  /** Changes the last message before it is sent; the proof is over what was there before. */
  readonly spoil?: (final: string) => string
}

export interface ScramAnswer {
  readonly challenge: string
  /** The last word: <success/> or <failure/>. */
  readonly end: Element
}

export const encode = (text: string): string => Buffer.from(text).toString('base64')
export const decode = (text: string): string => Buffer.from(text, 'base64').toString()

export const auth = (mechanism: string, data?: string): string =>
  `<auth xmlns='${SASL}' mechanism='${mechanism}'>${data ?? ''}</auth>`
export const response = (data: string): string => `<response xmlns='${SASL}'>${data}</response>`

/** Condition of a <failure/>; the name of anything else. */
export function verdict(el: Element): string {
  return el.name === 'failure' ? (elements(el)[0]?.name ?? '') : el.name
}

export function clientFinal(wish: ScramWish, clientFirstBare: string, serverFirst: string): string {
  const hash = wish.mechanism.startsWith('SCRAM-SHA-256') ? 'sha256' : 'sha1'
  const [, nonce = '', salt = '', iterations = ''] =
    /^r=([^,]+),s=([^,]+),i=(\d+)(?:,h=[^,]+)?$/.exec(serverFirst) ?? []
  const header = Buffer.from(gs2Of(wish))
  const c = Buffer.concat([header, wish.binding ?? Buffer.alloc(0)]).toString('base64')
  const withoutProof = `c=${c},r=${nonce}`
  const length = hash === 'sha256' ? 32 : 20
  const salted = pbkdf2Sync(wish.password, Buffer.from(salt, 'base64'), Number(iterations), length, hash)
  const clientKey = createHmac(hash, salted).update('Client Key').digest()
  const stored = createHash(hash).update(clientKey).digest()
  const signature = createHmac(hash, stored)
    .update(`${clientFirstBare},${serverFirst},${withoutProof}`)
    .digest()
  const proof = Buffer.from(clientKey.map((byte, i) => byte ^ (signature[i] ?? 0)))
  return `${withoutProof},p=${proof.toString('base64')}`
}

/** A whole login on an open stream. */
export async function scram(actor: Actor, wish: ScramWish): Promise<ScramAnswer> {
  const bare = `n=${wish.name},r=${wish.nonce ?? 'rOprNGfwEbeRWgbNEkqO'}`
  actor.sends(auth(wish.mechanism, encode(gs2Of(wish) + bare)))
  const first = await actor.next()
  if (first.name !== 'challenge') return { challenge: '', end: first }
  const challenge = decode(first.getText())
  const final = clientFinal(wish, bare, challenge)
  actor.sends(response(encode(wish.spoil ? wish.spoil(final) : final)))
  return { challenge, end: await actor.next() }
}

function gs2Of({ gs2, mechanism }: ScramWish): string {
  return gs2 ?? (mechanism.endsWith('-PLUS') ? 'p=tls-exporter,,' : 'n,,')
}
