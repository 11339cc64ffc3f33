/** @jsxImportSource hono/jsx */
/** /invite/reset/TOKEN: where somebody who has forgotten a password chooses another. */
import { accountOfLink, RESET_PATH, useResetLink } from '../../accounts/reset-links.ts'
import { setPassword } from '../accounts.ts'
import type { Ctx } from '../context.ts'
import { passwordSchema } from '../fields.ts'
import { type App, declare, open } from '../policy.ts'
import { failureOf, HttpError } from '../problem.ts'
import { field, html, said } from './answers.ts'
import { Layout } from './layout.tsx'
import { NewPassword } from './new-password.tsx'
import { fromOwnPage } from './session.ts'
import { tr } from './words.ts'

const PATH = `${RESET_PATH}/:token`

export function addResetPage(app: App): void {
  declare('get', PATH, open)
  app.get(PATH, (c) => {
    const found = accountFor(c)
    c.header('x-robots-tag', 'noindex')
    return found ? html(c, ResetPage(propsOf(c, found))) : gone(c)
  })
  declare('post', PATH, open)
  app.post(PATH, async (c) => {
    fromOwnPage(c)
    const jid = accountFor(c)
    if (jid === undefined) return gone(c)
    try {
      if (!c.get('secure'))
        throw new HttpError(403, 'insecure-transport', tr('Choose a password over https only.'))
      const password = passwordSchema.safeParse(await field(c, 'password'))
      if (!password.success) throw new HttpError(422, 'weak-password', tr('A password is needed.'))
      if (password.data !== (await field(c, 'again')))
        throw new HttpError(422, 'not-the-same', tr('The two passwords differ.'))
      const deps = c.get('deps')
      const { min_password: minPassword } = deps.world.config.registration
      await setPassword(deps, { jid, password: password.data, minPassword }, (t) =>
        useResetLink(t, tokenOf(c)),
      )
      return await html(c, DonePage({ jid }))
    } catch (error) {
      return html(c, ResetPage({ ...propsOf(c, jid), error: said(error) }), failureOf(c, error).status)
    }
  })
}

const tokenOf = (c: Ctx): string => c.req.param('token') ?? ''

function accountFor(c: Ctx): string | undefined {
  const { world } = c.get('deps')
  return accountOfLink({ store: world.store, now: world.now() }, tokenOf(c))?.jid
}

const gone = (c: Ctx): Promise<Response> => html(c, GonePage(), 404)

const propsOf = (c: Ctx, jid: string): Props => ({
  ...{ jid, action: `${RESET_PATH}/${tokenOf(c)}`, secure: c.get('secure') },
  minPassword: Math.max(1, c.get('deps').world.config.registration.min_password),
})

interface Props {
  readonly jid: string
  readonly action: string
  readonly minPassword: number
  /** False: the page came in the clear, so no password may be sent from it. */
  readonly secure: boolean
  readonly error?: string
}

const ResetPage = ({ jid, action, minPassword, secure, error }: Props) => (
  <Layout title={tr('New password')} assets="/invite" error={error}>
    <section class="card stack">
      <h1>{tr('New password')}</h1>
      <p class="break">{tr('For {jid}.', { jid })}</p>
      {secure ? (
        <form method="post" action={action} class="stack">
          <NewPassword minPassword={minPassword} />
          <label>
            {tr('The same again')}
            <input name="again" type="password" autocomplete="new-password" required />
          </label>
          <button type="submit">{tr('Set')}</button>
        </form>
      ) : (
        <p class="note bad">
          {tr('This page came without encryption. Open it over https to choose a password here.')}
        </p>
      )}
    </section>
  </Layout>
)

const DonePage = ({ jid }: { jid: string }) => (
  <Layout title={tr('New password')} assets="/invite">
    <section class="card stack">
      <h1>{tr('The new password is set.')}</h1>
      <p class="break">{tr('Sign in as {jid} in your chat app.', { jid })}</p>
    </section>
  </Layout>
)

const GonePage = () => (
  <Layout title={tr('New password')} assets="/invite">
    <section class="card stack">
      <h1>{tr('This link is over')}</h1>
      <p>
        {tr('It has ended, was used, or the password was changed. Ask your administrator for another one.')}
      </p>
    </section>
  </Layout>
)
