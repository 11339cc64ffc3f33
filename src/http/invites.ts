/** /v1/invites: invitations (XEP-0401) as the operator makes them. */
import { makeInvite } from '../accounts/invites.ts'
import type { Invite } from '../store/invites.ts'
import { Jid } from '../xmpp/jid.ts'
import { accountOf } from './accounts.ts'
import type { HttpDeps } from './deps.ts'
import { type App, route, scope } from './policy.ts'
import { HttpError } from './problem.ts'
import { allowLookalike, hostSchema, idParam, jidSchema, keyHeader } from './fields.ts'
import { body, inviteSchema, iso, json, z } from './schemas.ts'

const read = scope('users:read')
const write = scope('users:write')
const LONGEST_LIFE = 366 * 24 * 3600
/** Rows that one answer holds; `limits.invites` is the most that there are. */
export const LISTED = 10_000

export const inviteView = (invite: Invite) => ({
  id: invite.id,
  host: invite.host,
  jid: invite.jid,
  inviter: invite.inviter,
  register: invite.register,
  uses: invite.uses,
  used: invite.used,
  created: iso(invite.createdAt),
  expires: iso(invite.expiresAt),
})

export const newInvite = z.strictObject({
  host: hostSchema.optional().openapi({ description: 'Where; else the first of `hosts`.' }),
  jid: jidSchema.optional().openapi({ description: 'The one account that may be made, kept until the end.' }),
  allow_lookalike: allowLookalike,
  inviter: jidSchema.optional().openapi({ description: 'Becomes a contact of whoever uses it.' }),
  register: z.boolean().default(true).openapi({ description: 'Whether an account may be made with it.' }),
  uses: z.number().int().min(1).max(1000).default(1),
  expires_in: z.number().int().min(60).max(LONGEST_LIFE).optional().openapi({ description: 'Seconds.' }),
})

const madeSchema = inviteSchema.extend({
  uri: z.string().openapi({ description: 'The xmpp: link; shown this once.' }),
  url: z.string().nullable().openapi({ description: 'Its page, where [http] public_url is set.' }),
})

/** The invitation with its link. @throws HttpError, StanzaError */
export async function createInvite(deps: HttpDeps, wanted: z.output<typeof newInvite>) {
  const { jid, register, uses, expires_in, allow_lookalike, ...asked } = wanted
  const { world } = deps
  const inviter = asked.inviter === undefined ? undefined : accountOf(deps, asked.inviter)
  const host = jid === undefined ? (asked.host ?? world.config.hosts[0] ?? '') : Jid.parse(jid).domain
  if (!world.domains.hosts.has(host) || (asked.host !== undefined && asked.host !== host))
    throw new HttpError(422, 'unknown-host', `${host} is not one of this server's hosts, or not the same.`)
  if (!register && !inviter)
    throw new HttpError(422, 'nothing-to-do', 'An invitation is to an account, to a contact, or to both.')
  const lifetime = expires_in === undefined ? undefined : expires_in * 1000
  const about = { host, jid, allowLookalike: allow_lookalike, inviter, register, uses, lifetime }
  return deps.router.run((t) => {
    const { id, uri, url } = makeInvite(t, { ...about, contact: inviter !== undefined })
    const invite = t.store.invites.get(id)
    if (!invite) throw new Error('an invitation just made is not there')
    const shown = { ...inviteView(invite), uri, url }
    deps.keep?.(t, 201, shown)
    return shown
  })
}

/** @throws HttpError 404 */
export async function revokeInvite({ router }: HttpDeps, id: number): Promise<void> {
  if (!(await router.run((t) => t.store.invites.delete(id))))
    throw new HttpError(404, 'no-such-invite', 'There is no such invitation.')
}

export function addInvites(app: App): void {
  app.openapi(
    route(read, {
      method: 'get',
      path: '/v1/invites',
      operationId: 'listInvites',
      summary: 'List invitations, without their links',
      responses: { 200: json('Invitations', z.object({ items: z.array(inviteSchema) })) },
    }),
    (c) => c.json({ items: c.var.deps.world.store.invites.list(LISTED).map(inviteView) }, 200),
  )
  app.openapi(
    route(write, {
      method: 'post',
      path: '/v1/invites',
      operationId: 'createInvite',
      summary: 'Make an invitation',
      request: { headers: keyHeader, body: body(newInvite) },
      responses: { 201: json('Made; its link is shown this once', madeSchema) },
    }),
    async (c) => c.json(await createInvite(c.var.deps, c.req.valid('json')), 201),
  )
  app.openapi(
    route(write, {
      method: 'delete',
      path: '/v1/invites/{id}',
      operationId: 'deleteInvite',
      summary: 'Take an invitation back',
      request: { params: idParam },
      responses: { 204: { description: 'Done' } },
    }),
    async (c) => {
      await revokeInvite(c.var.deps, c.req.valid('param').id)
      return c.body(null, 204)
    },
  )
}
