/** @jsxImportSource hono/jsx */
/** /admin/about: what this program is made of. */
import { partsInside } from '../../packaging/licences.ts' with { type: 'macro' }
import { SCHEMA } from '../../store/migrations.ts'
import { COMMIT, VERSION } from '../../version.ts'
import { html } from './answers.ts'
import { Layout } from './layout.tsx'
import type { Pages } from './pages.ts'
import type { HttpDeps } from '../deps.ts'
import { tr } from './words.ts'

const PARTS = partsInside()

export function addAboutPage(_: HttpDeps, { get }: Pages): void {
  get('/admin/about', (c, admin) => html(c, AboutPage({ admin })))
}

const AboutPage = ({ admin }: { admin: string }) => (
  <Layout title={tr('About')} admin={admin} here="about">
    <h1>{tr('About')}</h1>
    <section class="card">
      <dl class="facts">
        <dt>{tr('Version')}</dt>
        <dd>{tr('{version} on Bun {bun}', { version: VERSION, bun: Bun.version })}</dd>
        <dt>{tr('Commit')}</dt>
        <dd>{COMMIT === null ? tr('run from its sources') : <code class="break">{COMMIT}</code>}</dd>
        <dt>{tr('Schema of the data')}</dt>
        <dd>{String(SCHEMA)}</dd>
        <dt>{tr('Machine')}</dt>
        <dd>{`${process.platform}-${process.arch}`}</dd>
        <dt>{tr('Licence')}</dt>
        <dd>MIT</dd>
      </dl>
    </section>
    <section class="card flush">
      <h2 class="head">{tr('Inside it')}</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">{tr('Package')}</th>
            <th scope="col">{tr('Version')}</th>
            <th scope="col">{tr('Licence')}</th>
          </tr>
        </thead>
        <tbody>
          {PARTS.map(({ name, version, licence }) => (
            <tr>
              <td class="break">{name}</td>
              <td>{version}</td>
              <td>{licence}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  </Layout>
)
