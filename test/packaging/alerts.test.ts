/** Alert rules and the dashboard: each alert fires when it must and only then, and no query asks for what is not there. */
import { expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { grafanaDashboard } from '../../src/packaging/grafana.ts'
import { exposition, registry } from '../../src/metrics/metrics.ts'
import { unknownNames } from '../../src/ops/doctor/run.ts'
import { TOPICS } from '../../src/cli/help.ts'
import { buildProgram } from '../../src/cli/program.ts'
import { testWith } from '../support/programs.ts'

const PROMTOOL = '/usr/bin/promtool'
const RULES = join(import.meta.dir, '../../src/packaging/alerts.yml')
const SRC = join(import.meta.dir, '../../src')
const testWithPromtool = testWith([PROMTOOL])

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary?: string; readonly mend?: string }
}
const rules = (Bun.YAML.parse(readFileSync(RULES, 'utf8')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
)

interface Dashboard {
  readonly panels: readonly {
    readonly id: number
    readonly title: string
    readonly type: string
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
    readonly targets?: readonly {
      readonly refId: string
      readonly expr: string
      readonly legendFormat: string
    }[]
  }[]
}
const dashboard = JSON.parse(JSON.stringify(grafanaDashboard())) as Dashboard
const targets = dashboard.panels.flatMap((panel) => panel.targets ?? [])

/** Series by the minute, and what comes of them at a time. */
interface Case {
  readonly alert: string
  /** Those with which it fires. */
  readonly bad: Readonly<Record<string, string>>
  /** Those that are all but as bad. */
  readonly good: Readonly<Record<string, string>>
  readonly at: string
  /** Of the alert, beside its severity and the instance. */
  readonly labels?: Readonly<Record<string, string>>
}

const S = 'instance="a"'
const JOB = `job="belfry",${S}`
/** A histogram in which `fast` of `all` are in the first bucket, each minute. */
const buckets = (family: string, fast: number, all: number) => ({
  [`${family}_bucket{${S},le="0.1"}`]: `0+${fast}x60`,
  [`${family}_bucket{${S},le="0.5"}`]: `0+${all}x60`,
  [`${family}_bucket{${S},le="+Inf"}`]: `0+${all}x60`,
})
/** Days after the epoch, at which the clock of these tests starts, in seconds. */
const days = (n: number) => `${n * 86_400}x200`

const CASES: readonly Case[] = [
  {
    alert: 'BelfryDown',
    bad: { [`up{${JOB}}`]: '0x9' },
    good: { [`up{${JOB}}`]: '1 0 1 0 0 1 1 1 1' },
    at: '5m',
  },
  {
    alert: 'BelfryRestarts',
    bad: { [`process_start_time_seconds{${JOB}}`]: '1x5 2x5 3x5 4x5' },
    good: { [`process_start_time_seconds{${JOB}}`]: '1x5 2x5 3x11' },
    at: '20m',
  },
  {
    alert: 'BelfryCannotStore',
    bad: { [`belfry_db_commit_failures_total{${S},cause="SQLITE_FULL"}`]: '0 0 0 2 2 2' },
    good: { [`belfry_db_commit_failures_total{${S},cause="SQLITE_FULL"}`]: '7x9' },
    at: '5m',
    labels: { cause: 'SQLITE_FULL' },
  },
  {
    alert: 'BelfryDiskAlmostFull',
    bad: { [`belfry_disk_free_bytes{${S}}`]: '9e8x20' },
    good: { [`belfry_disk_free_bytes{${S}}`]: '11e8x20' },
    at: '10m',
  },
  {
    alert: 'BelfryDiskFillsUp',
    bad: { [`belfry_disk_free_bytes{${S}}`]: '20e9-2e7x200' },
    good: { [`belfry_disk_free_bytes{${S}}`]: '60e9-2e7x200' },
    at: '3h',
  },
  {
    alert: 'BelfryLogNotCopiedBack',
    bad: { [`belfry_db_wal_bytes{${S}}`]: '2e9x20' },
    good: { [`belfry_db_wal_bytes{${S}}`]: '9e8x20' },
    at: '15m',
  },
  {
    alert: 'BelfryCommitsSlow',
    bad: buckets('belfry_db_commit_seconds', 95, 100),
    good: buckets('belfry_db_commit_seconds', 995, 1000),
    at: '20m',
  },
  {
    alert: 'BelfryLoopLags',
    bad: buckets('belfry_loop_lag_seconds', 95, 100),
    good: buckets('belfry_loop_lag_seconds', 995, 1000),
    at: '20m',
  },
  {
    alert: 'BelfryFilesRunOut',
    bad: { [`process_open_fds{${JOB}}`]: '900x20', [`process_max_fds{${JOB}}`]: '1000x20' },
    // No limit at all.
    good: { [`process_open_fds{${JOB}}`]: '900x20', [`process_max_fds{${JOB}}`]: '0x20' },
    at: '10m',
  },
  {
    alert: 'BelfryPushWaits',
    bad: { [`belfry_push_oldest_seconds{${S}}`]: '0+60x20' },
    good: { [`belfry_push_oldest_seconds{${S}}`]: '0 60 120 180 240 301 0 0 0 60 120 180 240 0 0 0' },
    at: '12m',
  },
  {
    alert: 'BelfryPushRests',
    bad: { [`belfry_push_paused_lanes{${S}}`]: '1x30' },
    good: { [`belfry_push_paused_lanes{${S}}`]: '1x6 0 1x9' },
    at: '15m',
  },
  {
    alert: 'BelfryPushDropped',
    bad: {
      [`belfry_push_total{${S},provider="apns",result="dropped",reason="Unregistered"}`]: '0+3x60',
      [`belfry_push_total{${S},provider="apns",result="sent",reason=""}`]: '0+7x60',
    },
    good: {
      [`belfry_push_total{${S},provider="apns",result="dropped",reason="Unregistered"}`]: '0+1x60',
      [`belfry_push_total{${S},provider="apns",result="sent",reason=""}`]: '0+7x60',
    },
    at: '40m',
  },
  {
    alert: 'BelfryPushAlarm',
    bad: { [`belfry_push_alarms{${S}}`]: '1x30' },
    good: { [`belfry_push_alarms{${S}}`]: '0x30' },
    at: '20m',
  },
  {
    alert: 'BelfryPushCertificateEnds',
    bad: { [`belfry_push_cert_expiry_timestamp_seconds{${S},topic="t",environment="production"}`]: days(13) },
    // A key has no end.
    good: { [`belfry_push_cert_expiry_timestamp_seconds{${S},topic="t",environment="production"}`]: days(0) },
    at: '2h',
    labels: { topic: 't', environment: 'production' },
  },
  {
    alert: 'BelfryWebhookGivenUp',
    bad: { [`belfry_push_dead{${S}}`]: '3x30' },
    good: { [`belfry_push_dead{${S}}`]: '0x30' },
    at: '20m',
  },
  {
    alert: 'BelfryCertificateEnds',
    bad: { [`belfry_cert_expiry_timestamp_seconds{${S},host="h"}`]: days(13) },
    good: { [`belfry_cert_expiry_timestamp_seconds{${S},host="h"}`]: days(15) },
    at: '2h',
    labels: { host: 'h' },
  },
  {
    alert: 'BelfryCertificateEndsSoon',
    bad: { [`belfry_cert_expiry_timestamp_seconds{${S},host="h"}`]: days(2) },
    // The server's own.
    good: { [`belfry_cert_expiry_timestamp_seconds{${S},host="h"}`]: days(0) },
    at: '2h',
    labels: { host: 'h' },
  },
  {
    alert: 'BelfryCertificateNotFetched',
    bad: { [`belfry_acme_orders_total{${S},result="refused"}`]: '0+1x60' },
    good: { [`belfry_acme_orders_total{${S},result="issued"}`]: '0+1x60' },
    at: '30m',
  },
  {
    alert: 'BelfryReloadRefused',
    bad: { [`belfry_config_last_reload_success{${S}}`]: '1 0 0 0' },
    good: { [`belfry_config_last_reload_success{${S}}`]: '1 0 0 1' },
    at: '3m',
  },
  {
    alert: 'BelfryBackupOld',
    bad: { [`belfry_backup_last_success_timestamp_seconds{${S}}`]: days(-2) },
    good: { [`belfry_backup_last_success_timestamp_seconds{${S}}`]: days(-1) },
    at: '2h',
  },
  {
    alert: 'BelfryLoginsGuessed',
    bad: { [`belfry_auth_total{${S},mechanism="PLAIN",result="failed"}`]: '0+180x60' },
    good: {
      [`belfry_auth_total{${S},mechanism="PLAIN",result="ok"}`]: '0+9000x60',
      [`belfry_auth_total{${S},mechanism="PLAIN",result="failed"}`]: '0+60x60',
    },
    at: '30m',
  },
  {
    alert: 'BelfryConnectionsRefused',
    bad: { [`belfry_connections_total{${S},listener="tls",result="refused"}`]: '0+120x60' },
    good: { [`belfry_connections_total{${S},listener="tls",result="accepted"}`]: '0+9000x60' },
    at: '30m',
  },
  {
    alert: 'BelfryOfflineBoxesFull',
    bad: { [`belfry_offline_total{${S},result="full"}`]: '0+3x60' },
    good: { [`belfry_offline_total{${S},result="full"}`]: '0+1x60' },
    at: '60m',
  },
  {
    alert: 'BelfryHttpErrors',
    bad: {
      [`belfry_http_requests_total{${S},method="GET",route="/livez",status="503"}`]: '0+10x60',
      [`belfry_http_requests_total{${S},method="GET",route="/livez",status="200"}`]: '0+100x60',
    },
    good: {
      [`belfry_http_requests_total{${S},method="GET",route="/livez",status="404"}`]: '0+100x60',
      [`belfry_http_requests_total{${S},method="GET",route="/livez",status="200"}`]: '0+100x60',
    },
    at: '30m',
  },
]

test('every alert has a case', () => {
  expect(CASES.map(({ alert }) => alert)).toEqual(rules.map(({ alert }) => alert))
})

/** The answer of promtool about rules; of several files the last. YAML takes JSON. */
async function promtool(verb: 'test' | 'check', files: Readonly<Record<string, object>>): Promise<string> {
  const home = mkdtempSync(join(tmpdir(), 'belfry-promtool-'))
  try {
    for (const [name, content] of Object.entries(files))
      writeFileSync(join(home, name), JSON.stringify(content))
    const last = Object.keys(files).at(-1) ?? ''
    const run = Bun.spawn([PROMTOOL, verb, 'rules', last], { cwd: home, stdout: 'pipe', stderr: 'pipe' })
    const said = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()])
    return `${await run.exited} ${said.join('')}`
  } finally {
    rmSync(home, { recursive: true })
  }
}

