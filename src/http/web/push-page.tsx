/** @jsxImportSource hono/jsx */
import { ringsSomething } from '../../config/web-push.ts'
import { type ProbeResult, withDetail } from '../../push/apns/probe.ts'
import type { HttpDeps } from '../deps.ts'
import { verdictView } from '../explain.ts'
import { appsOf, queueView } from '../push.ts'
import { Layout, State, Time } from './layout.tsx'
import { numberOf, tr, known } from './words.ts'

export interface Count {
  readonly provider: string
  readonly result: string
  readonly reason: string
  readonly n: number
}

interface Props {
  readonly deps: HttpDeps
  readonly admin: string
  readonly notice?: string | undefined
  readonly devices: number
  /** Answers since the start. */
  readonly answers: readonly Count[]
  /** Of a check that was just made. */
  readonly probes?: readonly ProbeResult[] | undefined
}

const GOOD = new Set(['sent', 'coalesced', 'withdrawn', 'held', 'suppressed'])
const LAST = 20

export const PushPage = ({ deps, admin, notice, devices, answers, probes }: Props) => {
  const queue = queueView(deps, 1)
  const alarms = deps.push?.alarms() ?? []
  return (
    <Layout title={tr('Push')} admin={admin} here="push" notice={notice}>
      <h1>
        {tr('Push')}{' '}
        <State good={alarms.length === 0}>{alarms.length === 0 ? tr('works') : tr('needs you')}</State>
      </h1>
      <Alarms deps={deps} />
      <dl class="tiles">
        <Tile name={tr('Devices')} value={numberOf(devices)} />
        <Tile name={tr('Waiting')} value={numberOf(queue.queued)} />
        <Tile name={tr('Held back')} value={numberOf(queue.held)} />
        <Tile name={tr('Refused by the webhook')} value={numberOf(queue.dead)} />
      </dl>
      <Apps deps={deps} probes={probes} />
      <Ways lanes={queue.lanes} />
      {queue.dead > 0 && <Replay dead={queue.dead} />}
      <Answers answers={answers} />
      <section class="card">
        <h2>{tr('Last decisions')}</h2>
        <Verdicts rows={deps.world.store.pushReports.lastVerdicts(LAST)} accounts={true} />
      </section>
    </Layout>
  )
}

const Tile = ({ name, value }: { name: string; value: string }) => (
  <div class="tile">
    <dt>{name}</dt>
    <dd>{value}</dd>
  </div>
)

/** Troubles of the moment; nothing where all is well. */
export const Alarms = ({ deps }: { deps: HttpDeps }) => (
  <>
    {(deps.push?.alarms() ?? []).map(({ text }) => (
      <p class="note bad" role="alert">
        {text}
      </p>
    ))}
  </>
)

const Apps = ({ deps, probes }: { deps: HttpDeps; probes: readonly ProbeResult[] | undefined }) => {
  const { push } = deps.world.config
  const apps = (deps.push ? appsOf(deps, deps.push) : []).filter(({ derived }) => !derived)
  // As the check names them.
  const others = [
    ...push.fcm.map(({ topic, digest }) => ({ topic, environment: 'fcm', digest })),
    ...(push.webpush.contact === undefined
      ? []
      : [{ topic: 'Web Push', environment: push.webpush.contact, digest: push.webpush.digest }]),
  ]
  const rows = [
    ...apps.map((app) => ({ ...app, how: `${app.environment}, ${app.sign_in}${ageOf(app)}` })),
    ...others.map((app) => ({ ...app, how: app.environment, digest: app.digest ?? null })),
  ]
  return (
    <section class="card">
      <h2>{tr('Apps')}</h2>
      {!ringsSomething(push) && (
        <p class="dim">{tr('No app is configured: no phone rings. Add [[push.apps]].')}</p>
      )}
      <ul class="checks">
        {rows.map((app) => {
          const probe = probes?.find((p) => p.topic === app.topic && p.environment === app.environment)
          return (
            <li>
              {probe && (
                <State good={probe.result === 'ok'}>{probe.result === 'ok' ? tr('ok') : tr('refused')}</State>
              )}
              <span class="break">
                {app.topic} <span class="dim">{app.how}</span>
                {app.digest !== null && (
                  <div class="dim small">{tr('digest of muted rooms at {time}', { time: app.digest })}</div>
                )}
                {probe && (
                  <div class="dim small">{`${probe.reason ?? tr('no answer')}: ${probe.meaning}`}</div>
                )}
              </span>
            </li>
          )
        })}
      </ul>
      {rows.length > 0 && (
        <form method="post" action="/admin/push/check" class="below">
          <button type="submit" class="quiet">
            {tr('Ask Apple and Google whether they are good')}
          </button>
        </form>
      )}
    </section>
  )
}

