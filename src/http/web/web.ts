/** The routes of the web admin. Pages are rendered here and work without any script. */
import { isAdmin } from '../../accounts/admins.ts'
import { checkPassword } from '../auth.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { type App, declare, open, page } from '../policy.ts'
import { failureOf, HttpError, titleOf } from '../problem.ts'
import { isWithoutAdmin, SETUP_PATH } from '../../accounts/first-admin.ts'
import { addAssets, field, html, said } from './answers.ts'
import { ErrorPage } from './error.tsx'
import { addAboutPage } from './about.tsx'
import { addBackupPages } from './backups.tsx'
import { addBanPages } from './bans.tsx'
import { addConfigPage } from './config.tsx'
import { addInvitePages } from './invites.tsx'
import { addTokenPages } from './tokens.tsx'
import { addAuditPage } from './audit.ts'
import { addCertificatePages } from './certificates.ts'
import { addDoctorPage } from './doctor.ts'
import { addDashboard } from './live.ts'
import { addLogPage } from './logs.ts'
import type { Handler, Pages } from './pages.ts'
import { LoginPage } from './login.tsx'
import { addPushPages } from './push.ts'
import { addRoomPages } from './rooms.ts'
import { fromOwnPage, WebSessions } from './session.ts'
import { addSetup } from './setup.ts'
import { addSimulator } from './simulator.tsx'
import { addTry } from './try.tsx'
import { addUploadPages } from './uploads.ts'
import { addUserPages } from './users.ts'
import { type English, known, tr } from './words.ts'

/** A closed set: what a page says after a redirect is chosen by us, not by who wrote the link. */
const DONE = {
  added: 'The account was added.',
  weak: 'Done. The password is short, though.',
  password: 'The new password is set.',
  disabled: 'The account is disabled; its sessions were closed.',
  enabled: 'The account may log in again.',
  removed: 'The account was removed.',
  kicked: 'Closed. An app that is running comes again by itself.',
  forgotten: 'The device is forgotten. Its app registers it again when it is opened.',
  destroyed: 'The room was destroyed.',
  files: 'What was chosen is removed.',
  certificates: 'The certificates below are in force.',
  replayed: 'What the webhook refused is sent again.',
  revoked: 'The invitation is taken back.',
  token: 'The token is revoked.',
  banned: 'The address is banned.',
  pardoned: 'The ban is ended.',
  backup: 'The backup has begun.',
  verify: 'The verification has begun.',
  setup: 'Welcome. You are the administrator of this server.',
} as const satisfies Record<string, English>

function notice(c: Ctx): string | undefined {
  const done = c.req.query('done') ?? ''
  return Object.hasOwn(DONE, done) ? tr(DONE[done as keyof typeof DONE]) : undefined
}

export const isPage = (path: string): boolean => /^\/(admin|invite)\//.test(path)

/** The same failure that the API would tell, for people. */
export function errorPage(c: Ctx, error: unknown): Promise<Response> {
  const failure = failureOf(c, error)
  return html(
    c,
    ErrorPage({
      title: known(titleOf(failure)),
      detail: said(failure),
      admin: c.req.path.startsWith('/admin/'),
    }),
    failure.status,
  )
}

export function addWeb(app: App, deps: HttpDeps): void {
  const sessions = new WebSessions(deps)
  const get = (path: string, handler: Handler) => {
    declare('get', path, page)
    app.get(path, (c) => {
      const admin = sessions.admin(c)
      if (!admin) return c.redirect('/admin/login', 303)
      c.get('actor').by = admin.jid
      return handler(c, admin.jid)
    })
  }
  const post = (path: string, handler: Handler) => {
    declare('post', path, page)
    app.post(path, (c) => {
      fromOwnPage(c)
      const admin = sessions.admin(c)
      if (!admin) return c.redirect('/admin/login', 303)
      c.get('actor').by = admin.jid
      return handler(c, admin.jid)
    })
  }
  addAssets(app, '/admin')
  addLogin(app, deps, sessions)
  addSetup(app, deps, sessions)
  get('/admin', (c) => c.redirect('/admin/', 301))
  const pages: Pages = { get, post, notice }
  for (const add of [addDashboard, addLogPage, addSimulator, addTry, addBackupPages])
    add(app, deps, sessions, pages)
  for (const add of [
    addUserPages,
    addInvitePages,
    addTokenPages,
    addBanPages,
    addConfigPage,
    addAboutPage,
    addPushPages,
    addRoomPages,
    addUploadPages,
    addAuditPage,
    addCertificatePages,
    addDoctorPage,
  ])
    add(deps, pages)
}

function addLogin(app: App, deps: HttpDeps, sessions: WebSessions): void {
  // The address that a person types leads to where something can be done.
  declare('get', '/', open)
  app.get('/', (c) => c.redirect(isWithoutAdmin(deps.world) ? SETUP_PATH : '/admin/', 303))
  declare('get', '/admin/login', open)
  app.get('/admin/login', (c) => {
    if (isWithoutAdmin(deps.world)) return c.redirect(SETUP_PATH, 303)
    return sessions.admin(c) ? c.redirect('/admin/', 303) : html(c, LoginPage({}))
  })
  declare('post', '/admin/login', open)
  app.post('/admin/login', async (c) => {
    fromOwnPage(c)
    const jid = await field(c, 'jid')
    const again = (error: string, status: 401 | 403 | 429) => html(c, LoginPage({ error, jid }), status)
    if (!c.get('secure')) return again(tr('Sign in over https, or from this machine itself.'), 403)
    try {
      const account = await checkPassword(deps, jid, await field(c, 'password'), c.get('ip'))
      if (!isAdmin(deps.world, account.jid)) return again(tr('This account is not listed under admins.'), 403)
      c.get('actor').by = account.jid
      await deps.router.run((t) => t.store.audit.note('administrator signed in', { account: account.jid }))
      sessions.start(c, account)
      return c.redirect('/admin/', 303)
    } catch (error) {
      if (!(error instanceof HttpError)) throw error
      if (error.status !== 429) return again(tr('Account or password is wrong.'), 401)
      c.header('retry-after', error.more.headers?.['retry-after'] ?? '60')
      return again(said(error), 429)
    }
  })
  declare('post', '/admin/logout', page)
  app.post('/admin/logout', (c) => {
    fromOwnPage(c)
    sessions.end(c)
    return c.redirect('/admin/login', 303)
  })
}
