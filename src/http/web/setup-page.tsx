/** @jsxImportSource hono/jsx */
import { SETUP_PATH } from '../../accounts/first-admin.ts'
import { Layout } from './layout.tsx'
import { NewPassword } from './new-password.tsx'
import { Rich } from './rich.tsx'
import { tr } from './words.ts'

interface Props {
  readonly token: string
  readonly hosts: readonly string[]
  readonly minPassword: number
  /** False: the page came in the clear, so no password may be sent from it. */
  readonly secure: boolean
  readonly name?: string
  readonly error?: string | undefined
}

const Brand = () => (
  <p class="brand">
    <img src="/admin/bell.svg" alt="" width="32" height="32" />
    Belfry
  </p>
)

export const SetupPage = ({ token, hosts, minPassword, secure, name, error }: Props) => (
  <Layout title={tr('Set up')} error={error}>
    <section class="card stack">
      <Brand />
      <h1>{tr('The first administrator')}</h1>
      {secure ? (
        <form method="post" action={SETUP_PATH} class="stack">
          <input type="hidden" name="token" value={token} />
          <label>
            {tr('Name')}
            <span class="joined">
              <input
                name="name"
                required
                autocomplete="username"
                autocapitalize="none"
                spellcheck={false}
                value={name}
                autofocus
              />
              {hosts.length === 1 ? <span class="break">@{hosts[0]}</span> : <Hosts hosts={hosts} />}
            </span>
          </label>
          <NewPassword minPassword={minPassword} />
          <label>
            {tr('The same again')}
            <input name="again" type="password" autocomplete="new-password" required />
          </label>
          <button type="submit">{tr('Make the account')}</button>
          <p class="dim small">
            {tr('It signs in here and with any XMPP app. This page is shown only until then.')}
          </p>
        </form>
      ) : (
        <p class="note bad">
          {tr(
            'This page came without encryption. Open it over https, or on the machine itself, to choose a password.',
          )}
        </p>
      )}
    </section>
  </Layout>
)

const Hosts = ({ hosts }: { hosts: readonly string[] }) => (
  <>
    <span>@</span>
    <select name="host" aria-label={tr('Domain')}>
      {hosts.map((host) => (
        <option value={host}>{host}</option>
      ))}
    </select>
  </>
)

/** Without the link, or with one that has ended. `holds`: the one that was printed can still be used. */
export const LinkNeededPage = ({ holds, isWrong = false }: { holds: boolean; isWrong?: boolean }) => (
  <Layout
    title={tr('Set up')}
    error={isWrong ? tr('This is not the link that the server printed.') : undefined}
  >
    <section class="card stack">
      <Brand />
      <h1>{tr('No administrator yet')}</h1>
      {holds ? (
        <p>
          <Rich
            text="The server printed a link when it started, for whoever runs it: open that one. It is in the terminal, or in {journal}."
            parts={{ journal: <code>journalctl -u belfry</code> }}
          />
        </p>
      ) : (
        <p>
          <Rich
            text="The link that the server printed has ended. Start it again and it prints another one, in the terminal or in {journal}."
            parts={{ journal: <code>journalctl -u belfry</code> }}
          />
        </p>
      )}
      <p class="dim small">
        <Rich
          text="Or name an account under {admins} in the configuration."
          parts={{ admins: <code>admins</code> }}
        />
      </p>
    </section>
  </Layout>
)
