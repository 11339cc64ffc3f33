/** @jsxImportSource hono/jsx */
import type { CertificateView } from '../deps.ts'
import { Layout, State, Time } from './layout.tsx'
import { Rich } from './rich.tsx'
import { tr } from './words.ts'

interface Props {
  readonly admin: string
  readonly items: readonly CertificateView[]
  readonly alarms: readonly string[]
  readonly notice: string | undefined
  readonly error: string | undefined
}

export const CertificatesPage = ({ admin, items, alarms, notice, error }: Props) => (
  <Layout title={tr('Certificates')} admin={admin} here="certificates" notice={notice}>
    <h1>{tr('Certificates')}</h1>
    {[...(error === undefined ? [] : [error]), ...alarms.filter((text) => text !== error)].map((text) => (
      <p class="note bad break" role="alert">
        {text}
      </p>
    ))}
    <section class="card flush">
      <table>
        <thead>
          <tr>
            <th scope="col">{tr('For')}</th>
            <th scope="col">{tr('Until')}</th>
          </tr>
        </thead>
        <tbody>
          {items.map((item) => (
            <Certificate {...item} />
          ))}
        </tbody>
      </table>
    </section>
    <div class="row">
      <Action path="reload" name={tr('Read files anew')} />
      {items.some(({ next }) => next !== null) && <Action path="renew" name={tr('Fetch new ones now')} />}
    </div>
  </Layout>
)

const Action = ({ path, name }: { path: string; name: string }) => (
  <form method="post" action={`/admin/certificates/${path}`}>
    <button type="submit" class="quiet">
      {name}
    </button>
  </form>
)

const ORIGINS = {
  files: 'own files',
  acme: 'fetched from the authority',
  'self-signed': 'signed by this server itself: clients that check refuse it',
  none: 'not fetched yet',
} as const

const Certificate = ({
  name,
  origin,
  names,
  issuer,
  serial,
  not_after,
  days_left,
  next,
  error,
}: CertificateView) => (
  <tr>
    <td>
      <span class="break">{name === 'default' ? tr('all other names') : name}</span>
      <div class="dim break">{names.join(', ')}</div>
      <div class="dim break">
        {tr(ORIGINS[origin])}
        {issuer !== null && `, ${issuer.replaceAll('\n', ', ')}`}
        {serial !== null && `, ${tr('serial {serial}', { serial })}`}
      </div>
      {error !== null && <div class="break">{error}</div>}
    </td>
    <td>
      {not_after === null ? <State good={false}>{tr('none')}</State> : <Time at={Date.parse(not_after)} />}
      {days_left !== null && <div class="dim">{tr('{n} days left', { n: days_left })}</div>}
      {next !== null && (
        <div class="dim">
          <Rich
            text={error === null ? 'renewed {when}' : 'tried again {when}'}
            parts={{ when: <Time at={Date.parse(next)} /> }}
          />
        </div>
      )}
    </td>
  </tr>
)
