/** @jsxImportSource hono/jsx */
import type { listAudit } from '../audit.ts'
import { Layout, Time } from './layout.tsx'
import { Pager } from './list.tsx'
import type { Links } from './lists.ts'
import { tr, known } from './words.ts'

interface Props {
  readonly admin: string
  readonly items: ReturnType<typeof listAudit>['items']
  readonly about: string | undefined
  readonly by: string | undefined
  readonly links: Links
}

export const AuditPage = ({ admin, items, about, by, links }: Props) => (
  <Layout title={tr('Audit')} admin={admin} here="audit">
    <h1>{tr('Audit')}</h1>
    <form method="get" action="/admin/audit" class="row">
      <input
        name="about"
        value={about ?? ''}
        aria-label={tr('Account or room')}
        placeholder={tr('Account or room')}
      />
      <input name="by" value={by ?? ''} aria-label={tr('Done by')} placeholder={tr('Done by')} />
      <button type="submit" class="quiet">
        {tr('Show')}
      </button>
    </form>
    <section class="card flush">
      {items.length === 0 ? <p class="empty">{tr('Nothing was changed.')}</p> : <Table items={items} />}
    </section>
    <Pager links={links} />
  </Layout>
)

const Table = ({ items }: Pick<Props, 'items'>) => (
  <table>
    <thead>
      <tr>
        <th scope="col">{tr('What')}</th>
        <th scope="col">{tr('By')}</th>
      </tr>
    </thead>
    <tbody>
      {items.map(({ at, event, about, by, door, address, facts }) => (
        <tr>
          <td>
            {known(event)}
            <div class="dim break">{about}</div>
            <Facts facts={facts} about={about} />
          </td>
          <td>
            <span class="break">{by}</span>
            <div class="dim break">
              {door}
              {address !== null && `, ${address}`}
            </div>
            <div class="dim">
              <Time at={Date.parse(at)} />
            </div>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)

const Facts = ({ facts, about }: { facts: Record<string, unknown>; about: string | null }) => {
  const more = Object.entries(facts).filter(([, value]) => value !== about)
  if (more.length === 0) return null
  return (
    <div class="dim break">
      {more
        .map(([key, value]) => `${key}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(', ')}
    </div>
  )
}
