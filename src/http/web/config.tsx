/** @jsxImportSource hono/jsx */
/** /admin/config: the configuration in force, and what of it differs from the defaults. */
import { defaults } from '../../config/config.ts'
import { effective, type Setting } from '../../config/effective.ts'
import type { HttpDeps } from '../deps.ts'
import { html } from './answers.ts'
import { Layout } from './layout.tsx'
import type { Pages } from './pages.ts'
import { numberOf, tr } from './words.ts'

export function addConfigPage(deps: HttpDeps, { get }: Pages): void {
  get('/admin/config', (c, admin) => {
    const { config } = deps.world
    const settings = effective(config, defaults())
    const all = c.req.query('all') !== undefined
    return html(c, ConfigPage({ admin, settings, all, file: config.source.file }))
  })
}

interface Props {
  readonly admin: string
  readonly settings: readonly Setting[]
  /** Also those that are as they are by default. */
  readonly all: boolean
  readonly file: string | undefined
}

const ConfigPage = ({ admin, settings, all, file }: Props) => {
  const changed = settings.filter(({ isChanged }) => isChanged)
  return (
    <Layout title={tr('Configuration')} admin={admin} here="config">
      <h1>{tr('Configuration')}</h1>
      <p class="dim">
        <code>{file ?? tr('built-in defaults')}</code>{' '}
        {tr('{changed} of {n} keys differ from the defaults.', {
          changed: numberOf(changed.length),
          n: settings.length,
        })}
      </p>
      <nav class="spans" aria-label={tr('Keys')}>
        <a href="/admin/config" aria-current={all ? undefined : 'page'}>
          {tr('Those that differ')}
        </a>
        <a href="/admin/config?all=yes" aria-current={all ? 'page' : undefined}>
          {tr('All of them')}
        </a>
      </nav>
      <section class="card flush">
        <table>
          <thead>
            <tr>
              <th scope="col">{tr('Key')}</th>
              <th scope="col">{tr('In force')}</th>
              <th scope="col" class="wide">
                {tr('By default')}
              </th>
            </tr>
          </thead>
          <tbody>
            {(all ? settings : changed).map(({ key, value, standard, isChanged }) => (
              <tr>
                <td>
                  <code class="break">{key}</code>
                </td>
                <td>
                  <code class="break">{value || '—'}</code>{' '}
                  {isChanged && <span class="state doubtful">{tr('differs')}</span>}
                </td>
                <td class="wide">
                  <code class="break">{standard || '—'}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <p class="dim">{tr('Sizes are bytes, times milliseconds; secrets are in files of their own.')}</p>
    </Layout>
  )
}