testWithPromtool('each alert fires when it must, and not before', async () => {
  const severities = new Map(rules.map(({ alert, labels }) => [alert, labels.severity]))
  const play = ({ alert, at }: Case, series: Case['bad'], labels: object[]) => ({
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    alert_rule_test: [
      { alertname: alert, eval_time: at, exp_alerts: labels.map((exp_labels) => ({ exp_labels })) },
    ],
  })
  const tests = CASES.flatMap((one) => {
    const job = Object.keys(one.bad).some((series) => series.includes('job=')) ? { job: 'belfry' } : {}
    const labels = { severity: severities.get(one.alert), instance: 'a', ...job, ...one.labels }
    return [play(one, one.bad, [labels]), play(one, one.good, [])]
  })
  // Without their sentences, which would all have to stand here again.
  const bare = rules.map(({ annotations: _, ...rule }) => rule)
  const said = await promtool('test', {
    'rules.yml': { groups: [{ name: 'belfry', rules: bare }] },
    'tests.yml': { rule_files: ['rules.yml'], evaluation_interval: '1m', tests },
  })
  expect(said).toMatch(/^0 .*SUCCESS/s)
})

testWithPromtool('the file of alerts is one that Prometheus takes, sentences included', async () => {
  const run = Bun.spawnSync([PROMTOOL, 'check', 'rules', RULES])
  expect(run.stdout.toString() + run.stderr.toString()).toContain(`SUCCESS: ${rules.length} rules found`)
  expect(rules.filter(({ annotations }) => !annotations.summary || !annotations.mend)).toEqual([])
  const { program } = buildProgram()
  const verbs = program.commands.flatMap((noun) => [
    noun.name(),
    ...noun.commands.map((verb) => `${noun.name()} ${verb.name()}`),
  ])
  const named = rules.flatMap(({ annotations }) =>
    [...(annotations.mend ?? '').matchAll(/belfry ([a-z]+(?: [a-z]+)?)(?=;|$| -)/g)].map(
      (match) => match[1] ?? '',
    ),
  )
  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((name) => !verbs.includes(name) && !(name.replace(/^help /, '') in TOPICS))).toEqual([])
  const looks = rules.flatMap(
    ({ annotations }) => /--only ([a-z,]+)/.exec(annotations.mend ?? '')?.[1]?.split(',') ?? [],
  )
  expect(looks.length).toBeGreaterThan(2)
  expect(unknownNames(looks)).toEqual([])
})

