/** Results for people: a table in Markdown, and its CPU figures as bars in SVG. */
import { median } from './bench.ts'

export interface Row {
  readonly figure: string
  readonly unit: string
  readonly samples: readonly number[]
  readonly series?: string
  readonly at?: number
}

const shown = (value: number): string =>
  Math.abs(value) >= 100 ? value.toFixed(0) : Math.abs(value) >= 10 ? value.toFixed(1) : value.toFixed(2)

/** Median, least and most of each figure. */
export function markdown(rows: readonly Row[]): string {
  const lines = rows.map(({ figure, unit, samples }) => {
    const cells = [median(samples), Math.min(...samples), Math.max(...samples)].map(shown)
    return `| ${figure} | ${cells.join(' | ')} | ${unit} |`
  })
  return ['| figure | median | min | max | unit |', '|---|---|---|---|---|', ...lines, ''].join('\n')
}

const [WIDTH, BAR, LABEL] = [760, 18, 250]
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** Bars of the medians, on a logarithmic scale, since servers differ by more than ten times. */
export function chart(title: string, rows: readonly Row[]): string {
  const values = rows.map(({ samples }) => median(samples))
  const [least, most] = [Math.min(...values) / 2, Math.max(...values)]
  const length = (value: number) => ((WIDTH - LABEL - 70) * Math.log(value / least)) / Math.log(most / least)
  const bars = rows.map(({ figure, unit }, i) => {
    const [y, value] = [34 + i * (BAR + 6), values[i] ?? least]
    const kind = figure.startsWith('belfry') ? 'ours' : 'other'
    return [
      `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escaped(figure)}</text>`,
      `<rect class="${kind}" x="${LABEL}" y="${y}" width="${length(value).toFixed(1)}" height="${BAR}"/>`,
      `<text x="${(LABEL + length(value) + 6).toFixed(1)}" y="${y + 13}">${shown(value)} ${unit}</text>`,
    ].join('')
  })
  const height = 44 + rows.length * (BAR + 6)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(title)}">`,
    '<style>text{font:13px system-ui,sans-serif;fill:#333}.ours{fill:#2a7d4f}.other{fill:#9aa5b1}' +
      '@media(prefers-color-scheme:dark){text{fill:#ddd}.other{fill:#5c6670}}</style>',
    `<text x="8" y="20" font-weight="600">${escaped(title)}</text>`,
    ...bars,
    '</svg>',
    '',
  ].join('\n')
}

const [PANEL, PANEL_HEIGHT, COLUMNS] = [320, 150, 2]

/** Small charts side by side, one for each thing that grows and figure, both scales logarithmic: what is flat costs the same at any size. */
export function curves(title: string, rows: readonly Row[]): string {
  const groups = new Map<string, { of: string; points: [number, number][] }>()
  for (const { series, at, figure, samples } of rows) {
    if (series === undefined || at === undefined) continue
    const of = figure.slice(figure.lastIndexOf(', ') + 2).replace(/^[\d,]* ?/, '')
    const key = `${series} ${of}`
    const group = groups.get(key) ?? { of: `${series}, by ${of}`, points: [] }
    group.points.push([at, median(samples)])
    groups.set(key, group)
  }
  const panels = [...groups.values()].map(({ of, points }, i) => {
    const [x, y] = [(i % COLUMNS) * PANEL, 34 + Math.floor(i / COLUMNS) * PANEL_HEIGHT]
    return `<g transform="translate(${x} ${y})">${panel(of, points)}</g>`
  })
  const height = 40 + Math.ceil(groups.size / COLUMNS) * PANEL_HEIGHT
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${PANEL * COLUMNS} ${height}" role="img" aria-label="${escaped(title)}">`,
    '<style>text{font:12px system-ui,sans-serif;fill:#333}polyline{fill:none;stroke:#2a7d4f;stroke-width:2}circle{fill:#2a7d4f}' +
      '@media(prefers-color-scheme:dark){text{fill:#ddd}}</style>',
    `<text x="8" y="20" font-weight="600">${escaped(title)}</text>`,
    ...panels,
    '</svg>',
    '',
  ].join('\n')
}

/** Each has the same three powers of ten of height, so that slopes can be compared. */
function panel(label: string, points: readonly [number, number][]): string {
  const [low, high] = [Math.log10(points[0]?.[0] ?? 1), Math.log10(points.at(-1)?.[0] ?? 10)]
  const middle = Math.log10(median(points.map(([, value]) => value)))
  const place = ([at, value]: readonly [number, number]): readonly [number, number] => [
    30 + (250 * (Math.log10(at) - low)) / Math.max(1e-9, high - low),
    78 - (30 * (Math.log10(value) - middle)) / 1.5,
  ]
  const marks = points.map((point) => {
    const [x, y] = place(point)
    const value = `<text x="${x.toFixed(1)}" y="${(y - 8).toFixed(1)}" text-anchor="middle">${shown(point[1])}</text>`
    const at = `<text x="${x.toFixed(1)}" y="140" text-anchor="middle">${short(point[0])}</text>`
    return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="3"/>${value}${at}`
  })
  const line = points
    .map((point) =>
      place(point)
        .map((n) => n.toFixed(1))
        .join(','),
    )
    .join(' ')
  return `<text x="8" y="14">${escaped(label)}</text><polyline points="${line}"/>${marks.join('')}`
}

const short = (n: number): string => (n >= 1e6 ? `${n / 1e6} M` : n >= 1e3 ? `${n / 1e3} k` : String(n))
