/** The pages of accounts in the web admin. */
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { makeResetLink } from '../../accounts/reset-links.ts'
import { ORDERS, type Place, placeOf } from '../../store/account-pages.ts'
import { accountOf, addUser, deleteUser, kick, setDisabled, setPassword } from '../accounts.ts'
import type { Ctx } from '../context.ts'
import { badCursor, cursorAt, readCursor } from '../cursor.ts'
import type { HttpDeps } from '../deps.ts'
import { removeDevice } from '../devices.ts'
import { jidSchema, passwordSchema } from '../fields.ts'
import { HttpError } from '../problem.ts'
import { z } from '../schemas.ts'
import { field, html, said } from './answers.ts'
import { trailLinks } from './lists.ts'
import type { Pages } from './pages.ts'
import { exportStream } from './user-export.ts'
import { UserPage } from './user-page.tsx'
import { show } from './user-state.tsx'
import { type UserList, UsersPage } from './users-page.tsx'
import { known, tr } from './words.ts'

const LISTED = 50
const SEARCHED = 200

const placeSchema = z.tuple([z.union([z.string(), z.number()]), z.number()])

export function addUserPages(deps: HttpDeps, pages: Pages): void {
  const { get, post, notice } = pages
  const list = (c: Ctx, admin: string, failed?: { error: string; typed: string }) => {
    const page = UsersPage({ deps, admin, list: listOf(deps, c), notice: notice(c), ...failed })
    return html(c, page, failed ? 422 : 200)
  }
  get('/admin/users', (c, admin) => list(c, admin))
  post('/admin/users', async (c, admin) => {
    const typed = await field(c, 'jid')
    const jid = jidSchema.safeParse(typed)
    const password = passwordSchema.safeParse(await field(c, 'password'))
    if (!jid.success || !password.success) {
      const wrong = jid.error ?? password.error
      return list(c, admin, {
        error: known(wrong?.issues[0]?.message ?? '') || tr('The form is not complete.'),
        typed,
      })
    }
    try {
      const lookalike = (await field(c, 'allow_lookalike')) === 'yes'
      const { warnings } = await addUser(deps, jid.data, password.data, lookalike)
      return c.redirect(`/admin/users?done=${warnings.length > 0 ? 'weak' : 'added'}`, 303)
    } catch (error) {
      return list(c, admin, { error: said(error), typed })
    }
  })
  get('/admin/users/export', async (c) => {
    const account = accountOf(deps, jidOf(c.req.query('jid')))
    await deps.router.run((t) => t.store.audit.note('account exported', { account: account.jid }))
    // A name may have any character; the file's is for every file system.
    const name = account.jid.replace(/[^\w.@-]/g, '_')
    c.header('content-disposition', `attachment; filename="${name}.xml"`)
    return c.body(exportStream(deps, account), 200, { 'content-type': 'application/xml; charset=utf-8' })
  })
  addUserPage(deps, pages)
}

const jidOf = (text: string | undefined): string => jidSchema.safeParse(text).data ?? ''

function listOf(deps: HttpDeps, c: Ctx): UserList {
  const { world } = deps
  const search = (c.req.query('search') ?? '').slice(0, SEARCHED).trim()
  const order = ORDERS.find((name) => name === c.req.query('order')) ?? 'jid'
  const descending = c.req.query('falling') === 'yes'
  const cursor = c.req.query('cursor')
  const after = cursor === undefined ? undefined : placeAt(cursor, order === 'jid')
  const { items: found, total } = world.store.accountPages.page({
    order,
    descending,
    search,
    after,
    limit: LISTED + 1,
  })
  const items = found.slice(0, LISTED)
  const last = items.at(-1)
  const place = found.length > LISTED && last ? placeOf(order, last) : undefined
  return {
    ...{ items, search, order, descending, total },
    links: trailLinks(c, place ? cursorAt(JSON.stringify([place.key, place.id])) : null),
  }
}

/** @throws HttpError 400 */
function placeAt(cursor: string, isText: boolean): Place {
  let value: unknown
  try {
    value = JSON.parse(readCursor(cursor))
  } catch {
    throw badCursor()
  }
  const place = placeSchema.safeParse(value).data
  if (!place || (typeof place[0] === 'string') !== isText) throw badCursor()
  return { key: place[0], id: place[1] }
}

function addUserPage(deps: HttpDeps, { get, post, notice }: Pages): void {
  const page = (
    c: Ctx,
    admin: string,
    jid: string,
    more: Partial<Pick<Parameters<typeof UserPage>[0], 'error' | 'tested' | 'link'>> = {},
    status: ContentfulStatusCode = 200,
  ) => html(c, UserPage({ deps, admin, account: accountOf(deps, jid), notice: notice(c), ...more }), status)
  get('/admin/users/show', (c, admin) => page(c, admin, jidOf(c.req.query('jid'))))
  const form = (name: string, act: (jid: string, c: Ctx, admin: string) => Promise<string | Response>) =>
    post(`/admin/users/${name}`, async (c, admin) => {
      const { jid } = accountOf(deps, jidOf(await field(c, 'jid')))
      try {
        const done = await act(jid, c, admin)
        return typeof done === 'string' ? c.redirect(`${show(jid)}&done=${done}`, 303) : done
      } catch (error) {
        return page(c, admin, jid, { error: said(error) }, 422)
      }
    })
  form('disable', async (jid, _, admin) => {
    notOwn(jid, admin)
    await setDisabled(deps, jid, true)
    return 'disabled'
  })
  form('enable', async (jid, _, admin) => {
    notOwn(jid, admin)
    await setDisabled(deps, jid, false)
    return 'enabled'
  })
  form('password', async (jid, c) => {
    await setPassword(deps, { jid, password: await field(c, 'password') })
    return 'password'
  })
  form('kick', async (jid, c) => {
    const resource = await field(c, 'resource')
    const closed = await kick(deps, jid, resource === '' ? undefined : resource)
    if (closed === 0) throw new HttpError(404, 'no-such-session', tr('That session is over already.'))
    return 'kicked'
  })
  form('forget', async (jid, c) => {
    if (!(await removeDevice(deps, accountOf(deps, jid), await field(c, 'device'))))
      throw new HttpError(404, 'no-such-device', tr('That device is gone already.'))
    return 'forgotten'
  })
  form('ring', async (jid, c, admin) => {
    if (!deps.pushTest) throw new HttpError(503, 'server-needed', tr('No server runs that could ring.'))
    await deps.router.run((t) => t.store.audit.note('test push', { account: jid }))
    return page(c, admin, jid, { tested: await deps.pushTest(accountOf(deps, jid)) })
  })
  form('reset', async (jid, c, admin) => {
    const link = await deps.router.run((t) => makeResetLink(t, accountOf(deps, jid)))
    const base = deps.world.config.http.public_url ?? new URL(c.req.url).origin
    return page(c, admin, jid, { link: { url: base.replace(/\/+$/, '') + link.path, until: link.expiresAt } })
  })
  form('delete', async (jid, c, admin) => {
    notOwn(jid, admin)
    if ((await field(c, 'sure')) !== 'yes')
      throw new HttpError(422, 'not-sure', tr('Tick “I am sure” first.'))
    await deleteUser(deps, jid)
    return c.redirect('/admin/users?done=removed', 303)
  })
}

/** An administrator cannot disable or delete the account that asks: nobody could undo it. */
function notOwn(jid: string, admin: string): void {
  if (jid === admin) throw new HttpError(422, 'invalid', tr('This is your own account.'))
}
