/** Accounts that people make themselves over HTTP, within the limits that in-band registration has too. */
import { findInvite } from '../accounts/invites.ts'
import type { Invite } from '../store/invites.ts'
import { Jid } from '../xmpp/jid.ts'
import * as metrics from '../metrics/metrics.ts'
import { createUser } from './accounts.ts'
import type { Ctx } from './context.ts'
import type { HttpDeps } from './deps.ts'
import { chosenPassword } from './me.ts'
import { type App, open, route } from './policy.ts'
import { HttpError } from './problem.ts'
import { jidSchema, keyHeader, text } from './fields.ts'
import { body, json, z } from './schemas.ts'

export interface Applicant {
  readonly jid: string
  readonly password: string
  /** Of an invitation. */
  readonly token?: string | undefined
}

export function addRegistration(app: App, { world }: HttpDeps): void {
  const password = chosenPassword(world.config)
  const token = text(100).optional().openapi({ description: 'Of an invitation.' })
  app.openapi(
    route(open, {
      method: 'post',
      path: '/v1/register',
      operationId: 'register',
      summary: 'Make an account for oneself',
      request: { headers: keyHeader, body: body(z.strictObject({ jid: jidSchema, password, token })) },
      responses: { 201: json('Made', z.object({ jid: z.string() })) },
    }),
    async (c) => c.json(await register(c, c.req.valid('json')), 201),
  )
}

export const noInvite = (): HttpError =>
  new HttpError(404, 'no-such-invite', 'The invitation does not exist, has ended or was used.')

/** The invitation of a token, if an account may be made with it now. */
export function usableInvite(c: Ctx, token: string): Invite | undefined {
  const { world } = c.get('deps')
  const invite = findInvite({ store: world.store, now: world.now() }, token)
  return invite?.register === true ? invite : undefined
}

/** @throws HttpError for whatever stands against it. */
export async function register(c: Ctx, { jid, password, token }: Applicant): Promise<{ jid: string }> {
  const deps = c.get('deps')
  const { registrations, config } = deps.world
  // The operator's socket has no address; it stands for this machine.
  const address = c.get('ip') === 'socket' ? '127.0.0.1' : c.get('ip')
  const refuse = (error: HttpError): never => {
    metrics.registrations.labels('http', 'refused').inc()
    throw error
  }
  const invite = token === undefined ? undefined : usableInvite(c, token)
  if (token !== undefined && !invite) return refuse(noInvite())
  const closed = closedTo(c, address, invite)
  if (closed) return refuse(closed)
  const limited = (): void => {
    const wait = Math.ceil(registrations.waitFor(address) / 1000)
    if (wait === 0) return
    const detail = `One account per address and interval; try again in ${wait} s.`
    refuse(new HttpError(429, 'too-soon', detail, { headers: { 'retry-after': String(wait) } }))
  }
  limited()
  const wanted = Jid.parse(jid)
  const { keep } = deps
  const own: HttpDeps = keep ? { ...deps, keep: (t, status) => keep(t, status, { jid: wanted.bare }) } : deps
  const made = await createUser(own, {
    jid: wanted,
    password,
    by: { kind: 'person', invite },
    minPassword: config.registration.min_password,
    joins(t) {
      // Again inside the trip: two requests may have derived their keys side by side.
      limited()
      t.undo(registrations.take(address))
    },
  })
  metrics.registrations.labels('http', 'created').inc()
  return { jid: made.jid }
}

/** XEP-0445: an invitation opens the door that is closed to others, from any address, but never without TLS. */
function closedTo(c: Ctx, address: string, invite: Invite | undefined): HttpError | undefined {
  const { registrations, config } = c.get('deps').world
  if (!invite && !config.registration.http)
    return new HttpError(403, 'registration-closed', 'Accounts are made by the operator here.')
  if (!c.get('secure')) return new HttpError(403, 'insecure-transport', 'Register over TLS.')
  if (invite || registrations.mayRegister(address)) return undefined
  return new HttpError(403, 'address-not-allowed', 'Registration is not open to your address.')
}