function ageOf(app: ReturnType<typeof appsOf>[number]): string {
  if (app.certificate_ends !== null)
    return `, ${tr('ends on {day}', { day: app.certificate_ends.slice(0, 10) })}`
  if (app.token_age_seconds === null) return `, ${tr('not used yet')}`
  return `, ${tr('provider token {n} min old', { n: Math.floor(app.token_age_seconds / 60) })}`
}

const Ways = ({ lanes }: { lanes: ReturnType<typeof queueView>['lanes'] }) => {
  const busy = lanes.filter(({ waiting, under_way, paused }) => waiting + under_way > 0 || paused !== null)
  if (busy.length === 0) return null
  return (
    <section class="card">
      <h2>{tr('On the way')}</h2>
      <ul class="checks">
        {busy.slice(0, LAST).map(({ lane, waiting, under_way, paused, detail, until }) => (
          <li>
            <State good={paused === null}>{paused === null ? tr('sends') : tr('rests')}</State>
            <span class="break">
              {lane}{' '}
              <span class="dim">
                {tr('{waiting} waiting, {going} under way', { waiting, going: under_way })}
              </span>
              {paused !== null && (
                <div class="dim small">{`${withDetail(paused, detail ?? undefined)}${until === null ? '' : `, ${tr('again at {time}', { time: until })}`}`}</div>
              )}
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

const Replay = ({ dead }: { dead: number }) => (
  <section class="card">
    <h2>{tr('Refused by the webhook')}</h2>
    <form method="post" action="/admin/push/replay">
      <button type="submit" class="quiet">
        {tr('Send {n} again', { n: dead })}
      </button>
    </form>
  </section>
)

const Answers = ({ answers }: { answers: readonly Count[] }) => (
  <section class="card flush">
    <h2 class="head">{tr('Answers since the start')}</h2>
    {answers.length === 0 ? (
      <p class="empty">{tr('None yet.')}</p>
    ) : (
      <table>
        <thead>
          <tr>
            <th scope="col">{tr('Reason')}</th>
            <th scope="col">{tr('Result')}</th>
            <th scope="col" class="wide">
              {tr('From')}
            </th>
            <th scope="col">{tr('Times')}</th>
          </tr>
        </thead>
        <tbody>
          {answers.map(({ provider, result, reason, n }) => (
            <tr>
              <td>{reason}</td>
              <td>
                <State good={result === 'sent'}>{known(result)}</State>
              </td>
              <td class="wide">{provider}</td>
              <td>{n}</td>
            </tr>
          ))}
        </tbody>
      </table>
    )}
  </section>
)

type Row = ReturnType<HttpDeps['world']['store']['pushReports']['lastVerdicts']>[number]

/** A list and no table: on a phone the reasons need the whole width. */
export const Verdicts = ({ rows, accounts }: { rows: readonly Row[]; accounts: boolean }) =>
  rows.length === 0 ? (
    <p class="dim">{tr('No push was decided yet.')}</p>
  ) : (
    <ul class="decisions">
      {rows.map((row) => {
        const view = verdictView(row)
        return (
          <li>
            <State good={GOOD.has(row.verdict)}>{known(row.verdict)}</State>{' '}
            <span lang="en">{view.meaning.replace(/^[^:]*: /, '')}</span>
            <div class="dim small break">
              <Time at={row.at} />{' '}
              {accounts && <a href={`/admin/users/show?jid=${encodeURIComponent(row.jid)}`}>{row.jid}</a>}{' '}
              {tr('device {device}, message {message}', {
                device: view.device,
                message: row.message ?? '',
              })}
            </div>
          </li>
        )
      })}
    </ul>
  )
