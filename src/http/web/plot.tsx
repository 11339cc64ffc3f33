/** @jsxImportSource hono/jsx */
/** Plots as SVG that the server makes: no script, no style attribute, in the colours of the page. */
import { tr } from './words.ts'

export interface Line {
  readonly name: string
  /** Class of its colour. */
  readonly tone: 'one' | 'two' | 'three' | 'bad'
  /** Evenly spread over the width; null is a gap. */
  readonly values: readonly (number | null)[]
}

interface Props {
  readonly title: string
  readonly lines: readonly Line[]
  /** The value for people. */
  readonly say: (value: number) => string
  /** Top of the scale at least, so that next to nothing looks like it. */
  readonly least?: number
}

const WIDTH = 600
const HEIGHT = 100

export const Plot = ({ title, lines, say, least = 1 }: Props) => {
  const all = lines.flatMap(({ values }) => values.filter((value) => value !== null))
  const highest = Math.max(0, ...all)
  const top = Math.max(highest, least)
  const now = lines.map(({ name, values }) => ({ name, value: values.findLast((value) => value !== null) }))
  const [first] = now
  const said = first?.value === undefined || first.value === null ? tr('no data yet') : say(first.value)
  return (
    <figure class="plot">
      <figcaption>
        <span>{title}</span> <strong>{said}</strong>
      </figcaption>
      <div class="dim small">{all.length > 0 ? tr('up to {value}', { value: say(highest) }) : '\u00a0'}</div>
      <svg
        role="img"
        aria-label={`${title}: ${said}${all.length > 0 ? `, ${tr('at most {value}', { value: say(highest) })}` : ''}`}
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        preserveAspectRatio="none"
      >
        {lines.map(({ tone, values }) => (
          <path class={tone} d={pathOf(values, top)} />
        ))}
      </svg>
      {lines.length > 1 && (
        <ul class="legend small">
          {now.map(({ name, value }, i) => (
            <li class={lines[i]?.tone}>
              {name} <span class="dim">{value === undefined || value === null ? '' : say(value)}</span>
            </li>
          ))}
        </ul>
      )}
    </figure>
  )
}

/** A line from value to value, begun anew behind each gap; a value alone is a dot. */
function pathOf(values: readonly (number | null)[], top: number): string {
  const step = WIDTH / Math.max(1, values.length - 1)
  let path = ''
  values.forEach((value, i) => {
    if (value === null) return
    const at = `${Math.round(i * step)} ${Math.round((1 - value / top) * HEIGHT)}`
    const isBegin = (values[i - 1] ?? null) === null
    path += isBegin ? `M${at}${(values[i + 1] ?? null) === null ? 'h0' : ''}` : `L${at}`
  })
  return path
}
