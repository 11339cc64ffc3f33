/** @jsxImportSource hono/jsx */
/** /admin/tokens: bearer tokens of programs. */
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { SCOPES } from '../policy.ts'
import { HttpError } from '../problem.ts'
import { createToken, newToken, revokeToken, tokenView } from '../tokens.ts'
import { field, html, said } from './answers.ts'
import { Layout, State, Time } from './layout.tsx'
import { Act, Pager, SortHead } from './list.tsx'
import { type ShortList, shortList } from './lists.ts'
import type { Pages } from './pages.ts'
import { known, numberOf, tr } from './words.ts'

type View = ReturnType<typeof tokenView>
type Made = Awaited<ReturnType<typeof createToken>>

interface Typed {
  readonly name: string
  readonly days: string
  readonly scopes: readonly string[]
}

const DAY_S = 86_400
const DAYS = '90'
const at = (iso: string | null): number | null => (iso === null ? null : Date.parse(iso))

const COLUMNS = {
  name: ({ name }: View) => name,
  created: ({ created }: View) => created,
  used: ({ last_used }: View) => last_used,
  expires: ({ expires }: View) => expires,
}

export function addTokenPages(deps: HttpDeps, { get, post, notice }: Pages): void {
  const show = (c: Ctx, admin: string, more: { error?: string; typed?: Typed; made?: Made } = {}) => {
    const list = shortList(c, deps.world.store.tokens.list(null).map(tokenView), COLUMNS)
    const page = TokensPage({ admin, list, now: deps.world.now(), notice: notice(c), ...more })
    return html(c, page, more.error === undefined ? 200 : 422)
  }
  get('/admin/tokens', (c, admin) => show(c, admin))
  post('/admin/tokens', async (c, admin) => {
    const { scopes = [] } = await c.req.parseBody({ all: true })
    const chosen = [scopes].flat().filter((one): one is string => typeof one === 'string')
    const typed = { name: await field(c, 'name'), days: (await field(c, 'days')).trim(), scopes: chosen }
    try {
      return await show(c, admin, { made: await createToken(deps, wanted(typed)) })
    } catch (error) {
      return show(c, admin, { error: said(error), typed })
    }
  })
  post('/admin/tokens/revoke', async (c, admin) => {
    try {
      await revokeToken(deps, Number(await field(c, 'id')) || 0)
    } catch (error) {
      return show(c, admin, { error: said(error) })
    }
    return c.redirect('/admin/tokens?done=token', 303)
  })
}

/** @throws HttpError 422 */
function wanted({ name, days, scopes }: Typed) {
  if (scopes.length === 0) throw new HttpError(422, 'invalid', tr('Choose what the token may do.'))
  const expires_in = days === '' ? null : Number(days) * DAY_S
  const { data, error } = newToken.safeParse({ name, scopes, expires_in })
  if (!data) throw new HttpError(422, 'invalid', known(error.issues[0]?.message ?? ''))
  return data
}

interface Props {
  readonly admin: string
  readonly list: ShortList<View>
  readonly now: number
  readonly notice: string | undefined
  readonly error?: string
  readonly typed?: Typed
  readonly made?: Made
}

const TokensPage = ({ admin, list, now, notice, error, typed, made }: Props) => (
  <Layout title={tr('API tokens')} admin={admin} here="tokens" {...{ notice, error }}>
    <h1>
      {tr('API tokens')} <span class="state">{numberOf(list.total)}</span>
    </h1>
    <p class="dim">
      <a href="/v1/docs">{tr('Documentation of the API')}</a>
    </p>
    {made && (
      <section class="card stack" role="status">
        <h2>{tr('The token is made')}</h2>
        <p>{tr('It is shown this once: copy it now.')}</p>
        <p class="break">
          <code>{made.token}</code>
        </p>
      </section>
    )}
    <section class="card flush">
      {list.items.length === 0 ? (
        <p class="empty">{tr('No tokens.')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <SortHead list={list} order="name" name="Name" />
              <SortHead list={list} order="expires" name="Until" />
              <SortHead list={list} order="used" name="Last used" wide />
              <SortHead list={list} order="created" name="Created" wide />
              <th scope="col">
                <span class="unseen">{tr('Revoke')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {list.items.map((item) => (
              <Row item={item} now={now} />
            ))}
          </tbody>
        </table>
      )}
    </section>
    <Pager links={list.links} />
    <New typed={typed} />
  </Layout>
)

const Row = ({ item, now }: { item: View; now: number }) => {
  const ends = at(item.expires)
  return (
    <tr>
      <td>
        <span class="break">{item.name}</span>
        <div class="dim break">
          <code>{item.prefix}…</code> {item.scopes.join(', ')}
        </div>
      </td>
      <td>
        {ends === null ? (
          tr('for ever')
        ) : ends > now ? (
          <Time at={ends} />
        ) : (
          <State good={false}>{tr('ended')}</State>
        )}
      </td>
      <td class="wide">
        <Time at={at(item.last_used)} />
      </td>
      <td class="wide">
        <Time at={at(item.created)} />
      </td>
      <td>
        <Act
          action="/admin/tokens/revoke"
          fields={{ id: String(item.id) }}
          text={tr('Revoke')}
          label={tr('Revoke {name}', { name: item.name })}
        />
      </td>
    </tr>
  )
}

const New = ({ typed }: { typed: Typed | undefined }) => (
  <section class="card">
    <h2>{tr('Make a token')}</h2>
    <form method="post" action="/admin/tokens" class="stack">
      <label>
        {tr('Name')}
        <input name="name" value={typed?.name} maxlength={100} required autocomplete="off" />
      </label>
      <label>
        {tr('Days that it holds (empty: for ever)')}
        <input name="days" inputmode="numeric" value={typed?.days ?? DAYS} autocomplete="off" />
      </label>
      <fieldset class="choices">
        <legend>{tr('What it may do')}</legend>
        {SCOPES.map((scope) => (
          <label class="check">
            <input
              type="checkbox"
              name="scopes"
              value={scope}
              checked={typed?.scopes.includes(scope) === true}
            />{' '}
            <code>{scope}</code>
          </label>
        ))}
      </fieldset>
      <button type="submit">{tr('Make the token')}</button>
    </form>
  </section>
)
