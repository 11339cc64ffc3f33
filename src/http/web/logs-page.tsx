/** @jsxImportSource hono/jsx */
import { type LogEntry, textOf } from '../../log.ts'
import { nameIn } from './broadcast.ts'
import { Layout, State } from './layout.tsx'
import { Rich } from './rich.tsx'
import { tr } from './words.ts'

interface Props {
  readonly admin: string
  readonly items: readonly LogEntry[]
  readonly level: string
  readonly user: string
  /** Id of the part that the server renews; undefined: the page stands still. */
  readonly part: string | undefined
  readonly error: string | undefined
}

const LEVELS = ['debug', 'info', 'warn', 'error']

const address = (query: Readonly<Record<string, string>>): string =>
  `/admin/logs?${new URLSearchParams(query).toString()}`

export const LogsPage = ({ admin, items, level, user, part, error }: Props) => (
  <Layout title={tr('Log')} admin={admin} here="logs" error={error}>
    <h1>{tr('Log')}</h1>
    <form method="get" action="/admin/logs" class="row">
      <label>
        {tr('Level from')}
        <select name="level">
          {LEVELS.map((name) => (
            <option selected={name === level}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        {tr('Account')}
        <input name="user" value={user} placeholder="romeo@example.org" autocomplete="off" />
      </label>
      <button type="submit" class="quiet">
        {tr('Show')}
      </button>
      {part === undefined ? (
        <a class="button quiet" href={address({ level, user })}>
          {tr('Follow')}
        </a>
      ) : (
        <a class="button quiet" href={address({ level, user, still: 'yes' })}>
          {tr('Stand still')}
        </a>
      )}
    </form>
    <section
      class="card flush"
      data-events={
        part === undefined
          ? undefined
          : `/admin/logs/events?${new URLSearchParams({ level, user }).toString()}`
      }
    >
      <div id={part === undefined ? undefined : nameIn(part)}>
        <Lines items={items} />
      </div>
    </section>
    <p class="dim">
      <Rich
        text="The newest first; what {level} leaves out is there from when somebody follows it. Passwords, tokens and messages are not in them. On the server: {watch}."
        parts={{ level: <code>[log] level</code>, watch: <code>belfry log watch</code> }}
      />
    </p>
  </Layout>
)

/** The lines alone, which the server renews. */
export const Lines = ({ items }: Pick<Props, 'items'>) =>
  items.length === 0 ? (
    <p class="empty">{tr('Nothing was written.')}</p>
  ) : (
    <ol class="log">
      {items.toReversed().map(({ time, level, area, event, fields }) => (
        <li>
          <span class="dim">
            <time datetime={time} data-form="seconds">
              {time.slice(11, 19)}
            </time>{' '}
            {area}
          </span>
          <span class="break" lang="en">
            {level === 'error' && <State good={false}>{level}</State>}
            {level === 'warn' && <span class="state doubtful">{level}</span>} {event}
            <span class="dim"> {textOf(fields)}</span>
          </span>
        </li>
      ))}
    </ol>
  )
