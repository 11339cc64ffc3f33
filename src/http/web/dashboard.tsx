/** @jsxImportSource hono/jsx */
import { VERSION } from '../../version.ts'
import type { Check } from '../../ops/readiness.ts'
import type { HttpDeps } from '../deps.ts'
import { Layout, State } from './layout.tsx'
import { Alarms } from './push-page.tsx'

const megabytes = (bytes: number): string => `${(bytes / 1024 ** 2).toFixed(0)} MB`

function duration(seconds: number): string {
  const days = Math.floor(seconds / 86_400)
  const hours = Math.floor((seconds % 86_400) / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  return [days && `${days} d`, (days || hours) && `${hours} h`, `${minutes} min`].filter(Boolean).join(' ')
}

const Tile = ({ name, value }: { name: string; value: string }) => (
  <div class="tile">
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
)

export function DashboardPage({
  deps,
  checks,
  admin,
  notice,
}: {
  deps: HttpDeps
  checks: readonly Check[]
  admin: string
  notice?: string | undefined
}) {
  const { config, store, sessions } = deps.world
  const ready = checks.every((check) => check.ok)
  return (
    <Layout title="Dashboard" admin={admin} here="dashboard" notice={notice}>
      <h1>
        Dashboard <State good={ready}>{ready ? 'ready' : 'not ready'}</State>
      </h1>
      <Alarms deps={deps} />
      <dl class="tiles">
        <Tile name="Accounts" value={String(store.accounts.count())} />
        <Tile name="Sessions" value={String(sessions.count)} />
        <Tile name="Running for" value={duration(deps.world.uptime() / 1000)} />
        <Tile name="Memory" value={megabytes(process.memoryUsage.rss())} />
      </dl>
      <section class="card">
        <h2>Checks</h2>
        <ul class="checks">
          {checks.map((check) => (
            <li>
              <State good={check.ok && check.degraded !== true}>{stateOf(check)}</State>
              <span>
                {check.name}
                {check.detail !== undefined && <span class="dim"> {check.detail}</span>}
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section class="card">
        <h2>This server</h2>
        <dl class="facts">
          <dt>Hosts</dt>
          <dd>{config.hosts.join(', ')}</dd>
          <dt>Push</dt>
          <dd>{deps.pushTarget()}</dd>
          <dt>Registration</dt>
          <dd>{registration(config.registration)}</dd>
          <dt>Data</dt>
          <dd>
            <code>{config.data_dir}</code>
          </dd>
          <dt>Configuration</dt>
          <dd>
            <code>{config.source.file ?? 'built-in defaults'}</code>
          </dd>
          <dt>Version</dt>
          <dd>
            {VERSION} on Bun {Bun.version}
          </dd>
        </dl>
      </section>
    </Layout>
  )
}

const stateOf = ({ ok, degraded }: Check): string => (!ok ? 'fails' : degraded === true ? 'rests' : 'ok')

function registration({ in_band, http }: HttpDeps['world']['config']['registration']): string {
  const doors = [in_band && 'in the app', http && 'over HTTP'].filter(Boolean)
  return doors.length > 0 ? `open ${doors.join(' and ')}` : 'closed: accounts are made here'
}
