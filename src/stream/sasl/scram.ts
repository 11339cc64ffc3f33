/** The server's side of SCRAM (RFC 5802, RFC 7677) with channel binding (RFC 5929, RFC 9266). */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { digestLength, digestName, type HashName, type ScramKeys } from '../../store/credentials.ts'
import { SaslError } from '../../xmpp/errors.ts'

/** Bytes of channel binding data by type; only the types that this connection can do. */
export type ChannelBindings = ReadonlyMap<string, () => Uint8Array>

export interface ScramOptions {
  readonly hash: HashName
  /** A -PLUS mechanism was chosen. */
  readonly plus: boolean
  /** -PLUS was among the offered mechanisms, so a client that says `y` was lied to. */
  readonly plusOffered: boolean
  readonly bindings: ChannelBindings
  readonly nonce: string
  /** XEP-0474 §5.1: what was offered, to be hashed into the exchange; without it the exchange is as in RFC 5802. */
  readonly offer?: string
  /** Keys for a user name; keys of nobody when there is no such account, so that both look alike. */
  keysFor(username: string, authzid: string): ScramKeys
}

const NONCE = /^[\x21-\x2b\x2d-\x7e]+$/

export class Scram {
  readonly #options: ScramOptions
  #clientFirstBare = ''
  #gs2Header = ''
  #bindingType: string | undefined
  #nonce = ''
  #serverFirst = ''
  #keys: ScramKeys | undefined

  constructor(options: ScramOptions) {
    this.#options = options
  }

  /** Reads the client-first-message and returns the server-first-message (§7). */
  first(message: string): string {
    const match = /^(([nyp])(?:=([A-Za-z0-9.-]+))?,(?:a=([^,]+))?,)(.*)$/s.exec(message)
    if (!match) throw new SaslError('malformed-request')
    const [, gs2 = '', flag = '', binding, authzid = '', bare = ''] = match
    this.#checkBindingFlag(flag, binding)
    const attrs = bare.split(',')
    // §5.1: `m` is for extensions that must be understood, and we know none.
    if (attrs[0]?.startsWith('m='))
      throw new SaslError('malformed-request', 'Unsupported mandatory extension.')
    const [user, nonce] = attrs
    if (!user?.startsWith('n=') || !nonce?.startsWith('r=')) throw new SaslError('malformed-request')
    if (attrs.slice(2).some((attr) => !/^[A-Za-z]=/.test(attr) || /^[nrmpcv]=/.test(attr))) {
      throw new SaslError('malformed-request')
    }
    const clientNonce = nonce.slice(2)
    if (!NONCE.test(clientNonce) || clientNonce.length > 512) throw new SaslError('malformed-request')
    this.#gs2Header = gs2
    this.#bindingType = binding
    this.#clientFirstBare = bare
    this.#nonce = clientNonce + this.#options.nonce
    this.#keys = this.#options.keysFor(unescapeName(user.slice(2)), unescapeName(authzid))
    const salt = this.#keys.salt.toString('base64')
    const { hash, offer } = this.#options
    const seen = offer === undefined ? '' : createHash(digestName[hash]).update(offer).digest('base64')
    this.#serverFirst = `r=${this.#nonce},s=${salt},i=${this.#keys.iterations}${seen && `,h=${seen}`}`
    return this.#serverFirst
  }

  /** Checks the client-final-message; returns the server-final-message, or throws `not-authorized`. */
  final(message: string): string {
    const keys = this.#keys
    if (!keys) throw new SaslError('malformed-request')
    const match =
      /^(c=([A-Za-z0-9+/=]+),r=([^,]+)(?:,[A-Zabd-ln-oqs-z]=[^,]*)*),p=([A-Za-z0-9+/]+={0,2})$/s.exec(message)
    if (!match) throw new SaslError('malformed-request')
    const [, withoutProof = '', binding = '', nonce = '', proof64 = ''] = match
    const proof = Buffer.from(proof64, 'base64')
    const { hash } = this.#options
    if (proof.length !== digestLength[hash]) throw new SaslError('malformed-request')
    const bound = sameBytes(Buffer.from(binding, 'base64'), this.#expectedBinding())
    const authMessage = `${this.#clientFirstBare},${this.#serverFirst},${withoutProof}`
    const digest = digestName[hash]
    const signature = createHmac(digest, keys.storedKey).update(authMessage).digest()
    for (let i = 0; i < proof.length; i++) proof[i] = (proof[i] ?? 0) ^ (signature[i] ?? 0)
    const proven = sameBytes(createHash(digest).update(proof).digest(), keys.storedKey)
    if (!bound || !proven || nonce !== this.#nonce) throw new SaslError('not-authorized')
    return `v=${createHmac(digest, keys.serverKey).update(authMessage).digest('base64')}`
  }

  /** §6: the flag must fit the mechanism, and `y` after an offer of -PLUS means that somebody removed it. */
  #checkBindingFlag(flag: string, binding: string | undefined): void {
    const { plus, plusOffered, bindings } = this.#options
    if ((flag === 'p') !== (binding !== undefined)) throw new SaslError('malformed-request')
    if (plus !== (flag === 'p'))
      throw new SaslError('malformed-request', 'The mechanism and its channel binding disagree.')
    if (flag === 'y' && plusOffered) throw new SaslError('not-authorized')
    if (binding !== undefined && !bindings.has(binding)) {
      throw new SaslError('malformed-request', 'Unsupported channel binding type.')
    }
  }

  #expectedBinding(): Buffer {
    const data =
      this.#bindingType === undefined ? undefined : this.#options.bindings.get(this.#bindingType)?.()
    return Buffer.concat([Buffer.from(this.#gs2Header), data ?? Buffer.alloc(0)])
  }
}

/** XEP-0474 §5.1: the mechanisms and, where XEP-0440 told them, the channel bindings, each sorted by octets. */
export function offerText(mechanisms: readonly string[], bindings: Iterable<string>): string {
  const types = [...bindings].sort()
  const list = mechanisms.toSorted().join('\x1e')
  return types.length === 0 ? list : `${list}\x1f${types.join('\x1e')}`
}

/** §5.1: "=2C" and "=3D" stand for comma and equals sign; any other "=" is an error. */
function unescapeName(name: string): string {
  if (/=(?!2C|3D)/.test(name)) throw new SaslError('malformed-request')
  return name.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}
