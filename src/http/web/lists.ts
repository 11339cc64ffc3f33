/** Lists of the pages: those that are whole in memory, and the links between the pages of any. */
import type { Ctx } from '../context.ts'

export interface Links {
  readonly first: string | undefined
  readonly previous: string | undefined
  readonly next: string | undefined
}

/** Characters that the trail of a list may take of an address; older parts of it are forgotten. */
const TRAIL = 4000

/** The address of the page that is asked for, with other values of its query; empty ones are left out. */
export function withQuery(c: Ctx, change: Readonly<Record<string, string>>): string {
  const { done: _, ...query } = { ...c.req.query(), ...change }
  const filled = Object.entries(query).filter(([, value]) => value !== '')
  return `${c.req.path}?${new URLSearchParams(filled).toString()}`
}

/** Of a list that is read by cursors, which know only the way on: those that led here are the way back. */
export function trailLinks(c: Ctx, next: string | null): Links {
  const { cursor = '', trail = '' } = c.req.query()
  const before = trail.split('.').slice(1)
  const last = before.at(-1)
  const join = (cursors: readonly string[]): string => cursors.map((one) => `.${one}`).join('')
  const on = [...before, cursor]
  while (join(on).length > TRAIL) on.shift()
  return {
    first: cursor === '' ? undefined : withQuery(c, { cursor: '', trail: '' }),
    previous:
      last === undefined ? undefined : withQuery(c, { cursor: last, trail: join(before.slice(0, -1)) }),
    next: next === null ? undefined : withQuery(c, { cursor: next, trail: join(on) }),
  }
}

export interface ShortList<T> {
  readonly items: readonly T[]
  readonly total: number
  readonly order: string
  readonly descending: boolean
  readonly links: Links
  /** Address of the list in the order of a column; chosen once more, it turns round. */
  readonly sorted: (order: string) => string
}

type Values<T> = Readonly<Record<string, (item: T) => string | number | null>>

const LISTED = 50

/** A page of what is all there, in the order that the query names, else in that of the first column (`fromTop`: falling). */
export function shortList<T>(c: Ctx, all: readonly T[], columns: Values<T>, fromTop = false): ShortList<T> {
  const query = c.req.query()
  const [first = ''] = Object.keys(columns)
  const order = Object.hasOwn(columns, query.order ?? '') ? (query.order ?? first) : first
  const descending = query.order === undefined ? fromTop : query.falling === 'yes'
  const value = columns[order] ?? (() => 0)
  const way = descending ? -1 : 1
  const items = all.toSorted((one, other) => way * compare(value(one), value(other)))
  const pages = Math.max(1, Math.ceil(items.length / LISTED))
  const page = Math.min(pages, /^[1-9]\d{0,5}$/.test(query.page ?? '') ? Number(query.page) : 1)
  const at = (n: number): string => withQuery(c, { page: n === 1 ? '' : String(n) })
  return {
    items: items.slice((page - 1) * LISTED, page * LISTED),
    ...{ total: items.length, order, descending },
    links: {
      first: page > 1 ? at(1) : undefined,
      previous: page > 1 ? at(page - 1) : undefined,
      next: page < pages ? at(page + 1) : undefined,
    },
    sorted: (key) =>
      withQuery(c, { order: key, falling: key === order && !descending ? 'yes' : '', page: '' }),
  }
}

/** Nulls come last. */
function compare(one: string | number | null, other: string | number | null): number {
  if (one === other) return 0
  if (one === null || other === null) return one === null ? 1 : -1
  return one < other ? -1 : 1
}
