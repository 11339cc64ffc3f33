/** From a login by XEP-0388 to a session in one step: tokens (XEP-0484), resumption (XEP-0198 §9), binding (XEP-0386). */
import { createHmac } from 'node:crypto'
import { getLogger } from '../../log.ts'
import { speaking } from '../../store/audit.ts'
import type { Inlines } from '../../routing/inline.ts'
import type { NonzaStream } from '../../routing/feature.ts'
import type { Router } from '../../routing/router.ts'
import type { Session } from '../../routing/session.ts'
import type { Trip, World } from '../../routing/transit.ts'
import { type Jid, jidOr } from '../../xmpp/jid.ts'
import { StanzaError, StreamError } from '../../xmpp/errors.ts'
import { child, childText, type Element, xml } from '../../xmpp/xml.ts'
import { fastMechanisms, type LoggedIn } from './sasl.ts'
import { type Authenticate, success2 } from './profile.ts'
import type { TlsFacts } from '../transports/transport.ts'
import { NS } from '../../xmpp/namespaces.ts'

const log = getLogger('c2s')
const TAG_LENGTH = 64

export interface Establishing {
  readonly world: World
  readonly router: Router
  readonly inlines: Inlines
  readonly tls: TlsFacts | undefined
  /** Behind the resources of apps: their ids must not be seen (XEP-0386 §4.3). */
  readonly secret: Buffer
  readonly stream: NonzaStream
  /** Opens a session under that full JID; throws StanzaError. */
  open(jid: Jid): Session
  /** Steps that may follow behind the <success/>. */
  offer(): void
}

export function establish(at: Establishing, step: LoggedIn, request: Authenticate): void {
  const { world, router, stream, inlines } = at
  const results: Element[] = []
  let resumed = false
  const bare = step.jid.bare
  enter(at, step.jid, (t) => {
    const token = tokenFor(t, at, step, request)
    if (token) results.push(token)
    const resumption = inlines.resume(t, stream, request.el)
    if (resumption === undefined) return
    if (!('session' in resumption)) return void results.push(resumption)
    resumed = true
    const { session, answer, then } = resumption
    stream.adopt(t, session, () => {
      stream.send(success2(session.jid.toString(), step.data, [answer, ...results]))
      then()
    })
  })
  if (resumed) return
  const { agent } = request
  if (agent && !step.token && request.wantsToken === undefined) {
    // Nothing hangs on this row: a login goes well on a full disk, too.
    const { clients_per_user } = world.config.limits
    router
      .run((t) =>
        speaking({ jid: bare }, undefined, () =>
          t.store.clients.seen(step.account, agent, t.now, clients_per_user),
        ),
      )
      .catch((error: unknown) => log.debug('a login was not noted', { error }))
  }
  const bind = child(request.el, 'bind', NS.bind2)
  const session = bind && opened(at, resourceFor(at, step.jid, request, bind))
  enter(at, step.jid, (t) => {
    const all = session && bind ? [inlines.bound(t, session, bind), ...results] : results
    const jid = session ? session.jid.toString() : bare
    t.after(() => stream.send(success2(jid, step.data, all)))
  })
  at.offer()
}

/** There is no other way to say that a login was right and a session is not to be had. */
function opened(at: Establishing, jid: Jid): Session {
  try {
    return at.open(jid)
  } catch (error) {
    if (error instanceof StanzaError) throw new StreamError('resource-constraint', error.text)
    throw error
  }
}

/** A trip of its own; where its turn fails, the stream ends: nothing that was promised is there. */
function enter({ router, stream, world }: Establishing, jid: Jid, f: (t: Trip) => void): void {
  let failed: unknown
  router
    .run((t) => {
      try {
        speaking({ jid: jid.bare }, undefined, () => f(t))
      } catch (error) {
        failed = error
        throw error
      }
    })
    .catch((error: unknown) => {
      if (failed === undefined) stream.close(new StreamError('resource-constraint', toText(error)))
    })
  if (failed instanceof StreamError) throw failed
  if (failed !== undefined)
    throw new StreamError(world.store.turn.failure ? 'resource-constraint' : 'internal-server-error')
}

const toText = (error: unknown) => (error instanceof StanzaError ? error.text : undefined)

/** XEP-0484 §3: the app's row, and a new token where it asked for one or its own grows old. */
function tokenFor(
  t: Trip,
  { tls }: Establishing,
  step: LoggedIn,
  { agent, fast, wantsToken }: Authenticate,
): Element | undefined {
  if (!agent || (!step.token && wantsToken === undefined)) return undefined
  const { clients } = t.store
  const { token_lifetime: lifetime } = t.config.auth
  const client = clients.seen(step.account, agent, t.now, t.config.limits.clients_per_user)
  if (step.token?.slot === 'new') clients.promote(client)
  if (fast?.invalidate) clients.revoke(client)
  const old = step.token && !fast?.invalidate && step.token.expiresAt - t.now < lifetime / 2
  const mechanism = wantsToken ?? (old ? step.token?.mechanism : undefined)
  if (mechanism === undefined || !fastMechanisms(tls, t.config.auth).includes(mechanism)) return undefined
  const expiresAt = t.now + lifetime
  const token = clients.offer(client, mechanism, expiresAt)
  return xml('token', { xmlns: NS.fast, token, expiry: new Date(expiresAt).toISOString() })
}

/** XEP-0386 §4.3: the client's tag, then the same for the same app each time, which its id cannot be read from. */
function resourceFor({ world, secret }: Establishing, jid: Jid, { agent }: Authenticate, bind: Element): Jid {
  const unique = agent
    ? createHmac('sha256', secret).update(`${jid.bare} ${agent.id}`).digest().subarray(0, 9)
    : world.random.bytes(9)
  const own = unique.toString('base64url')
  const tag = childText(bind, 'tag')?.trim().slice(0, TAG_LENGTH)
  if (!tag) return jid.withResource(own)
  return jidOr(
    () => jid.withResource(`${tag}/${own}`),
    () => jid.withResource(own),
  )
}
