/** @jsxImportSource hono/jsx */
/** Figures of the last hour, day or month as plots. */
import type { FiguresAt } from '../../store/figures.ts'
import type { HttpDeps } from '../deps.ts'
import { sizeOf } from './layout.tsx'
import { type Line, Plot } from './plot.tsx'
import { numberOf, tr } from './words.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** `group`: milliseconds that one point stands for. */
export const SPANS = {
  hour: { name: 'Last hour', length: HOUR, group: MINUTE },
  day: { name: 'Last day', length: 24 * HOUR, group: 5 * MINUTE },
  month: { name: 'Last month', length: 30 * 24 * HOUR, group: 3 * HOUR },
} as const
export type Span = keyof typeof SPANS

export const spanOf = (text: string | undefined): Span => (text === 'day' || text === 'month' ? text : 'hour')

type Key = Exclude<keyof FiguresAt, 'at'>
type Pick = (key: Key, name?: string, tone?: Line['tone']) => Line

const count = (value: number): string => numberOf(value, value >= 10 || Number.isInteger(value) ? 0 : 1)
const seconds = (value: number): string =>
  value < 1 ? `${numberOf(value * 1000)} ms` : `${numberOf(value, 1)} s`

/** Points at fixed places, so that a time without rows is a gap. */
function pointsOf(deps: HttpDeps, span: Span): Pick {
  const { length, group } = SPANS[span]
  const to = Math.floor(deps.clock.now() / group) * group + group
  const from = to - length
  const rows = new Map(deps.world.store.figures.between(from, to, group).map((row) => [row.at, row]))
  const times = Array.from({ length: length / group }, (_, i) => from + i * group)
  // The stretch that has just begun has no row yet.
  if (!rows.has(to - group)) times.pop()
  return (key, name = '', tone = 'one') => ({
    name,
    tone,
    values: times.map((at) => rows.get(at)?.[key] ?? null),
  })
}

export const Plots = ({ deps, span }: { deps: HttpDeps; span: Span }) => {
  const line = pointsOf(deps, span)
  const pushes = [
    line('pushSent', tr('sent')),
    line('pushMerged', tr('merged'), 'two'),
    line('pushRetried', tr('retried'), 'three'),
    line('pushDropped', tr('dropped'), 'bad'),
  ]
  return (
    <>
      <Plot title={tr('Sessions')} lines={[line('sessions')]} say={count} />
      <Plot title={tr('Messages a minute')} lines={[line('messages')]} say={count} />
      <Plot title={tr('Pushes a minute')} lines={pushes} say={count} />
      <Plot title={tr('Push answer (95 %)')} lines={[line('pushLatency')]} say={seconds} least={0.1} />
      <Plot title={tr('Loop lag (99 %)')} lines={[line('loopLag')]} say={seconds} least={0.02} />
      <Plot title={tr('Memory')} lines={[line('memory')]} say={sizeOf} />
      <Plot title={tr('Free disk')} lines={[line('diskFree')]} say={sizeOf} />
    </>
  )
}
