/** /admin/uploads: files that people send, and what they take. */
import { bucketOf, quotaOf } from '../../uploads/quota.ts'
import { accountOf } from '../accounts.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { HttpError } from '../problem.ts'
import { listFiles, listQuery, purge, removeFile } from '../uploads/manage.ts'
import { field, filled, html, said } from './answers.ts'
import { trailLinks } from './lists.ts'
import type { Pages } from './pages.ts'
import { BUCKETS, bucketText } from './purposes.ts'
import { type Typed, type Used, UploadsPage } from './uploads-page.tsx'
import { tr } from './words.ts'

const LISTED = 50
const DAY_S = 86_400

export function addUploadPages(deps: HttpDeps, { get, post, notice }: Pages): void {
  const show = (c: Ctx, admin: string, error?: string, typed?: Typed): Promise<Response> => {
    const asked = listQuery.safeParse(filled(c.req.query())).data
    const { account, cursor } = asked ?? {}
    const page = failing(() => listFiles(deps, { account, cursor, limit: LISTED }))
    const files = page.value ?? listFiles(deps, { limit: LISTED })
    const shown = {
      page: files,
      links: trailLinks(c, files.next),
      typed,
      account: page.value && account,
      used: usedBy(deps, page.value && account),
      error: error ?? page.error,
    }
    return html(c, UploadsPage({ admin, notice: notice(c), ...shown }), shown.error === undefined ? 200 : 422)
  }
  get('/admin/uploads', (c, admin) => show(c, admin))
  post('/admin/uploads/delete', async (c, admin) => {
    try {
      await removeFile(deps, Number(await field(c, 'id')) || 0)
    } catch (error) {
      return show(c, admin, said(error))
    }
    return c.redirect('/admin/uploads?done=files', 303)
  })
  post('/admin/uploads/purge', async (c, admin) => {
    const [account, days] = [await field(c, 'account'), await field(c, 'days')]
    const sure = (await field(c, 'sure')) === 'yes'
    try {
      if (!sure) throw new HttpError(422, 'not-sure', tr('Tick “I am sure” first.'))
      await purge(deps, { account: account === '' ? undefined : account, older_than: secondsOf(days) })
    } catch (error) {
      return show(c, admin, said(error), { account, days, sure })
    }
    return c.redirect('/admin/uploads?done=files', 303)
  })
}

/** @throws HttpError */
function secondsOf(days: string): number | undefined {
  if (days === '') return undefined
  if (!/^[0-9]{1,4}$/.test(days)) throw new HttpError(422, 'invalid', tr('Days: a number is needed.'))
  return Number(days) * DAY_S
}

/** Bytes by quota: of all accounts, and of the one that is looked at. */
function usedBy(deps: HttpDeps, account: string | undefined): Used[] {
  const { config, store } = deps.world
  const all = { name: tr('All accounts'), bytes: store.uploads.total(), most: config.upload.total_bytes }
  if (account === undefined) return [all]
  const { id } = accountOf(deps, account)
  const own = BUCKETS.map((purpose) => ({
    name: `${account}: ${bucketText(purpose)}`,
    bytes: store.uploads.bytesOf(id, bucketOf(purpose)),
    most: quotaOf(config, purpose),
  }))
  return [all, ...own]
}

function failing<T>(f: () => T): { value?: T; error?: string } {
  try {
    return { value: f() }
  } catch (error) {
    return { error: said(error) }
  }
}
