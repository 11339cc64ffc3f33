/** @jsxImportSource hono/jsx */
import type { Account } from '../../store/accounts.ts'
import type { TestResult } from '../../push/diagnose/test-push.ts'
import { bucketOf, quotaOf } from '../../uploads/quota.ts'
import { sessionView } from '../accounts.ts'
import type { HttpDeps } from '../deps.ts'
import { listDevices } from '../devices.ts'
import { explainAccount } from '../explain.ts'
import { Layout, sizeOf, State, Time } from './layout.tsx'
import { Verdicts } from './push-page.tsx'
import { stateOf } from './user-state.tsx'
import { Act } from './list.tsx'
import { BUCKETS, bucketText } from './purposes.ts'
import { Rich } from './rich.tsx'
import { tr, known } from './words.ts'

/** Decisions on a user's page. */
const SHOWN = 10
/** Rows of a list on it, and messages of the archive that are counted. */
const LISTED = 100
const COUNTED = 10_000

interface Props {
  readonly deps: HttpDeps
  readonly admin: string
  readonly notice?: string | undefined
  readonly error?: string | undefined
  readonly account: Account
  /** Answers to a test that was just made. */
  readonly tested?: Tested
  /** Link to a new password that was just made. */
  readonly link?: { readonly url: string; readonly until: number }
}

type Tested = readonly TestResult[] | undefined

export const UserPage = ({ deps, admin, notice, error, account, tested, link }: Props) => (
  <Layout title={account.jid} admin={admin} here="users" {...{ notice, error }}>
    <p class="crumb">
      <a href="/admin/users">{tr('Users')}</a>
    </p>
    <h1 class="break">
      {account.jid} {stateOf(deps, account)}
    </h1>
    <Facts deps={deps} account={account} />
    <Sessions deps={deps} account={account} />
    <Devices deps={deps} account={account} tested={tested} />
    <Pushes deps={deps} account={account} />
    <Apps deps={deps} account={account} />
    <Roster deps={deps} account={account} />
    <section class="card">
      <h2>{tr('New password')}</h2>
      <form method="post" action="/admin/users/password" class="row">
        <input type="hidden" name="jid" value={account.jid} />
        <label>
          {tr('Password')}
          <input name="password" type="password" autocomplete="new-password" required />
        </label>
        <button type="submit">{tr('Set')}</button>
      </form>
      {link ? (
        <p class="break" role="status">
          <Rich
            text="The link to choose one, shown this once and good until {when}: {link}"
            parts={{ when: <Time at={link.until} />, link: <a href={link.url}>{link.url}</a> }}
          />
        </p>
      ) : (
        !account.disabled && (
          <Act
            action="/admin/users/reset"
            fields={{ jid: account.jid }}
            text={tr('Make a link with which they choose one')}
          />
        )
      )}
    </section>
    {account.jid !== admin && <Danger account={account} />}
  </Layout>
)

const Facts = ({ deps, account }: { deps: HttpDeps; account: Account }) => {
  const { store, config } = deps.world
  const waiting = store.messages.offlineSize(account)
  return (
    <section class="card">
      <dl class="facts">
        <dt>{tr('Created')}</dt>
        <dd>
          <Time at={account.createdAt} />
        </dd>
        <dt>{tr('Last seen')}</dt>
        <dd>
          <Time at={account.lastSeen} />
        </dd>
        <dt>{tr('Waiting messages')}</dt>
        <dd>{`${waiting.messages}, ${sizeOf(waiting.bytes)}`}</dd>
        <dt>{tr('Archive')}</dt>
        <dd>{archiveText(deps, account)}</dd>
        <dt>{tr('Files')}</dt>
        <dd>
          {BUCKETS.map((purpose) => (
            <div>
              {`${bucketText(purpose)}: ${sizeOf(store.uploads.bytesOf(account.id, bucketOf(purpose)))}`}
              <span class="dim">{ofQuota(quotaOf(config, purpose))}</span>
            </div>
          ))}
        </dd>
        <dt>{tr('Export')}</dt>
        <dd>
          <a href={`/admin/users/export?jid=${encodeURIComponent(account.jid)}`}>
            {tr('Everything as a file of XEP-0227')}
          </a>{' '}
          <span class="dim">{tr('with the keys of the password')}</span>
        </dd>
      </dl>
    </section>
  )
}

const ofQuota = (most: number): string =>
  Number.isFinite(most) ? ` ${tr('of {size}', { size: sizeOf(most) })}` : ''

/** Counted up to a number beyond which it does not matter. */
function archiveText({ world: { store, config } }: HttpDeps, account: Account): string {
  const n = store.history.count(account, {}, { most: COUNTED, scan: COUNTED })
  const messages = n === COUNTED ? tr('{n} or more messages', { n }) : tr('{n} messages', { n })
  if (!Number.isFinite(config.archive.max_bytes)) return messages
  return `${messages}, ${sizeOf(store.archiveSizes.of(account.id))}${ofQuota(config.archive.max_bytes)}`
}

