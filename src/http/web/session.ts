/** Sessions of the web admin: in memory, so that a restart ends them all. */
import { createHash } from 'node:crypto'
import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { BoundedMap } from '../../bounded-map.ts'
import type { Account } from '../../store/accounts.ts'
import type { Ctx } from '../context.ts'
import { isAdmin } from '../../accounts/admins.ts'
import type { HttpDeps } from '../deps.ts'
import { HttpError } from '../problem.ts'

interface WebSession {
  readonly jid: string
  /** Of the account's keys at login: another password ends the session. */
  readonly keys: string
  readonly started: number
  used: number
}

const IDLE = 30 * 60_000
const LONGEST = 12 * 3_600_000
/** Beyond it the session that began first ends. */
const SESSIONS = 1000

export class WebSessions {
  readonly #sessions = new BoundedMap<string, WebSession>(SESSIONS)

  constructor(readonly deps: HttpDeps) {}

  /** Starts a session of its own making at each login, so that none can be planted beforehand. */
  start(c: Ctx, account: Account): void {
    this.#forget(c)
    const id = this.deps.world.random.bytes(32).toString('base64url')
    const now = this.deps.world.now()
    this.#sessions.set(hash(id), { jid: account.jid, keys: this.#keysOf(account), started: now, used: now })
    const { name, secure } = cookieOf(c)
    setCookie(c, name, id, { path: '/', httpOnly: true, sameSite: 'Strict', secure })
  }

  end(c: Ctx): void {
    this.#forget(c)
    const { name, secure } = cookieOf(c)
    deleteCookie(c, name, { path: '/', secure })
  }

  #forget(c: Ctx): void {
    const id = getCookie(c, cookieOf(c).name)
    if (id !== undefined) this.#sessions.delete(hash(id))
  }

  /** The administrator whose session this request carries: still an account, still listed, still the same password. */
  admin(c: Ctx): Account | undefined {
    const found = this.#find(c)
    if (found) found.session.used = this.deps.world.now()
    return found?.account
  }

  /** Whether it carries one, without making use of it: a page that is left open does not keep it. */
  holds(c: Ctx): boolean {
    return this.#find(c) !== undefined
  }

  #find(c: Ctx): { session: WebSession; account: Account } | undefined {
    const id = getCookie(c, cookieOf(c).name)
    const key = id === undefined ? '' : hash(id)
    const session = this.#sessions.get(key)
    if (!session) return undefined
    const now = this.deps.world.now()
    const account = this.deps.world.store.accounts.find(session.jid)
    const valid =
      now - session.used < IDLE &&
      now - session.started < LONGEST &&
      account?.disabled === false &&
      isAdmin(this.deps.world, account.jid) &&
      this.#keysOf(account) === session.keys
    if (valid) return { session, account }
    this.#sessions.delete(key)
    return undefined
  }

  #keysOf(account: Account): string {
    return this.deps.world.store.accounts.scramKeys(account, 'SHA-256')?.storedKey.toString('base64') ?? ''
  }
}

const hash = (id: string): string => createHash('sha256').update(id).digest('base64')

/** The __Host- prefix needs Secure, which a browser refuses on this machine's plain listener. */
function cookieOf(c: Ctx): { name: string; secure: boolean } {
  const secure = c.get('https')
  return { name: secure ? '__Host-belfry' : 'belfry', secure }
}

/** A form must come from one of our own pages, and say so: every browser sends one of the two headers. */
export function fromOwnPage(c: Ctx): void {
  if (c.req.header('origin') === undefined && c.req.header('sec-fetch-site') === undefined) {
    throw new HttpError(403, 'cross-site', 'The form did not say which page it came from.')
  }
}
