/** @jsxImportSource hono/jsx */
/** /admin/backups: those that are there, new ones, and how far the work is. */
import type { BackupEntry } from '../../ops/backups.ts'
import { UPLOAD_MODES } from '../../store/backup/manifest.ts'
import { deleteBackup, jobView, partsOf, startBackup, startVerification } from '../backups.ts'
import type { Ctx } from '../context.ts'
import type { HttpDeps } from '../deps.ts'
import type { App } from '../policy.ts'
import { HttpError } from '../problem.ts'
import { field, html, said } from './answers.ts'
import { Broadcast, nameIn } from './broadcast.ts'
import { Layout, sizeOf, State, Time } from './layout.tsx'
import { Act, Pager, SortHead } from './list.tsx'
import { type ShortList, shortList } from './lists.ts'
import { addEvents } from './live.ts'
import type { Pages } from './pages.ts'
import type { WebSessions } from './session.ts'
import { type English, known, numberOf, tr } from './words.ts'

/** Milliseconds between two looks. */
const EVERY = 500

const COLUMNS = {
  created: ({ created }: BackupEntry) => created,
  bytes: ({ bytes }: BackupEntry) => bytes,
}

interface Typed {
  readonly uploads: string
  readonly config: boolean
}

export function addBackupPages(
  app: App,
  deps: HttpDeps,
  sessions: WebSessions,
  { get, post, notice }: Pages,
): void {
  const show = (c: Ctx, admin: string, more: { error?: string; typed?: Typed } = {}) => {
    const { backups } = partsOf(deps)
    // The newest first, unless another order is asked for.
    const list = shortList(c, backups.list(), COLUMNS, true)
    const page = BackupsPage({
      ...{ deps, admin, list, directory: backups.directory, alarms: backups.alarms() },
      ...{ standard: deps.world.config.backup.uploads, notice: notice(c), ...more },
    })
    return html(c, page, more.error === undefined ? 200 : 422)
  }
  get('/admin/backups', (c, admin) => show(c, admin))
  const form = (path: string, act: (c: Ctx) => Promise<void>, done: string) =>
    post(`/admin/backups${path}`, async (c, admin) => {
      try {
        await act(c)
      } catch (error) {
        const typed = { uploads: await field(c, 'uploads'), config: (await field(c, 'config')) === 'yes' }
        return show(c, admin, { error: said(error), ...(path === '' && { typed }) })
      }
      return c.redirect(`/admin/backups?done=${done}`, 303)
    })
  form(
    '',
    async (c) => {
      const chosen = await field(c, 'uploads')
      const uploads = UPLOAD_MODES.find((mode) => mode === chosen)
      startBackup(deps, { uploads, config: (await field(c, 'config')) === 'yes' })
    },
    'backup',
  )
  form('/verify', async (c) => void startVerification(deps, await field(c, 'name')), 'verify')
  form(
    '/delete',
    async (c) => {
      if ((await field(c, 'sure')) !== 'yes')
        throw new HttpError(422, 'not-sure', tr('Tick “I am sure” first.'))
      await deleteBackup(deps, await field(c, 'name'))
    },
    'files',
  )
  const broadcast = new Broadcast({ clock: deps.clock, every: EVERY })
  // Where there is none, the part is empty and not the word null.
  const part = { name: 'work', make: async () => String((await Work({ deps })) ?? '') }
  addEvents(app, sessions, '/admin/backups/events', (c, may) => broadcast.answer(c, [part], may))
}

interface Props {
  readonly deps: HttpDeps
  readonly admin: string
  readonly list: ShortList<BackupEntry>
  readonly directory: string
  readonly alarms: readonly string[]
  /** Mode of uploads where nothing else is chosen. */
  readonly standard: string
  readonly notice: string | undefined
  readonly error?: string
  readonly typed?: Typed
}