const Sessions = ({ deps, account }: { deps: HttpDeps; account: Account }) => {
  const sessions = [...deps.world.sessions.of(account.jid)].map(sessionView)
  return (
    <section class="card">
      <h2>
        {tr('Sessions')} <span class="state">{sessions.length}</span>
      </h2>
      {sessions.length === 0 && <p class="dim">{tr('None.')}</p>}
      <ul class="lines">
        {sessions.map(({ resource, transport, address, since, state }) => (
          <li>
            <span class="break">
              {resource}
              <div class="dim small">
                <Rich
                  text="{state}, {transport} from {address}, since {when}"
                  parts={{
                    ...{ state, transport, address },
                    when: <Time at={since === null ? null : Date.parse(since)} />,
                  }}
                />
              </div>
            </span>
            <Act action="/admin/users/kick" fields={{ jid: account.jid, resource }} text={tr('Close')} />
          </li>
        ))}
      </ul>
      {sessions.length > 1 && (
        <Act action="/admin/users/kick" fields={{ jid: account.jid }} text={tr('Close all of them')} />
      )}
    </section>
  )
}

const Devices = ({ deps, account, tested }: { deps: HttpDeps; account: Account; tested: Tested }) => {
  const devices = listDevices(deps, account)
  return (
    <section class="card">
      <h2>
        {tr('Devices')} <span class="state">{devices.length}</span>
      </h2>
      {devices.length === 0 && <p class="dim">{tr('None: no phone rings.')}</p>}
      <ul class="lines">
        {devices.map(({ id, topic, environment, token, connected, muted, digest, state, updated }) => {
          const result = tested?.find(({ device }) => device === id)
          return (
            <li>
              <span class="break">
                {topic} {result && <State good={result.result === 'sent'}>{known(result.result)}</State>}
                <div class="dim small">
                  {`${environment} …${token}, ${state}${muted ? `, ${tr('muted')}` : ''}${connected === null ? '' : `, ${connected}`}, `}
                  <Rich
                    text="registered {when}"
                    parts={{ when: <Time at={updated === null ? null : Date.parse(updated)} /> }}
                  />
                </div>
                {digest !== null && (
                  <div class="dim small">{tr('digest of muted rooms at {time}', { time: digest })}</div>
                )}
                {result?.reason && <div class="small">{result.reason}</div>}
              </span>
              <Act
                action="/admin/users/forget"
                fields={{ jid: account.jid, device: id }}
                text={tr('Forget')}
              />
            </li>
          )
        })}
      </ul>
      {devices.length > 0 && (
        <Act action="/admin/users/ring" fields={{ jid: account.jid }} text={tr('Ring them now, as a test')} />
      )}
    </section>
  )
}

const Apps = ({ deps, account }: { deps: HttpDeps; account: Account }) => {
  const apps = deps.world.store.clients.list(account)
  if (apps.length === 0) return null
  return (
    <section class="card">
      <h2>
        {tr('Apps')} <span class="state">{apps.length}</span>
      </h2>
      <ul class="lines">
        {apps.slice(0, LISTED).map(({ software, device, lastLogin }) => (
          <li>
            <span class="break">
              {software ?? tr('An app')} <span class="dim">{device}</span>
              <div class="dim small">
                <Rich text="last login {when}" parts={{ when: <Time at={lastLogin} /> }} />
              </div>
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

const Roster = ({ deps, account }: { deps: HttpDeps; account: Account }) => {
  const contacts = deps.world.store.contacts.all(account).filter(({ listed }) => listed)
  return (
    <section class="card">
      <details>
        <summary>
          <h2 class="inline">{tr('Contacts')}</h2> <span class="state">{contacts.length}</span>
        </summary>
        <ul class="lines">
          {contacts.slice(0, LISTED).map(({ jid, name, subscription, groups }) => (
            <li>
              <span class="break">
                {jid} <span class="dim">{name}</span>
                <div class="dim small">{[subscription, ...groups].join(', ')}</div>
              </span>
            </li>
          ))}
        </ul>
        {contacts.length > LISTED && <p class="dim">{tr('and {n} more', { n: contacts.length - LISTED })}</p>}
      </details>
    </section>
  )
}

const Pushes = ({ deps, account }: { deps: HttpDeps; account: Account }) => (
  <section class="card">
    <h2>{tr('Does the phone ring?')}</h2>
    <ul class="findings">
      {explainAccount(deps, account, SHOWN).findings.map((finding) => (
        <li lang="en">{finding}</li>
      ))}
    </ul>
    <Verdicts rows={deps.world.store.pushReports.verdictsOf(account.id, SHOWN)} accounts={false} />
  </section>
)

const Danger = ({ account }: { account: Account }) => (
  <section class="card">
    <h2>{account.disabled ? tr('Enable or remove') : tr('Disable or remove')}</h2>
    <div class="row">
      <form method="post" action={account.disabled ? '/admin/users/enable' : '/admin/users/disable'}>
        <input type="hidden" name="jid" value={account.jid} />
        <button type="submit" class="quiet">
          {account.disabled ? tr('Enable') : tr('Disable: close its sessions, refuse its logins')}
        </button>
      </form>
      <details>
        <summary class="button danger">{tr('Remove…')}</summary>
        <form method="post" action="/admin/users/delete" class="stack">
          <input type="hidden" name="jid" value={account.jid} />
          <p>{tr('The account goes with its contacts, messages and devices. Nobody can bring it back.')}</p>
          <label class="check">
            <input type="checkbox" name="sure" value="yes" required /> {tr('I am sure')}
          </label>
          <button type="submit" class="danger">
            {tr('Remove {name}', { name: account.jid })}
          </button>
        </form>
      </details>
    </div>
  </section>
)
