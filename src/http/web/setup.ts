/** /admin/setup: where the link of the start leads, and the first administrator is made. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { isWithoutAdmin, SETUP_PATH } from '../../accounts/first-admin.ts'
import { createUser } from '../accounts.ts'
import { checkSecret } from '../auth.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { Jid } from '../../xmpp/jid.ts'
import { type App, declare, open } from '../policy.ts'
import { failureOf, HttpError } from '../problem.ts'
import { jidSchema, passwordSchema } from '../fields.ts'
import { field, html, said } from './answers.ts'
import { fromOwnPage, type WebSessions } from './session.ts'
import { LinkNeededPage, SetupPage } from './setup-page.tsx'
import { tr } from './words.ts'

/** Wrong tokens are failed logins under this name, which no account can have. */
const LIMITED_AS = 'setup'

export function addSetup(app: App, deps: HttpDeps, sessions: WebSessions): void {
  const { config } = deps.world
  const minPassword = Math.max(1, config.registration.min_password)
  const show = (
    c: Ctx,
    token: string,
    said: { name?: string; error?: string },
    status: ContentfulStatusCode = 200,
  ) => {
    const page = SetupPage({ token, hosts: config.hosts, minPassword, secure: c.get('secure'), ...said })
    return html(c, page, status)
  }
  /** Undefined: the token is that of the link, and the link holds. */
  const refuse = async (c: Ctx, token: string): Promise<Response | undefined> => {
    if (!isWithoutAdmin(deps.world)) return c.redirect('/admin/', 303)
    const { setup } = deps
    if (token === '') return html(c, LinkNeededPage({ holds: setup?.holds === true }))
    if (await checkSecret(deps, LIMITED_AS, c.get('ip'), () => setup?.fits(token) === true)) return undefined
    return html(c, LinkNeededPage({ holds: setup?.holds === true, isWrong: true }), 403)
  }
  declare('get', SETUP_PATH, open)
  app.get(SETUP_PATH, async (c) => {
    const token = c.req.query('token') ?? ''
    return (await refuse(c, token)) ?? show(c, token, {})
  })
  declare('post', SETUP_PATH, open)
  app.post(SETUP_PATH, async (c) => {
    fromOwnPage(c)
    const token = await field(c, 'token')
    const refused = await refuse(c, token)
    if (refused) return refused
    const name = await field(c, 'name')
    try {
      if (!c.get('secure'))
        throw new HttpError(403, 'insecure-transport', tr('Choose a password over https only.'))
      const jid = jidSchema.safeParse(`${name}@${(await field(c, 'host')) || config.hosts[0]}`)
      if (!jid.success) throw new HttpError(422, 'bad-name', tr('This cannot be a name.'))
      const password = passwordSchema.safeParse(await field(c, 'password'))
      if (!password.success) throw new HttpError(422, 'weak-password', tr('A password is needed.'))
      if (password.data !== (await field(c, 'again')))
        throw new HttpError(422, 'not-the-same', tr('The two passwords differ.'))
      const made = await createUser(deps, {
        jid: Jid.parse(jid.data),
        password: password.data,
        by: { kind: 'operator' },
        minPassword,
        joins: (t, account) => deps.setup?.use(t, account),
      })
      const account = deps.world.store.accounts.find(made.jid)
      if (account) sessions.start(c, account)
      return c.redirect('/admin/?done=setup', 303)
    } catch (error) {
      return show(c, token, { name, error: said(error) }, failureOf(c, error).status)
    }
  })
}
