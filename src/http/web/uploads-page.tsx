/** @jsxImportSource hono/jsx */
import type { listFiles } from '../uploads/manage.ts'
import { Layout, sizeOf, Time } from './layout.tsx'
import { Pager } from './list.tsx'
import type { Links } from './lists.ts'
import { purposeText } from './purposes.ts'
import { tr } from './words.ts'

export interface Used {
  readonly name: string
  readonly bytes: number
  /** Infinity: no quota. */
  readonly most: number
}

/** Values of the form that removes many, when it failed. */
export interface Typed {
  readonly account: string
  readonly days: string
  readonly sure: boolean
}

type Page = ReturnType<typeof listFiles>

interface Props {
  readonly admin: string
  readonly notice?: string | undefined
  readonly error?: string | undefined
  readonly page: Page
  readonly links: Links
  readonly typed?: Typed | undefined
  readonly account: string | undefined
  readonly used: readonly Used[]
}

const at = (iso: string | null): number | null => (iso === null ? null : Date.parse(iso))

export const UploadsPage = ({ admin, notice, error, page, links, account, used, typed }: Props) => (
  <Layout title={tr('Files')} admin={admin} here="uploads" {...{ notice, error }}>
    <h1>{tr('Files')}</h1>
    <form method="get" action="/admin/uploads" class="row">
      <input name="account" value={account ?? ''} aria-label={tr('Account')} placeholder={tr('Account')} />
      <button type="submit" class="quiet">
        {tr('Show')}
      </button>
    </form>
    <section class="card">
      <dl class="facts">
        {used.map(({ name, bytes, most }) => (
          <>
            <dt class="break">{name}</dt>
            <dd>
              {sizeOf(bytes)}{' '}
              {Number.isFinite(most) && <span class="dim">{tr('of {size}', { size: sizeOf(most) })}</span>}
            </dd>
          </>
        ))}
      </dl>
    </section>
    <section class="card flush">
      {page.items.length === 0 ? <p class="empty">{tr('No files.')}</p> : <Table items={page.items} />}
    </section>
    <Pager links={links} />
    <Purge account={account} typed={typed} />
  </Layout>
)

const Table = ({ items }: { items: Page['items'] }) => (
  <table>
    <thead>
      <tr>
        <th scope="col">{tr('File')}</th>
        <th scope="col">{tr('Size')}</th>
        <th scope="col" class="wide">
          {tr('Stored')}
        </th>
        <th scope="col" class="wide">
          {tr('Until')}
        </th>
        <th scope="col">
          <span class="unseen">{tr('Remove')}</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {items.map(({ id, owner, name, type, size, purpose, stored, expires }) => (
        <tr>
          <td>
            <span class="break">{name}</span>
            <div class="dim break">
              <a href={`/admin/uploads?${new URLSearchParams({ account: owner }).toString()}`}>{owner}</a>
              {type !== null && `, ${type}`}
              {purpose !== 'message' && `, ${purposeText(purpose)}`}
            </div>
          </td>
          <td>{sizeOf(size)}</td>
          <td class="wide">
            <Time at={at(stored)} />
          </td>
          <td class="wide">{expires === null ? tr('for ever') : <Time at={at(expires)} />}</td>
          <td>
            <form method="post" action="/admin/uploads/delete">
              <input type="hidden" name="id" value={String(id)} />
              <button type="submit" class="quiet" aria-label={tr('Remove {name}', { name })}>
                {tr('Remove')}
              </button>
            </form>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)

const Purge = ({ account, typed }: Pick<Props, 'account' | 'typed'>) => (
  <section class="card">
    <h2>{tr('Remove many')}</h2>
    <details open={typed !== undefined}>
      <summary class="button danger">{tr('Remove…')}</summary>
      <form method="post" action="/admin/uploads/purge" class="stack">
        <p>{tr('Files of an account, of an age, or both. Nobody can bring them back.')}</p>
        <label>
          {tr('Account')}
          <input name="account" value={typed?.account ?? account ?? ''} autocomplete="off" />
        </label>
        <label>
          {tr('Older than so many days')}
          <input name="days" inputmode="numeric" value={typed?.days} autocomplete="off" />
        </label>
        <label class="check">
          <input type="checkbox" name="sure" value="yes" checked={typed?.sure === true} required />{' '}
          {tr('I am sure')}
        </label>
        <button type="submit" class="danger">
          {tr('Remove')}
        </button>
      </form>
    </details>
  </section>
)
