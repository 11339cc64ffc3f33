/** A dashboard for Grafana, made of a table: what is asked of Prometheus, and in which unit it is drawn. */

interface Panel {
  readonly title: string
  /** Query and the name of its lines, with labels in braces. */
  readonly lines: readonly (readonly [expr: string, name: string])[]
  /** A unit of Grafana's. */
  readonly unit: string
}

const I = 'instance=~"$instance"'
const RATE = '$__rate_interval'
const quantile = (q: number, family: string, by = ''): string =>
  `histogram_quantile(${q}, sum by (le${by}) (rate(${family}_bucket{${I}}[${RATE}])))`
const rate = (family: string, by: string, more = ''): string =>
  `sum by (${by}) (rate(${family}{${I}${more}}[${RATE}]))`

const ROWS: readonly { readonly title: string; readonly panels: readonly Panel[] }[] = [
  {
    title: 'Chat',
    panels: [
      {
        title: 'Sessions',
        lines: [[`sum by (transport, state) (belfry_sessions{${I}})`, '{{transport}} {{state}}']],
        unit: 'short',
      },
      {
        title: 'Stanzas',
        lines: [[rate('belfry_stanzas_total', 'kind, direction'), '{{kind}} {{direction}}']],
        unit: 'ops',
      },
      {
        title: 'Logins',
        lines: [[rate('belfry_auth_total', 'result'), '{{result}}']],
        unit: 'ops',
      },
      {
        title: 'Messages that wait',
        lines: [[`sum(belfry_offline_messages{${I}})`, 'offline']],
        unit: 'short',
      },
      {
        title: 'Rooms',
        lines: [
          [`sum by (state) (belfry_rooms{${I}})`, '{{state}}'],
          [`sum(belfry_room_occupants{${I}})`, 'occupants'],
        ],
        unit: 'short',
      },
      {
        title: 'Connections and limits',
        lines: [
          [rate('belfry_connections_total', 'result'), '{{result}}'],
          [rate('belfry_limits_hit_total', 'limit'), 'limit {{limit}}'],
        ],
        unit: 'ops',
      },
    ],
  },
  {
    title: 'Push',
    panels: [
      {
        title: 'Pushes',
        lines: [[rate('belfry_push_total', 'provider, result'), '{{provider}} {{result}}']],
        unit: 'ops',
      },
      {
        title: 'Refused, by reason',
        lines: [[rate('belfry_push_total', 'reason', ',result="dropped"'), '{{reason}}']],
        unit: 'ops',
      },
      {
        title: 'From commit to the provider’s answer',
        lines: [
          [quantile(0.5, 'belfry_push_latency_seconds', ', provider'), '{{provider}} half'],
          [quantile(0.99, 'belfry_push_latency_seconds', ', provider'), '{{provider}} 99 %'],
        ],
        unit: 's',
      },
      {
        title: 'Queue',
        lines: [
          [`sum(belfry_push_queue{${I}})`, 'without an answer'],
          [`sum(belfry_push_under_way{${I}})`, 'on the wire'],
          [`sum(belfry_push_dead{${I}})`, 'given up'],
        ],
        unit: 'short',
      },
      {
        title: 'Oldest that waits',
        lines: [[`max(belfry_push_oldest_seconds{${I}})`, 'age']],
        unit: 's',
      },
      {
        title: 'Verdicts',
        lines: [[rate('belfry_push_verdicts_total', 'verdict'), '{{verdict}}']],
        unit: 'ops',
      },
    ],
  },
  {
    title: 'Server',
    panels: [
      {
        title: 'Commit',
        lines: [
          [quantile(0.5, 'belfry_db_commit_seconds'), 'half'],
          [quantile(0.99, 'belfry_db_commit_seconds'), '99 %'],
        ],
        unit: 's',
      },
      {
        title: 'Lateness of the loop',
        lines: [
          [quantile(0.5, 'belfry_loop_lag_seconds'), 'half'],
          [quantile(0.99, 'belfry_loop_lag_seconds'), '99 %'],
        ],
        unit: 's',
      },
      {
        title: 'CPU',
        lines: [
          [`sum by (instance) (rate(process_cpu_seconds_total{job="belfry",${I}}[${RATE}]))`, '{{instance}}'],
        ],
        unit: 'percentunit',
      },
      {
        title: 'Memory',
        lines: [[`sum by (instance) (process_resident_memory_bytes{job="belfry",${I}})`, '{{instance}}']],
        unit: 'bytes',
      },
      {
        title: 'Disk',
        lines: [
          [`min(belfry_disk_free_bytes{${I}})`, 'free'],
          [`sum(belfry_db_size_bytes{${I}})`, 'database'],
          [`sum(belfry_db_wal_bytes{${I}})`, 'write-ahead log'],
          [`sum(belfry_upload_bytes{${I}})`, 'files'],
        ],
        unit: 'bytes',
      },
      {
        title: 'File descriptors',
        lines: [
          [`sum by (instance) (process_open_fds{job="belfry",${I}})`, '{{instance}}'],
          [`sum by (instance) (process_max_fds{job="belfry",${I}})`, '{{instance}} limit'],
        ],
        unit: 'short',
      },
      {
        title: 'HTTP requests',
        lines: [[rate('belfry_http_requests_total', 'status'), '{{status}}']],
        unit: 'ops',
      },
      {
        title: 'Certificates end in',
        lines: [[`min by (host) ((belfry_cert_expiry_timestamp_seconds{${I}} > 0) - time())`, '{{host}}']],
        unit: 's',
      },
      {
        title: 'Age of the last backup',
        lines: [
          [
            `time() - max by (instance) (belfry_backup_last_success_timestamp_seconds{${I}} > 0)`,
            '{{instance}}',
          ],
        ],
        unit: 's',
      },
    ],
  },
]

const SOURCE = { type: 'prometheus', uid: '${datasource}' }
const HEIGHT = 7
/** Of Grafana's 24 columns. */
const WIDTH = 8
const ACROSS = 24 / WIDTH

/** The dashboard as JSON, for Grafana's "Import dashboard". */
export function grafanaDashboard(): object {
  return {
    uid: 'belfry',
    title: 'Belfry',
    tags: ['belfry', 'xmpp'],
    schemaVersion: 38,
    editable: true,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        { name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' },
        {
          ...{ name: 'instance', label: 'Server', type: 'query', datasource: SOURCE },
          ...{ query: 'label_values(belfry_build_info, instance)', refresh: 2 },
          ...{ multi: true, includeAll: true, allValue: '.*', current: { text: 'All', value: '$__all' } },
        },
      ],
    },
    panels: panels(),
  }
}

function panels(): object[] {
  const made: object[] = []
  let y = 0
  for (const row of ROWS) {
    const gridPos = { x: 0, y, w: 24, h: 1 }
    made.push({ id: made.length + 1, type: 'row', title: row.title, collapsed: false, gridPos, panels: [] })
    y++
    row.panels.forEach((panel, n) =>
      made.push(plot(panel, made.length + 1, (n % ACROSS) * WIDTH, y + Math.floor(n / ACROSS) * HEIGHT)),
    )
    y += Math.ceil(row.panels.length / ACROSS) * HEIGHT
  }
  return made
}

const plot = ({ title, lines, unit }: Panel, id: number, x: number, y: number): object => ({
  ...{ id, title, type: 'timeseries', datasource: SOURCE, gridPos: { x, y, w: WIDTH, h: HEIGHT } },
  fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
  options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi' } },
  targets: lines.map(([expr, legendFormat], n) => ({
    ...{ refId: String.fromCharCode(65 + n), datasource: SOURCE, expr, legendFormat },
  })),
})
