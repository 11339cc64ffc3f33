/** @jsxImportSource hono/jsx */
import { type ProbeResult, withDetail } from '../../push/apns/probe.ts'
import type { HttpDeps } from '../deps.ts'
import { verdictView } from '../explain.ts'
import { appView, queueView } from '../push.ts'
import { Layout, State, Time } from './layout.tsx'

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
    <Layout title="Push" admin={admin} here="push" notice={notice}>
      <h1>
        Push <State good={alarms.length === 0}>{alarms.length === 0 ? 'works' : 'needs you'}</State>
      </h1>
      <Alarms deps={deps} />
      <dl class="tiles">
        <Tile name="Devices" value={String(devices)} />
        <Tile name="Waiting" value={String(queue.queued)} />
        <Tile name="Held back" value={String(queue.held)} />
        <Tile name="Refused by the webhook" value={String(queue.dead)} />
      </dl>
      <Apps deps={deps} probes={probes} />
      <Ways lanes={queue.lanes} />
      {queue.dead > 0 && <Replay dead={queue.dead} />}
      <Answers answers={answers} />
      <section class="card">
        <h2>Last decisions</h2>
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
  const apps = (deps.push?.apps() ?? []).filter(({ derived }) => !derived).map(appView)
  return (
    <section class="card">
      <h2>Apps</h2>
      {apps.length === 0 && <p class="dim">No app is configured: no phone rings. Add [[push.apps]].</p>}
      <ul class="checks">
        {apps.map((app) => {
          const probe = probes?.find((p) => p.topic === app.topic && p.environment === app.environment)
          return (
            <li>
              {probe && (
                <State good={probe.result === 'ok'}>{probe.result === 'ok' ? 'ok' : 'refused'}</State>
              )}
              <span class="break">
                {app.topic} <span class="dim">{`${app.environment}, ${app.sign_in}${ageOf(app)}`}</span>
                {probe && <div class="dim small">{`${probe.reason ?? 'no answer'}: ${probe.meaning}`}</div>}
              </span>
            </li>
          )
        })}
      </ul>
      {apps.length > 0 && (
        <form method="post" action="/admin/push/check" class="below">
          <button type="submit" class="quiet">
            Ask Apple whether they are good
          </button>
        </form>
      )}
    </section>
  )
}

function ageOf(app: ReturnType<typeof appView>): string {
  if (app.certificate_ends !== null) return `, ends on ${app.certificate_ends.slice(0, 10)}`
  if (app.token_age_seconds === null) return ', not used yet'
  return `, provider token ${Math.floor(app.token_age_seconds / 60)} min old`
}

const Ways = ({ lanes }: { lanes: ReturnType<typeof queueView>['lanes'] }) => {
  const busy = lanes.filter(({ waiting, under_way, paused }) => waiting + under_way > 0 || paused !== null)
  if (busy.length === 0) return null
  return (
    <section class="card">
      <h2>On the way</h2>
      <ul class="checks">
        {busy.slice(0, LAST).map(({ lane, waiting, under_way, paused, detail, until }) => (
          <li>
            <State good={paused === null}>{paused === null ? 'sends' : 'rests'}</State>
            <span class="break">
              {lane} <span class="dim">{`${waiting} waiting, ${under_way} under way`}</span>
              {paused !== null && (
                <div class="dim small">{`${withDetail(paused, detail ?? undefined)}${until === null ? '' : `, again at ${until}`}`}</div>
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
    <h2>Refused by the webhook</h2>
    <form method="post" action="/admin/push/replay">
      <button type="submit" class="quiet">{`Send ${dead} again`}</button>
    </form>
  </section>
)

const Answers = ({ answers }: { answers: readonly Count[] }) => (
  <section class="card flush">
    <h2 class="head">Answers since the start</h2>
    {answers.length === 0 ? (
      <p class="empty">None yet.</p>
    ) : (
      <table>
        <thead>
          <tr>
            <th scope="col">Reason</th>
            <th scope="col">Result</th>
            <th scope="col" class="wide">
              From
            </th>
            <th scope="col">Times</th>
          </tr>
        </thead>
        <tbody>
          {answers.map(({ provider, result, reason, n }) => (
            <tr>
              <td>{reason}</td>
              <td>
                <State good={result === 'sent'}>{result}</State>
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
    <p class="dim">No push was decided yet.</p>
  ) : (
    <ul class="decisions">
      {rows.map((row) => {
        const view = verdictView(row)
        return (
          <li>
            <State good={GOOD.has(row.verdict)}>{row.verdict}</State> {view.meaning.replace(/^[^:]*: /, '')}
            <div class="dim small break">
              <Time at={row.at} />{' '}
              {accounts && <a href={`/admin/users/show?jid=${encodeURIComponent(row.jid)}`}>{row.jid}</a>}{' '}
              {`device ${view.device}, message ${row.message}`}
            </div>
          </li>
        )
      })}
    </ul>
  )
