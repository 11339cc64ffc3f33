/** Backends that know passwords: logins ask them, by SASL and by HTTP alike. Ours asks the server's own keys. */
import type { Account } from '../store/accounts.ts'
import type { Random } from '../store/clock.ts'
import { type HashName, keysOfNobody, type ScramKeys, verifyPassword } from '../store/credentials.ts'
import type { ReadStore, WriteTx } from '../store/tx.ts'
import type { Jid } from '../xmpp/jid.ts'

/** Addresses are prepared bare JIDs of hosts of this server. What a backend throws is a fault of it, not a wrong password. */
export interface AuthBackend {
  /**
   * Whether this is the account's password. It must last as long for accounts that are not there. `isSuspect`: passwords
   * from there were wrong lately, so others go first.
   */
  verify(jid: Jid, password: string, isSuspect: boolean): Promise<boolean>
  /** Undefined for an account without any. A backend that keeps none lacks this, and no SCRAM is offered. */
  scramKeys?(jid: Jid, hash: HashName): ScramKeys | undefined
  /** Whether the name is somebody's, although no row here says so: nobody else may make an account of it. */
  exists(jid: Jid): Promise<boolean>
  /** The row of an account that has proved who it is and has none here. Undefined: it is nobody after all. */
  provision(t: WriteTx, jid: Jid, now: number): Account | undefined
}

/** The keys that this server keeps itself (RFC 5802 §3). Its accounts are its rows. */
export class InternalAuth implements AuthBackend {
  readonly #accounts: ReadStore['accounts']
  readonly #iterations: () => number
  /** Behind keys that are compared and never shown. */
  readonly #secret: Buffer

  constructor({ accounts }: Pick<ReadStore, 'accounts'>, random: Random, iterations: () => number) {
    this.#accounts = accounts
    this.#secret = random.bytes(32)
    this.#iterations = iterations
  }

  verify(jid: Jid, password: string, isSuspect: boolean): Promise<boolean> {
    const newer = this.scramKeys(jid, 'SHA-256')
    // Of an account that came from another server with these alone.
    const older = newer ? undefined : this.scramKeys(jid, 'SHA-1')
    const own = newer ?? older
    const keys = own ?? keysOfNobody(jid.bare, 'SHA-256', this.#iterations(), this.#secret)
    return verifyPassword(password, older ? 'SHA-1' : 'SHA-256', keys, isSuspect).then(
      (right) => right && own !== undefined,
    )
  }

  scramKeys(jid: Jid, hash: HashName): ScramKeys | undefined {
    const account = this.#accounts.find(jid.bare)
    return account && this.#accounts.scramKeys(account, hash)
  }

  exists(jid: Jid): Promise<boolean> {
    return Promise.resolve(this.#accounts.find(jid.bare) !== undefined)
  }

  /** The account's row went while the password was checked, so that there is none to give. */
  provision(): undefined {
    return undefined
  }
}
