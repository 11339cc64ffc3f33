/** @jsxImportSource hono/jsx */
import type { Status } from '../../ops/doctor/check.ts'
import { type Result, summary } from '../../ops/doctor/run.ts'
import { Layout } from './layout.tsx'
import { type English, tr } from './words.ts'

const WORDS = {
  ok: 'ok',
  warn: 'look',
  fail: 'fails',
  skip: 'not asked',
} as const satisfies Record<Status, English>
const LOOKS: Readonly<Record<Status, string>> = { ok: 'good', warn: 'doubtful', fail: 'bad', skip: 'quiet' }

export function DoctorPage({ admin, results }: { admin: string; results: readonly Result[] }) {
  const { ok, warn, fail, skip } = summary(results)
  const wrong = (['fail', 'warn'] as const).flatMap((status) =>
    results.filter((one) => one.status === status),
  )
  const areas = [...new Set(results.map(({ id }) => areaOf(id)))]
  return (
    <Layout title={tr('Doctor')} admin={admin} here="doctor">
      <h1>{tr('Doctor')}</h1>
      <p>
        {tr('{n} checks: {ok} ok, {warn} to look at, {fail} fail, {skip} not asked.', {
          n: results.length,
          ...{ ok, warn, fail, skip },
        })}
      </p>
      <section class="card">
        <h2>{tr('To mend')}</h2>
        {wrong.length === 0 ? <p class="dim">{tr('Nothing.')}</p> : <Findings list={wrong} />}
      </section>
      {areas.map((area) => (
        <details class="card">
          <summary>
            <span lang="en">{area}</span>{' '}
            <span class="dim">{countsOf(results.filter(({ id }) => areaOf(id) === area))}</span>
          </summary>
          <Findings list={results.filter(({ id }) => areaOf(id) === area)} />
        </details>
      ))}
    </Layout>
  )
}

const areaOf = (id: string): string => id.split('.')[0] ?? id

function countsOf(list: readonly Result[]): string {
  const counts = summary(list)
  return (['fail', 'warn', 'ok', 'skip'] as const)
    .filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${tr(WORDS[status])}`)
    .join(', ')
}

const Findings = ({ list }: { list: readonly Result[] }) => (
  <ul class="checks examined">
    {list.map(({ id, status, why, mend }) => (
      <li>
        <span class={`state ${LOOKS[status]}`}>{tr(WORDS[status])}</span>
        <span class="break" lang="en">
          <code>{id}</code> {why}
          {mend !== undefined && <span class="mend">{mend}</span>}
        </span>
      </li>
    ))}
  </ul>
)
