/** @jsxImportSource hono/jsx */
import type { Status } from '../../ops/doctor/check.ts'
import { type Result, summary } from '../../ops/doctor/run.ts'
import { Layout } from './layout.tsx'

const WORDS: Readonly<Record<Status, string>> = { ok: 'ok', warn: 'look', fail: 'fails', skip: 'not asked' }
const LOOKS: Readonly<Record<Status, string>> = { ok: 'good', warn: 'doubtful', fail: 'bad', skip: 'quiet' }

export function DoctorPage({ admin, results }: { admin: string; results: readonly Result[] }) {
  const { ok, warn, fail, skip } = summary(results)
  const wrong = (['fail', 'warn'] as const).flatMap((status) =>
    results.filter((one) => one.status === status),
  )
  const areas = [...new Set(results.map(({ id }) => areaOf(id)))]
  return (
    <Layout title="Doctor" admin={admin} here="doctor">
      <h1>Doctor</h1>
      <p>
        {results.length} checks: {ok} ok, {warn} to look at, {fail} fail, {skip} not asked.
      </p>
      <section class="card">
        <h2>To mend</h2>
        {wrong.length === 0 ? <p class="dim">Nothing.</p> : <Findings list={wrong} />}
      </section>
      {areas.map((area) => (
        <details class="card">
          <summary>
            {area} <span class="dim">{countsOf(results.filter(({ id }) => areaOf(id) === area))}</span>
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
    .map((status) => `${counts[status]} ${WORDS[status]}`)
    .join(', ')
}

const Findings = ({ list }: { list: readonly Result[] }) => (
  <ul class="checks examined">
    {list.map(({ id, status, why, mend }) => (
      <li>
        <span class={`state ${LOOKS[status]}`}>{WORDS[status]}</span>
        <span class="break">
          <code>{id}</code> {why}
          {mend !== undefined && <span class="mend">{mend}</span>}
        </span>
      </li>
    ))}
  </ul>
)
