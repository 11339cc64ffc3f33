/** @jsxImportSource hono/jsx */
import type { Account } from '../../store/accounts.ts'
import type { Page } from '../accounts.ts'
import type { HttpDeps } from '../deps.ts'
import { listDevices } from '../devices.ts'
import { explainAccount } from '../explain.ts'
import { Layout, State, Time } from './layout.tsx'
import { Verdicts } from './push-page.tsx'

/** Decisions on a user's page. */
const SHOWN = 10

interface Props {
  readonly deps: HttpDeps
  readonly admin: string
  readonly notice?: string | undefined
  readonly error?: string | undefined
}

const show = (jid: string): string => `/admin/users/show?jid=${encodeURIComponent(jid)}`

export const UsersPage = ({
  deps,
  admin,
  notice,
  error,
  page,
  search,
}: Props & { page: Page; search: string }) => (
  <Layout title="Users" admin={admin} here="users" {...{ notice, error }}>
    <h1>Users</h1>
    <form method="get" action="/admin/users" class="row" role="search">
      <input
        name="search"
        type="search"
        value={search}
        placeholder="Search addresses"
        aria-label="Search addresses"
      />
      <button type="submit" class="quiet">
        Search
      </button>
    </form>
    <section class="card flush">
      {page.items.length === 0 ? (
        <p class="empty">{search ? 'Nobody matches.' : 'No accounts yet.'}</p>
      ) : (
        <Table {...{ deps, page }} />
      )}
    </section>
    {page.next !== null && (
      <p>
        <a
          class="button quiet"
          href={`/admin/users?${new URLSearchParams({ search, cursor: page.next }).toString()}`}
        >
          Next page
        </a>
      </p>
    )}
    <section class="card">
      <h2>Add an account</h2>
      <form method="post" action="/admin/users" class="row">
        <label>
          Address
          <input
            name="jid"
            required
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            placeholder={`name@${deps.world.config.hosts[0] ?? 'localhost'}`}
          />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="new-password" required />
        </label>
        <label class="check">
          <input type="checkbox" name="allow_lookalike" value="yes" /> Even if it looks like another’s
        </label>
        <button type="submit">Add</button>
      </form>
    </section>
  </Layout>
)

const Table = ({ deps, page }: { deps: HttpDeps; page: Page }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">Address</th>
        <th scope="col">State</th>
        <th scope="col" class="wide">
          Last seen
        </th>
        <th scope="col" class="wide">
          Created
        </th>
      </tr>
    </thead>
    <tbody>
      {page.items.map((account) => (
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

function stateOf(deps: HttpDeps, account: Account) {
  if (account.disabled) return <State good={false}>disabled</State>
  const sessions = deps.world.sessions.countOf(account.jid)
  return sessions > 0 ? <State good={true}>online</State> : <span class="state">offline</span>
}

export const UserPage = ({ deps, admin, notice, error, account }: Props & { account: Account }) => (
  <Layout title={account.jid} admin={admin} here="users" {...{ notice, error }}>
    <p class="crumb">
      <a href="/admin/users">Users</a>
    </p>
    <h1 class="break">
      {account.jid} {stateOf(deps, account)}
    </h1>
    <Facts deps={deps} account={account} />
    <Pushes deps={deps} account={account} />
    <section class="card">
      <h2>New password</h2>
      <form method="post" action="/admin/users/password" class="row">
        <input type="hidden" name="jid" value={account.jid} />
        <label>
          Password
          <input name="password" type="password" autocomplete="new-password" required />
        </label>
        <button type="submit">Set</button>
      </form>
    </section>
    {account.jid !== admin && <Danger account={account} />}
  </Layout>
)

const Facts = ({ deps, account }: { deps: HttpDeps; account: Account }) => (
  <section class="card">
    <dl class="facts">
      <dt>Created</dt>
      <dd>
        <Time at={account.createdAt} />
      </dd>
      <dt>Last seen</dt>
      <dd>
        <Time at={account.lastSeen} />
      </dd>
      <dt>Sessions</dt>
      <dd>
        {[...deps.world.sessions.of(account.jid)].map((session) => (
          <div>
            {session.jid.resource}{' '}
            <span class="dim">{`${session.outlet.kind} from ${session.outlet.ip}`}</span>
          </div>
        ))}
        {deps.world.sessions.countOf(account.jid) === 0 && <span class="dim">none</span>}
      </dd>
      <dt>Devices</dt>
      <dd>
        {listDevices(deps, account).map((device) => (
          <div>
            {device.topic} <span class="dim">{`${device.environment} …${device.token} ${device.state}`}</span>
          </div>
        ))}
        {listDevices(deps, account).length === 0 && <span class="dim">none</span>}
      </dd>
    </dl>
  </section>
)

const Pushes = ({ deps, account }: { deps: HttpDeps; account: Account }) => (
  <section class="card">
    <h2>Does the phone ring?</h2>
    <ul class="findings">
      {explainAccount(deps, account, SHOWN).findings.map((finding) => (
        <li>{finding}</li>
      ))}
    </ul>
    <Verdicts rows={deps.world.store.pushReports.verdictsOf(account.id, SHOWN)} accounts={false} />
  </section>
)

const Danger = ({ account }: { account: Account }) => (
  <section class="card">
    <h2>{account.disabled ? 'Enable or remove' : 'Disable or remove'}</h2>
    <div class="row">
      <form method="post" action={account.disabled ? '/admin/users/enable' : '/admin/users/disable'}>
        <input type="hidden" name="jid" value={account.jid} />
        <button type="submit" class="quiet">
          {account.disabled ? 'Enable' : 'Disable: close its sessions, refuse its logins'}
        </button>
      </form>
      <details>
        <summary class="button danger">Remove…</summary>
        <form method="post" action="/admin/users/delete" class="stack">
          <input type="hidden" name="jid" value={account.jid} />
          <p>The account goes with its contacts, messages and devices. Nobody can bring it back.</p>
          <label class="check">
            <input type="checkbox" name="sure" value="yes" required /> I am sure
          </label>
          <button type="submit" class="danger">
            Remove {account.jid}
          </button>
        </form>
      </details>
    </div>
  </section>
)
