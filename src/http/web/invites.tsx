/** @jsxImportSource hono/jsx */
/** /admin/invites: invitations that hold, and new ones as a link and a code to scan. */
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import { createInvite, inviteView, LISTED, newInvite, revokeInvite } from '../invites.ts'
import { HttpError } from '../problem.ts'
import { field, html, said } from './answers.ts'
import { Layout, State, Time } from './layout.tsx'
import { Act, Pager, SortHead } from './list.tsx'
import { type ShortList, shortList } from './lists.ts'
import type { Pages } from './pages.ts'
import { Qr } from './qr.tsx'
import { known, numberOf, tr } from './words.ts'

type View = ReturnType<typeof inviteView>
type Made = Awaited<ReturnType<typeof createInvite>>

const DAY_S = 86_400
const FIELDS = ['host', 'jid', 'inviter', 'uses', 'days', 'register'] as const
type Typed = Readonly<Partial<Record<(typeof FIELDS)[number], string>>>

const COLUMNS = {
  created: ({ created }: View) => created,
  expires: ({ expires }: View) => expires,
  used: ({ used }: View) => used,
}

export function addInvitePages(deps: HttpDeps, { get, post, notice }: Pages): void {
  const { config, store } = deps.world
  const show = (c: Ctx, admin: string, more: { error?: string; typed?: Typed; made?: Made } = {}) => {
    const list = shortList(c, store.invites.list(LISTED).map(inviteView), COLUMNS)
    const days = Math.max(1, Math.round(config.invites.lifetime / 1000 / DAY_S))
    const page = InvitesPage({
      admin,
      list,
      days,
      now: deps.world.now(),
      hosts: config.hosts,
      notice: notice(c),
      ...more,
    })
    return html(c, page, more.error === undefined ? 200 : 422)
  }
  get('/admin/invites', (c, admin) => show(c, admin))
  post('/admin/invites', async (c, admin) => {
    const typed = Object.fromEntries(
      await Promise.all(FIELDS.map(async (name) => [name, (await field(c, name)).trim()] as const)),
    ) as Typed
    try {
      return await show(c, admin, { made: await createInvite(deps, wanted(typed)) })
    } catch (error) {
      return show(c, admin, { error: said(error), typed })
    }
  })
  post('/admin/invites/revoke', async (c, admin) => {
    try {
      await revokeInvite(deps, Number(await field(c, 'id')) || 0)
    } catch (error) {
      return show(c, admin, { error: said(error) })
    }
    return c.redirect('/admin/invites?done=revoked', 303)
  })
}

/** @throws HttpError 422 */
function wanted({ host, jid, inviter, uses, days, register }: Typed) {
  const { data, error } = newInvite.safeParse({
    ...(host ? { host } : {}),
    ...(jid ? { jid } : {}),
    ...(inviter ? { inviter } : {}),
    ...(uses ? { uses: Number(uses) } : {}),
    ...(days ? { expires_in: Number(days) * DAY_S } : {}),
    register: register === 'yes',
  })
  if (!data) throw new HttpError(422, 'invalid', known(error.issues[0]?.message ?? ''))
  return data
}

interface Props {
  readonly admin: string
  readonly list: ShortList<View>
  /** Days that an invitation holds where nothing else is said. */
  readonly days: number
  readonly now: number
  readonly hosts: readonly string[]
  readonly notice: string | undefined
  readonly error?: string
  readonly typed?: Typed
  readonly made?: Made
}

const InvitesPage = ({ admin, list, notice, error, made, ...rest }: Props) => (
  <Layout title={tr('Invitations')} admin={admin} here="invites" {...{ notice, error }}>
    <h1>
      {tr('Invitations')} <span class="state">{numberOf(list.total)}</span>
    </h1>
    {made && <MadeNow made={made} />}
    <section class="card flush">
      {list.items.length === 0 ? (
        <p class="empty">{tr('No invitations.')}</p>
      ) : (
        <table>
          <thead>
            <tr>
              <th scope="col">{tr('For')}</th>
              <SortHead list={list} order="used" name="Used" />
              <SortHead list={list} order="expires" name="Until" />
              <SortHead list={list} order="created" name="Created" wide />
              <th scope="col">
                <span class="unseen">{tr('Take back')}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {list.items.map((item) => (
              <Row item={item} now={rest.now} />
            ))}
          </tbody>
        </table>
      )}
    </section>
    <Pager links={list.links} />
    <New {...rest} />
  </Layout>
)

const Row = ({ item, now }: { item: View; now: number }) => {
  const ends = Date.parse(item.expires ?? '')
  return (
    <tr>
      <td>
        <span class="break">{item.jid ?? item.host}</span>
        <div class="dim break">
          {[
            item.register ? tr('makes an account') : tr('makes a contact'),
            ...(item.inviter === null ? [] : [tr('of {jid}', { jid: item.inviter })]),
          ].join(', ')}
        </div>
      </td>
      <td>
        {numberOf(item.used)} / {numberOf(item.uses)}
      </td>
      <td>{ends > now ? <Time at={ends} /> : <State good={false}>{tr('ended')}</State>}</td>
      <td class="wide">
        <Time at={Date.parse(item.created ?? '')} />
      </td>
      <td>
        <Act
          action="/admin/invites/revoke"
          fields={{ id: String(item.id) }}
          text={tr('Take back')}
          label={tr('Take back the invitation {id}', { id: String(item.id) })}
        />
      </td>
    </tr>
  )
}

const MadeNow = ({ made }: { made: Made }) => (
  <section class="card stack" role="status">
    <h2>{tr('The invitation is made')}</h2>
    <p>{tr('Its link is shown this once. Send it, or let it be scanned.')}</p>
    <div class="beside">
      <p class="break">
        <a href={made.url ?? made.uri}>{made.url ?? made.uri}</a>
      </p>
      <figure>
        <Qr text={made.url ?? made.uri} label={tr('QR code of this invitation')} />
      </figure>
    </div>
    {made.url === null && <p class="dim small">{tr('With [http] public_url it would be a page.')}</p>}
  </section>
)

const New = ({ hosts, days, typed = {} }: Pick<Props, 'hosts' | 'days' | 'typed'>) => (
  <section class="card">
    <h2>{tr('Invite somebody')}</h2>
    <form method="post" action="/admin/invites" class="stack">
      <label>
        {tr('Host')}
        <select name="host">
          {hosts.map((host) => (
            <option value={host} selected={host === typed.host}>
              {host}
            </option>
          ))}
        </select>
      </label>
      <label>
        {tr('Only for this address (may stay empty)')}
        <input name="jid" value={typed.jid} autocomplete="off" autocapitalize="none" spellcheck={false} />
      </label>
      <label>
        {tr('In the name of this account, whose contact they become (may stay empty)')}
        <input
          name="inviter"
          value={typed.inviter}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
        />
      </label>
      <label>
        {tr('Times that it can be used')}
        <input name="uses" inputmode="numeric" value={typed.uses ?? '1'} required />
      </label>
      <label>
        {tr('Days that it holds')}
        <input name="days" inputmode="numeric" value={typed.days ?? String(days)} required />
      </label>
      <label class="check">
        <input type="checkbox" name="register" value="yes" checked={(typed.register ?? 'yes') === 'yes'} />{' '}
        {tr('An account may be made with it')}
      </label>
      <button type="submit">{tr('Invite')}</button>
    </form>
  </section>
)
