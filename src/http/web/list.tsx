/** @jsxImportSource hono/jsx */
/** Parts of lists that all of them have: the head of a column by which they are sorted, and the links to other pages. */
import type { Links, ShortList } from './lists.ts'
import { type Plain, tr } from './words.ts'

export const Pager = ({ links: { first, previous, next } }: { links: Links }) => (
  <p class="row">
    {first !== undefined && (
      <a class="button quiet" href={first}>
        {tr('First page')}
      </a>
    )}
    {previous !== undefined && (
      <a class="button quiet" href={previous} rel="prev">
        {tr('Previous page')}
      </a>
    )}
    {next !== undefined && (
      <a class="button quiet" href={next} rel="next">
        {tr('Next page')}
      </a>
    )}
  </p>
)

interface HeadProps {
  readonly list: Pick<ShortList<unknown>, 'order' | 'descending' | 'sorted'>
  readonly order: string
  readonly name: Plain
  readonly wide?: boolean
}

export const SortHead = ({ list, order, name, wide = false }: HeadProps) => {
  const isChosen = list.order === order
  const sort = isChosen ? (list.descending ? 'descending' : 'ascending') : undefined
  return (
    <th scope="col" class={wide ? 'wide' : ''} aria-sort={sort}>
      <a href={list.sorted(order)}>
        {tr(name)}
        {isChosen && <span aria-hidden="true">{list.descending ? ' ▾' : ' ▴'}</span>}
      </a>
    </th>
  )
}

/** One form with one button, about a thing of a list. */
export const Act = ({
  action,
  fields,
  text,
  label,
}: {
  action: string
  fields: Readonly<Record<string, string>>
  text: string
  label?: string
}) => (
  <form method="post" action={action}>
    {Object.entries(fields).map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
    <button type="submit" class="quiet small" aria-label={label}>
      {text}
    </button>
  </form>
)
