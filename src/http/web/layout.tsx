/** @jsxImportSource hono/jsx */
/** The frame of every page. Everything that is shown passes through JSX, which escapes it. */
import { type Child, createContext, useContext } from 'hono/jsx'
import { VERSION } from '../../version.ts'
import { type Here, menus } from './pages.ts'
import { LANGUAGES, numberOf, languageNow, tr } from './words.ts'

export interface Frame {
  readonly title: string
  /** The signed-in administrator; none on the login page. */
  readonly admin?: string | undefined
  /** Addresses of style and bell. */
  readonly assets?: '/admin' | '/invite'
  readonly here?: Here
  readonly notice?: string | undefined
  readonly error?: string | undefined
  readonly children?: Child
}

/** Whether pushes go to the simulator: every page says so. */
const Simulated = createContext(false)

export const Whole = ({ simulator, page }: { simulator: boolean; page: Child }) => (
  <Simulated.Provider value={simulator}>{page}</Simulated.Provider>
)

export const Layout = (frame: Frame) => (
  <html lang={languageNow()}>
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width, initial-scale=1" />
      <meta name="color-scheme" content="light dark" />
      <title>{frame.title} · Belfry</title>
      <link rel="stylesheet" href={`${frame.assets ?? '/admin'}/style.css?v=${VERSION}`} />
      <link rel="icon" href={`${frame.assets ?? '/admin'}/bell.svg`} type="image/svg+xml" />
      {frame.admin !== undefined && <script src={`/admin/admin.js?v=${VERSION}`} defer />}
    </head>
    <body>
      <a class="skip" href="#main">
        {tr('Skip to content')}
      </a>
      {frame.admin !== undefined && <Head frame={frame} admin={frame.admin} />}
      <Ribbon />
      <main id="main" class={widthOf(frame)}>
        {frame.notice !== undefined && (
          <p class="note good" role="status">
            {frame.notice}
          </p>
        )}
        {frame.error !== undefined && (
          <p class="note bad" role="alert">
            {frame.error}
          </p>
        )}
        {frame.children}
      </main>
      <Foot base={frame.assets ?? '/admin'} />
    </body>
  </html>
)

/** The choice of a language, each in its own words. */
const Foot = ({ base }: { base: string }) => {
  const language = languageNow()
  return (
    <footer>
      <nav aria-label={tr('Language')}>
        {Object.entries(LANGUAGES).map(([key, name]) => (
          <a
            href={`${base}/language?to=${key}`}
            lang={key}
            hreflang={key}
            rel="nofollow"
            aria-current={key === language ? 'true' : undefined}
          >
            {name}
          </a>
        ))}
      </nav>
    </footer>
  )
}

const Ribbon = () =>
  useContext(Simulated) && (
    <p class="ribbon" role="status">
      {tr('Pushes go to the simulator: no phone rings.')}
    </p>
  )

/** A visitor of an invitation reads; who signs in fills in two fields. */
const widthOf = ({ admin, assets }: Frame): string =>
  admin !== undefined ? '' : assets === '/invite' ? 'middle' : 'narrow'

const Head = ({ frame, admin }: { frame: Frame; admin: string }) => (
  <header>
    <a class="brand" href="/admin/">
      <img src="/admin/bell.svg" alt="" width="24" height="24" />
      Belfry
    </a>
    <Menus here={frame.here} />
    <form method="post" action="/admin/logout" class="who">
      <span title={admin}>{admin}</span>
      <button type="submit" class="quiet">
        {tr('Sign out')}
      </button>
    </form>
  </header>
)

/** Menus, of which one is open at a time. A menu of one page is that page. */
const Menus = ({ here }: { here: Here | undefined }) => (
  <nav aria-label={tr('Main')} class="menus">
    {menus(useContext(Simulated)).map(({ name, entries }) => {
      const links = entries.map((entry) => (
        <a href={entry.path} aria-current={entry.here === here ? 'page' : undefined}>
          {tr(entry.name)}
        </a>
      ))
      if (entries.length < 2) return links
      return (
        <details name="menu" class={entries.some((entry) => entry.here === here) ? 'here' : ''}>
          <summary>{tr(name)}</summary>
          <div class="menu">{links}</div>
        </details>
      )
    })}
  </nav>
)

/** Bytes for people, in the units of the configuration: 1 kB has 1024. */
export function sizeOf(bytes: number): string {
  if (bytes < 1024 ** 2) return `${numberOf(Math.ceil(bytes / 1024))} kB`
  return bytes < 1024 ** 3 ? `${numberOf(bytes / 1024 ** 2, 1)} MB` : `${numberOf(bytes / 1024 ** 3, 1)} GB`
}

export const Time = ({ at }: { at: number | null }) =>
  at === null ? (
    <span class="dim">{tr('never')}</span>
  ) : (
    <time datetime={new Date(at).toISOString()}>
      {`${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`}
    </time>
  )

export const State = ({ good, children }: { good: boolean; children: Child }) => (
  <span class={good ? 'state good' : 'state bad'}>{children}</span>
)
