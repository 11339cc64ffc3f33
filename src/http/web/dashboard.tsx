/** @jsxImportSource hono/jsx */
import { VERSION } from '../../version.ts'
import { SOON_DAYS } from '../../ops/certificate-alarms.ts'
import type { Check } from '../../ops/readiness.ts'
import type { HttpDeps } from '../deps.ts'
import { Layout, sizeOf, State } from './layout.tsx'
import { Plots, type Span, SPANS } from './plots.tsx'
import { Alarms } from './push-page.tsx'

const DAY = 86_400_000

/** Figures of the moment, made for all who look. */
export interface Now {
  readonly checks: readonly Check[]
  /** The end of each host's certificate, ms since the epoch, the next first. */
  readonly certificates: readonly { readonly host: string; readonly ends: number }[]
}

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

interface Props {
  readonly deps: HttpDeps
  readonly now: Now
  readonly admin: string
  readonly span: Span
  readonly notice?: string | undefined
}

export const DashboardPage = ({ deps, now, admin, span, notice }: Props) => (
  <Layout title="Dashboard" admin={admin} here="dashboard" notice={notice}>
    <div data-events={`/admin/events?span=${span}`}>
      <h1>
        Dashboard <span class="live state">live</span>
      </h1>
      <div id="now">
        <Moment deps={deps} now={now} />
      </div>
      <nav class="spans" aria-label="Time of the plots">
        {Object.entries(SPANS).map(([key, { name }]) => (
          <a href={`/admin/?span=${key}`} aria-current={key === span ? 'page' : undefined}>
            {name}
          </a>
        ))}
      </nav>
      <div id={`plots-${span}`} class="plots">
        <Plots deps={deps} span={span} />
      </div>
    </div>
    <ThisServer deps={deps} />
  </Layout>
)

/** The part that is renewed every few seconds. */
export const Moment = ({ deps, now: { checks, certificates } }: { deps: HttpDeps; now: Now }) => {
  const { store, sessions } = deps.world
  const ready = checks.every((check) => check.ok)
  const [next] = certificates
  return (
    <>
      <Alarms deps={deps} />
      {certificates.map(({ host, ends }) => (
        <CertificateAlarm host={host} days={daysLeft(deps, ends)} />
      ))}
      <dl class="tiles">
        <Tile name="State" value={ready ? 'ready' : 'not ready'} />
        <Tile name="Accounts" value={String(store.accounts.count())} />
        <Tile name="Sessions" value={String(sessions.count)} />
        <Tile name="Running for" value={duration(deps.world.uptime() / 1000)} />
        <Tile name="Memory" value={sizeOf(process.memoryUsage.rss())} />
        {next && <Tile name="Certificate ends" value={`${Math.max(0, daysLeft(deps, next.ends))} d`} />}
      </dl>
      <section class="card">
        <h2>
          Checks <State good={ready}>{ready ? 'ready' : 'not ready'}</State>
        </h2>
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
    </>
  )
}

const daysLeft = ({ clock }: HttpDeps, ends: number): number => Math.floor((ends - clock.now()) / DAY)

const CertificateAlarm = ({ host, days }: { host: string; days: number }) =>
  days >= SOON_DAYS ? null : (
    <p class="note bad" role="alert">
      {days < 0 ? `The certificate of ${host} is over.` : `The certificate of ${host} ends in ${days} days.`}
    </p>
  )

const ThisServer = ({ deps }: { deps: HttpDeps }) => {
  const { config } = deps.world
  return (
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
  )
}

const stateOf = ({ ok, degraded }: Check): string => (!ok ? 'fails' : degraded === true ? 'rests' : 'ok')

function registration({ in_band, http }: HttpDeps['world']['config']['registration']): string {
  const doors = [in_band && 'in the app', http && 'over HTTP'].filter(Boolean)
  return doors.length > 0 ? `open ${doors.join(' and ')}` : 'closed: accounts are made here'
}
