/** Results for people: a table in Markdown, and its CPU figures as bars in SVG. */
import { median } from './bench.ts'

export interface Row {
  readonly figure: string
  readonly unit: string
  readonly samples: readonly number[]
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