const BackupsPage = ({ deps, admin, list, directory, alarms, standard, notice, error, typed }: Props) => (
  <Layout title={tr('Backups')} admin={admin} here="backups" {...{ notice, error }}>
    <h1>
      {tr('Backups')} <span class="state">{numberOf(list.total)}</span>
    </h1>
    {alarms.map((text) => (
      <p class="note bad" role="alert" lang="en">
        {text}
      </p>
    ))}
    <p class="dim">
      <code class="break">{directory}</code>
    </p>
    <div data-events="/admin/backups/events">
      <div id={nameIn('work')} aria-live="polite">
        <Work deps={deps} />
      </div>
    </div>
    <section class="card flush">
      {list.items.length === 0 ? <p class="empty">{tr('No backups yet.')}</p> : <Table list={list} />}
    </section>
    <Pager links={list.links} />
    <New standard={standard} typed={typed} />
  </Layout>
)

/** The work that is under way, or the last that was. */
const Work = ({ deps }: { deps: HttpDeps }) => {
  const { latest } = partsOf(deps).jobs
  if (!latest) return null
  const { kind, state, label, done, total, error, ended, started } = jobView(latest)
  const good = state !== 'failed'
  return (
    <section class="card">
      <p>
        {known(kind)} <State good={good}>{tr(STATES[state])}</State>{' '}
        <span class="dim">
          <Time at={Date.parse(ended ?? started)} />
        </span>
      </p>
      {state === 'running' && (
        <>
          <progress {...(total > 0 && { value: done, max: total })} aria-label={known(label)} />
          <p class="dim small">
            {known(label)} {total > 0 && `${numberOf(Math.floor((done / total) * 100))} %`}
          </p>
        </>
      )}
      {error !== null && (
        <p class="break" lang="en">
          {error}
        </p>
      )}
    </section>
  )
}

const STATES = {
  running: 'under way',
  done: 'done',
  failed: 'failed',
} as const satisfies Record<string, English>

const Table = ({ list }: Pick<Props, 'list'>) => (
  <table>
    <thead>
      <tr>
        <SortHead list={list} order="created" name="Made" />
        <SortHead list={list} order="bytes" name="Size" />
        <th scope="col" class="wide">
          {tr('Version')}
        </th>
        <th scope="col">
          <span class="unseen">{tr('Verify or remove')}</span>
        </th>
      </tr>
    </thead>
    <tbody>
      {list.items.map(({ name, created, bytes, version, schema, hosts, files, config, encrypted }) => (
        <tr>
          <td>
            <Time at={Date.parse(created)} />
            <div class="dim break">
              {[name, hosts.join(', '), tr('{n} files', { n: files })].join(', ')}
              {config && `, ${tr('with the configuration')}`}
              {encrypted === true && `, ${tr('encrypted')}`}
            </div>
          </td>
          <td>{sizeOf(bytes)}</td>
          <td class="wide">{tr('{version}, schema {schema}', { version, schema: String(schema) })}</td>
          <td>
            <Act
              action="/admin/backups/verify"
              fields={{ name }}
              text={tr('Verify')}
              label={tr('Verify {name}', { name })}
            />
            <details>
              <summary class="button danger small">{tr('Remove…')}</summary>
              <form method="post" action="/admin/backups/delete" class="stack">
                <input type="hidden" name="name" value={name} />
                <label class="check">
                  <input type="checkbox" name="sure" value="yes" required /> {tr('I am sure')}
                </label>
                <button type="submit" class="danger">
                  {tr('Remove')}
                </button>
              </form>
            </details>
          </td>
        </tr>
      ))}
    </tbody>
  </table>
)

const MODES = {
  link: 'as links to the files of now',
  copy: 'as copies',
  none: 'not at all',
} as const satisfies Record<string, English>

const New = ({ standard, typed }: Pick<Props, 'standard' | 'typed'>) => (
  <section class="card">
    <h2>{tr('Make a backup')}</h2>
    <form method="post" action="/admin/backups" class="row">
      <label>
        {tr('Files that people sent')}
        <select name="uploads">
          {UPLOAD_MODES.map((mode) => (
            <option value={mode} selected={mode === (typed?.uploads ?? standard)}>
              {tr(MODES[mode])}
            </option>
          ))}
        </select>
      </label>
      <label class="check">
        <input type="checkbox" name="config" value="yes" checked={typed?.config === true} />{' '}
        {tr('With the configuration and its keys')}
      </label>
      <button type="submit">{tr('Make it now')}</button>
    </form>
    <p class="dim small">{tr('The server goes on meanwhile. Bringing one back: belfry backup restore.')}</p>
  </section>
)
