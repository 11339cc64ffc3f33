/** @jsxImportSource hono/jsx */
/** /admin/bans: addresses that are banned from logins, and the limits that were reached. */
import { limitsHit } from '../../metrics/metrics.ts'
import { banAddress, banView, endBans, newBan, running } from '../bans.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { HttpError } from '../problem.ts'
import { field, filled, html, said } from './answers.ts'
import { Layout, Time } from './layout.tsx'
import { Act, Pager, SortHead } from './list.tsx'
import { type ShortList, shortList } from './lists.ts'
import type { Pages } from './pages.ts'
import { known, numberOf, tr } from './words.ts'

type View = ReturnType<typeof banView>

interface Typed {
  readonly address: string
  readonly account: string
}

interface Hit {
  readonly limit: string
  readonly times: number
}

const COLUMNS = {
  since: ({ since }: View) => since,
  address: ({ address }: View) => address,
  account: ({ account }: View) => account,
  until: ({ until }: View) => until,
}

export function addBanPages(deps: HttpDeps, { get, post, notice }: Pages): void {
  const show = async (c: Ctx, admin: string, more: { error?: string; typed?: Typed } = {}) => {
    const list = shortList(c, running(deps).logins.bans().map(banView), COLUMNS)
    const page = BansPage({ admin, list, hits: await hits(), notice: notice(c), ...more })
    return html(c, page, more.error === undefined ? 200 : 422)
  }
  const placeOf = async (c: Ctx): Promise<Typed> => ({
    address: (await field(c, 'address')).trim(),
    account: (await field(c, 'account')).trim(),
  })
  get('/admin/bans', (c, admin) => show(c, admin))
  const form = (path: string, act: (place: ReturnType<typeof wanted>) => Promise<unknown>, done: string) =>
    post(path, async (c, admin) => {
      const typed = await placeOf(c)
      try {
        await act(wanted(typed))
      } catch (error) {
        return show(c, admin, { error: said(error), typed })
      }
      return c.redirect(`/admin/bans?done=${done}`, 303)
    })
  form('/admin/bans', (place) => banAddress(deps, place), 'banned')
  form('/admin/bans/end', (place) => endBans(deps, place), 'pardoned')
}

/** @throws HttpError 422 */
function wanted(typed: Typed) {
  const { data, error } = newBan.safeParse(filled({ ...typed }))
  if (!data) throw new HttpError(422, 'invalid', known(error.issues[0]?.message ?? ''))
  return data
}

/** Limits of [limits] that were reached since the start, the most frequent first. */
async function hits(): Promise<Hit[]> {
  const { values } = await limitsHit.get()
  return values
    .map(({ labels, value }) => ({ limit: String(labels.limit), times: value }))
    .filter(({ times }) => times > 0)
    .sort((one, other) => other.times - one.times)
}

interface Props {
  readonly admin: string
  readonly list: ShortList<View>
  readonly hits: readonly Hit[]
  readonly notice: string | undefined
  readonly error?: string
  readonly typed?: Typed
}

const BansPage = ({ admin, list, hits, notice, error, typed }: Props) => (
  <Layout title={tr('Bans and limits')} admin={admin} here="bans" {...{ notice, error }}>
    <h1>
      {tr('Bans and limits')} <span class="state">{numberOf(list.total)}</span>
    </h1>
    <section class="card flush">
      {list.items.length === 0 ? <p class="empty">{tr('No address is banned.')}</p> : <Table list={list} />}
    </section>
    <Pager links={list.links} />
    <section class="card">
      <h2>{tr('Ban an address')}</h2>
      <form method="post" action="/admin/bans" class="row">
        <label>
          {tr('Address')}
          <input name="address" value={typed?.address} required autocomplete="off" placeholder="192.0.2.1" />
        </label>
        <label>
          {tr('From this account only (may stay empty)')}
          <input name="account" value={typed?.account} autocomplete="off" />
        </label>
        <button type="submit">{tr('Ban')}</button>
      </form>
      <p class="dim small">{tr('From logins, for limits.auth_ban, and until a restart at the latest.')}</p>
    </section>
    <section class="card flush">
      <h2 class="head">{tr('Limits reached since the start')}</h2>
      {hits.length === 0 ? <p class="empty">{tr('None.')}</p> : <Hits hits={hits} />}
    </section>
  </Layout>
)

const Table = ({ list }: Pick<Props, 'list'>) => (
  <table>
    <thead>
      <tr>
        <SortHead list={list} order="address" name="Address" />
        <SortHead list={list} order="until" name="Until" />
        <SortHead list={list} order="since" name="Since" wide />
        <th scope="col">
          <span class="unseen">{tr('End the ban')}</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {list.items.map(({ address, account, failures, since, until }) => (
        <tr>
          <td>
            <span class="break">{address}</span>
            <div class="dim break">
              {account ?? tr('all accounts')}, {tr('{n} failures', { n: failures })}
            </div>
          </td>
          <td>{until === null ? tr('for ever') : <Time at={Date.parse(until)} />}</td>
          <td class="wide">
            <Time at={since === null ? null : Date.parse(since)} />
          </td>
          <td>
            <Act
              action="/admin/bans/end"
              fields={{ address, ...(account === null ? {} : { account }) }}
              text={tr('End')}
              label={tr('End the ban of {address}', { address })}
            />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)

const Hits = ({ hits }: { hits: readonly Hit[] }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">{tr('Limit')}</th>
        <th scope="col">{tr('Times')}</th>
      </tr>
    </thead>
    <tbody>
      {hits.map(({ limit, times }) => (
        <tr>
          <td>
            <code>{limit}</code>
          </td>
          <td>{numberOf(times)}</td>
        </tr>
      ))}
    </tbody>
  </table>
)
