/** @jsxImportSource hono/jsx */
import { type LogEntry, textOf } from '../../log.ts'
import { Layout, State } from './layout.tsx'

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
  <Layout title="Log" admin={admin} here="logs" error={error}>
    <h1>Log</h1>
    <form method="get" action="/admin/logs" class="row">
      <label>
        Level from
        <select name="level">
          {LEVELS.map((name) => (
            <option selected={name === level}>{name}</option>
          ))}
        </select>
      </label>
      <label>
        Account
        <input name="user" value={user} placeholder="romeo@example.org" autocomplete="off" />
      </label>
      <button type="submit" class="quiet">
        Show
      </button>
      {part === undefined ? (
        <a class="button quiet" href={address({ level, user })}>
          Follow
        </a>
      ) : (
        <a class="button quiet" href={address({ level, user, still: 'yes' })}>
          Stand still
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
      <div id={part}>
        <Lines items={items} />
      </div>
    </section>
    <p class="dim">
      The newest first, as far as <code>[log] level</code> lets them through; passwords, tokens and messages
      are not in them. On the server: <code>belfry log watch</code>.
    </p>
  </Layout>
)

/** The lines alone, which the server renews. */
export const Lines = ({ items }: Pick<Props, 'items'>) =>
  items.length === 0 ? (
    <p class="empty">Nothing was written.</p>
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
          <span class="break">
            {level === 'error' && <State good={false}>{level}</State>}
            {level === 'warn' && <span class="state doubtful">{level}</span>} {event}
            <span class="dim"> {textOf(fields)}</span>
          </span>
        </li>
      ))}
    </ol>
  )