testWithPromtool('the dashboard is whole, and Prometheus takes each of its queries', async () => {
  const { panels } = dashboard
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  expect(targets.length).toBeGreaterThan(25)
  for (const { gridPos: one, id } of panels) {
    expect(one.x + one.w).toBeLessThanOrEqual(24)
    const over = panels.filter(
      ({ id: other, gridPos: two }) =>
        other !== id &&
        one.x < two.x + two.w &&
        two.x < one.x + one.w &&
        one.y < two.y + two.h &&
        two.y < one.y + one.h,
    )
    expect(over).toEqual([])
  }
  const records = targets.map(({ expr }, n) => ({ record: `r:${n}`, expr: filled(expr) }))
  const said = await promtool('check', { 'rules.yml': { groups: [{ name: 'dashboard', rules: records }] } })
  expect(said).toContain(`SUCCESS: ${records.length} rules found`)
})

/** As Grafana fills it in. */
const filled = (expr: string): string =>
  expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*')

test('alerts and dashboard ask for families, labels and values that there are', async () => {
  await exposition()
  const families = new Map(
    (registry.getMetricsAsArray() as unknown as { name: string; labelNames?: string[] }[]).map((metric) => [
      metric.name,
      metric.labelNames ?? [],
    ]),
  )
  const sources = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.startsWith('packaging/'))
    .map((path) => readFileSync(join(SRC, path), 'utf8'))
    .join('\n')
  const ofPrometheus = ['instance', 'job', 'le']
  const wrong: string[] = []
  for (const { expr, legend } of [
    ...rules.map((rule) => ({ expr: rule.expr, legend: '' })),
    ...targets.map((target) => ({ expr: target.expr, legend: target.legendFormat })),
  ]) {
    const asked = [...expr.matchAll(/\b((?:belfry|process)_\w+)(?:\{([^}]*)\})?/g)]
    const known = new Set(ofPrometheus)
    for (const [, name = '', matchers = ''] of asked) {
      const labels = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, ''))
      if (!labels) wrong.push(`${name} in ${expr}`)
      for (const label of labels ?? []) known.add(label)
      for (const [, label = '', value = ''] of matchers.matchAll(/(\w+)[=!]~?"([^"]*)"/g)) {
        if (ofPrometheus.includes(label)) continue
        if (!labels?.includes(label)) wrong.push(`${label} of ${name} in ${expr}`)
        for (const one of value.split('|'))
          if (label !== 'status' && !new RegExp(`['.]?\\b${one}\\b['(:]`).test(sources))
            wrong.push(`${label}="${one}" of ${name}`)
      }
    }
    const grouped = [...expr.matchAll(/\bby \(([^)]*)\)/g)].flatMap(([, names = '']) => names.split(/, */))
    const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name)
    for (const label of [...grouped, ...shown])
      if (!known.has(label)) wrong.push(`${label} of nothing in ${expr}`)
    for (const label of shown)
      if (!grouped.includes(label)) wrong.push(`${label} is shown and not grouped by in ${expr}`)
  }
  expect(wrong).toEqual([])
})

testWithPromtool('names and help of all figures are as Prometheus wants them', async () => {
  const { text } = await exposition()
  // A family without a line yet is looked at too.
  expect(text).toContain('# HELP belfry_acme_orders_total')
  const run = Bun.spawnSync([PROMTOOL, 'check', 'metrics'], { stdin: Buffer.from(text) })
  expect([run.exitCode, run.stdout.toString(), run.stderr.toString()]).toEqual([0, '', ''])
})
