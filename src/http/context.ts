/** Variables that each request carries through the application. */
import type { Context } from 'hono'
import type { Actor } from '../store/audit.ts'
import type { HttpDeps } from './deps.ts'
import type { Door } from './door.ts'

/** Which door a request came through; filled by whoever calls `app.fetch`. */
export type Peer =
  { readonly kind: 'socket' } | { readonly kind: 'tcp'; readonly address: string; readonly tls: boolean }

/** The one who asks. Only the authenticating middleware makes one. */
export type Principal =
  | { readonly kind: 'guest' }
  | { readonly kind: 'operator' }
  | { readonly kind: 'token'; readonly id: number; readonly name: string; readonly scopes: readonly string[] }
  | { readonly kind: 'account'; readonly jid: string; readonly proof: 'password' | 'token' }

export type AppEnv = {
  Bindings: { peer: Peer; door?: Door }
  Variables: {
    deps: HttpDeps
    requestId: string
    /** The client's address, behind trusted proxies too; "socket" for the Unix socket. */
    ip: string
    /** The client's own connection is TLS: with us, or with a trusted proxy that says https. */
    https: boolean
    /** The same, or loopback. */
    encrypted: boolean
    /** The same, or the operator does without. */
    secure: boolean
    principal: Principal
    /** For the log: filled as far as it is known. */
    actor: Actor
  }
}

export type Ctx = Context<AppEnv>
