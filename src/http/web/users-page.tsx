/** @jsxImportSource hono/jsx */
/** The list of accounts: searched, counted, sorted, in pages. */
import type { Account } from '../../store/accounts.ts'
import type { Order } from '../../store/account-pages.ts'
import type { HttpDeps } from '../deps.ts'
import { Layout, Time } from './layout.tsx'
import { Pager } from './list.tsx'
import type { Links } from './lists.ts'
import { show, stateOf } from './user-state.tsx'
import { numberOf, tr } from './words.ts'

export interface UserList {
  readonly items: readonly Account[]
  readonly total: number
  readonly search: string
  readonly order: Order
  readonly descending: boolean
  readonly links: Links
}

interface Props {
  readonly deps: HttpDeps
  readonly admin: string
  readonly list: UserList
  /** Address that was typed into a form which failed. */
  readonly typed?: string | undefined
  readonly notice?: string | undefined
  readonly error?: string | undefined
}

const pathOf = ({ search, order, descending }: Pick<UserList, 'search' | 'order' | 'descending'>): string => {
  const query = { search, order, falling: descending ? 'yes' : '' }
  const filled = Object.entries(query).filter(([, value]) => value !== '')
  return `/admin/users?${new URLSearchParams(filled).toString()}`
}

export const UsersPage = ({ deps, admin, list, typed, notice, error }: Props) => (
  <Layout title={tr('Users')} admin={admin} here="users" {...{ notice, error }}>
    <h1>
      {tr('Users')} <span class="state">{numberOf(list.total)}</span>
    </h1>
    <form method="get" action="/admin/users" class="row" role="search">
      <input
        name="search"
        type="search"
        value={list.search}
        placeholder={tr('Search addresses')}
        aria-label={tr('Search addresses')}
      />
      <input type="hidden" name="order" value={list.order} />
      {list.descending && <input type="hidden" name="falling" value="yes" />}
      <button type="submit" class="quiet">
        {tr('Search')}
      </button>
    </form>
    <section class="card flush">
      {list.items.length === 0 ? (
        <p class="empty">{list.search ? tr('Nobody matches.') : tr('No accounts yet.')}</p>
      ) : (
        <Table {...{ deps, list }} />
      )}
    </section>
    <Pager links={list.links} />
    <Add deps={deps} typed={typed} />
  </Layout>
)

const Add = ({ deps, typed }: Pick<Props, 'deps' | 'typed'>) => (
  <section class="card">
    <h2>{tr('Add an account')}</h2>
    <form method="post" action="/admin/users" class="row">
      <label>
        {tr('Address')}
        <input
          name="jid"
          required
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          value={typed}
          placeholder={`name@${deps.world.config.hosts[0] ?? 'localhost'}`}
        />
      </label>
      <label>
        {tr('Password')}
        <input name="password" type="password" autocomplete="new-password" required />
      </label>
      <label class="check">
        <input type="checkbox" name="allow_lookalike" value="yes" /> {tr('Even if it looks like another’s')}
      </label>
      <button type="submit">{tr('Add')}</button>
    </form>
  </section>
)

/** Chosen once more, a column turns round. Times begin with the last. */
const Column = ({ list, order, name }: { list: UserList; order: Order; name: string }) => {
  const isChosen = list.order === order
  const descending = isChosen ? !list.descending : order !== 'jid'
  const sort = isChosen ? (list.descending ? 'descending' : 'ascending') : undefined
  return (
    <th scope="col" class={order === 'jid' ? '' : 'wide'} aria-sort={sort}>
      <a href={pathOf({ ...list, order, descending })}>
        {name}
        {isChosen && <span aria-hidden="true">{list.descending ? ' ▾' : ' ▴'}</span>}
      </a>
    </th>
  )
}

const Table = ({ deps, list }: Pick<Props, 'deps' | 'list'>) => (
  <table>
    <thead>
      <tr>
        <Column list={list} order="jid" name={tr('Address')} />
        <th scope="col">{tr('State')}</th>
        <Column list={list} order="seen" name={tr('Last seen')} />
        <Column list={list} order="created" name={tr('Created')} />
      </tr>
    </thead>
    <tbody>
      {list.items.map((account) => (
        <tr>
          <td>
            <a href={show(account.jid)}>{account.jid}</a>
          </td>
          <td>{stateOf(deps, account)}</td>
          <td class="wide">
            <Time at={account.lastSeen} />
          </td>
          <td class="wide">
            <Time at={account.createdAt} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)
