/** /invite/TOKEN: the page of an invitation, and the account that is made on it. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { findInvite, pageOf, uriOf } from '../../accounts/invites.ts'
import type { Invite } from '../../store/invites.ts'
import { Jid, jidOr } from '../../xmpp/jid.ts'
import type { Ctx } from '../context.ts'
import { type App, declare, open } from '../policy.ts'
import { failureOf, HttpError } from '../problem.ts'
import { register } from '../registration.ts'
import { passwordSchema } from '../fields.ts'
import { addAssets, field, html, said } from './answers.ts'
import { platformOf } from './chat-apps.ts'
import { GonePage, InvitePage, WelcomePage } from './invite-page.tsx'
import { fromOwnPage } from './session.ts'
import { tr } from './words.ts'

const PATH = '/invite/:token'

export function addInvitePage(app: App): void {
  addAssets(app, '/invite')
  declare('get', PATH, open)
  app.get(PATH, (c) => {
    const invite = inviteOf(c)
    return invite ? show(c, invite) : gone(c)
  })
  declare('post', PATH, open)
  app.post(PATH, async (c) => {
    fromOwnPage(c)
    const invite = inviteOf(c)
    if (!invite?.register) return gone(c)
    const name = await field(c, 'name')
    try {
      const jid = invite.jid ?? addressOf(name, invite.host)
      const password = passwordSchema.safeParse(await field(c, 'password'))
      if (!password.success) throw new HttpError(422, 'weak-password', tr('A password is needed.'))
      const made = await register(c, { jid, password: password.data, token: tokenOf(c) })
      return await html(c, WelcomePage({ jid: made.jid }), 201)
    } catch (error) {
      return again(c, invite, name, error)
    }
  })
}

const tokenOf = (c: Ctx): string => c.req.param('token') ?? ''

function inviteOf(c: Ctx): Invite | undefined {
  const { world } = c.get('deps')
  return findInvite({ store: world.store, now: world.now() }, tokenOf(c))
}

const gone = (c: Ctx): Promise<Response> => html(c, GonePage(), 404)

/** A token in the address must stay with whoever was given it. */
function show(
  c: Ctx,
  invite: Invite,
  said: { name?: string; error?: string } = {},
  status: ContentfulStatusCode = 200,
) {
  const { config } = c.get('deps').world
  const token = tokenOf(c)
  const uri = uriOf(invite, token)
  c.header('x-robots-tag', 'noindex')
  const page = InvitePage({
    invite,
    token,
    uri,
    scan: pageOf(config.http.public_url, token) ?? uri,
    platform: platformOf(c.req.header('user-agent')),
    minPassword: Math.max(1, config.registration.min_password),
    secure: c.get('secure'),
    ...said,
  })
  return html(c, page, status)
}

/** The same page with what went wrong; anything that a person could not mend goes on to the one catch. */
function again(c: Ctx, invite: Invite, name: string, error: unknown): Promise<Response> {
  return show(c, invite, { name, error: said(error) }, failureOf(c, error).status)
}

function addressOf(name: string, host: string): string {
  if (name === '') throw new HttpError(422, 'bad-name', tr('A name is needed.'))
  return jidOr(
    () => Jid.of(name, host).bare,
    (error) => {
      throw new HttpError(422, 'bad-name', `${tr('This cannot be a name.')} ${error.message}`)
    },
  )
}
