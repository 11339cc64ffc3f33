/** @jsxImportSource hono/jsx */
import { VERSION } from '../../version.ts'
import { SOON_DAYS } from '../../ops/certificate-alarms.ts'
import type { Check } from '../../ops/readiness.ts'
import type { HttpDeps } from '../deps.ts'
import { nameIn } from './broadcast.ts'
import { Layout, sizeOf, State } from './layout.tsx'
import { Plots, type Span, SPANS } from './plots.tsx'
import { Alarms } from './push-page.tsx'
import { known, numberOf, tr } from './words.ts'

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
  return [
    days && tr('{n} d', { n: days }),
    (days || hours) && tr('{n} h', { n: hours }),
    tr('{n} min', { n: minutes }),
  ]
    .filter(Boolean)
    .join(' ')
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
  <Layout title={tr('Dashboard')} admin={admin} here="dashboard" notice={notice}>
    <div data-events={`/admin/events?span=${span}`}>
      <h1>
        {tr('Dashboard')} <span class="live state">{tr('live')}</span>
      </h1>
      <div id={nameIn('now')}>
        <Moment deps={deps} now={now} />
      </div>
      <nav class="spans" aria-label={tr('Time of the plots')}>
        {Object.entries(SPANS).map(([key, { name }]) => (
          <a href={`/admin/?span=${key}`} aria-current={key === span ? 'page' : undefined}>
            {tr(name)}
          </a>
        ))}
      </nav>
      <div id={nameIn(`plots-${span}`)} class="plots">
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
        <Tile name={tr('State')} value={ready ? tr('ready') : tr('not ready')} />
        <Tile name={tr('Accounts')} value={numberOf(store.accounts.count())} />
        <Tile name={tr('Sessions')} value={numberOf(sessions.count)} />
        <Tile name={tr('Running for')} value={duration(deps.world.uptime() / 1000)} />
        <Tile name={tr('Memory')} value={sizeOf(process.memoryUsage.rss())} />
        {next && (
          <Tile
            name={tr('Certificate ends')}
            value={tr('{n} d', { n: Math.max(0, daysLeft(deps, next.ends)) })}
          />
        )}
      </dl>
      <section class="card">
        <h2>
          {tr('Checks')} <State good={ready}>{ready ? tr('ready') : tr('not ready')}</State>
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
      {days < 0
        ? tr('The certificate of {host} is over.', { host })
        : tr('The certificate of {host} ends in {n} days.', { host, n: days })}
    </p>
  )

const ThisServer = ({ deps }: { deps: HttpDeps }) => {
  const { config } = deps.world
  return (
    <section class="card">
      <h2>{tr('This server')}</h2>
      <dl class="facts">
        <dt>{tr('Hosts')}</dt>
        <dd>{config.hosts.join(', ')}</dd>
        <dt>{tr('Push')}</dt>
        <dd>{known(deps.pushTarget())}</dd>
        <dt>{tr('Registration')}</dt>
        <dd>{registration(config.registration)}</dd>
        <dt>{tr('Data')}</dt>
        <dd>
          <code>{config.data_dir}</code>
        </dd>
        <dt>{tr('Configuration')}</dt>
        <dd>
          <code>{config.source.file ?? tr('built-in defaults')}</code>
        </dd>
        <dt>{tr('Version')}</dt>
        <dd>{tr('{version} on Bun {bun}', { version: VERSION, bun: Bun.version })}</dd>
      </dl>
    </section>
  )
}

const stateOf = ({ ok, degraded }: Check): string =>
  !ok ? tr('fails') : degraded === true ? tr('rests') : tr('ok')

function registration({ in_band, http }: HttpDeps['world']['config']['registration']): string {
  if (in_band && http) return tr('open in the app and over HTTP')
  if (in_band) return tr('open in the app')
  return http ? tr('open over HTTP') : tr('closed: accounts are made here')
}
