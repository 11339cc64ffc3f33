/** @jsxImportSource hono/jsx */
/** Page of whoever opens the link of an invitation (XEP-0401 §5.2). Nothing on it needs a script. */
import type { Invite } from '../../store/invites.ts'
import { type App, APPS, type Platform } from './chat-apps.ts'
import { Layout, Time } from './layout.tsx'
import { NewPassword } from './new-password.tsx'
import { Qr } from './qr.tsx'

interface Props {
  readonly invite: Invite
  readonly token: string
  /** The xmpp: link. */
  readonly uri: string
  /** Address for another device: the page, or the link where nobody said how the page is reached. */
  readonly scan: string
  readonly platform: Platform
  readonly minPassword: number
  /** False: the page came in the clear, so no password may be sent from it. */
  readonly secure: boolean
  readonly name?: string
  readonly error?: string | undefined
}

export const InvitePage = (props: Props) => {
  const { invite, platform, error } = props
  const who = invite.inviter
  return (
    <Layout title="Invitation" assets="/invite" error={error}>
      <h1 class="break">
        {who === null ? `You are invited to chat on ${invite.host}` : `${who} invites you to chat`}
      </h1>
      <p class="dim">
        {invite.jid !== null && <>For {invite.jid}. </>}
        The invitation holds until <Time at={invite.expiresAt} />.
      </p>
      <section class="card stack">
        <h2>1. Get a chat app for {DEVICE[platform]}</h2>
        <Apps apps={APPS.filter((app) => app.on === platform)} />
        <details>
          <summary class="button quiet">Other devices</summary>
          <Apps apps={APPS.filter((app) => app.on !== platform)} named />
        </details>
        <p class="dim small">
          {invite.register
            ? `Every XMPP app will do: the server is ${invite.host}.`
            : 'Every XMPP app will do, with an account of any server.'}
        </p>
      </section>
      <section class="card stack">
        <h2>2. Open the invitation in it</h2>
        <div class="beside">
          <div class="stack">
            <p>
              <a class="button" href={props.uri}>
                Open in the app
              </a>
            </p>
            <p class="dim small">Nothing happens? Install the app first, then come back to this page.</p>
          </div>
          <figure class="wide">
            <Qr text={props.scan} label="QR code of this invitation" />
            <figcaption class="dim small">Or scan this with your phone.</figcaption>
          </figure>
        </div>
      </section>
      {invite.register && <Register {...props} />}
    </Layout>
  )
}

const DEVICE: Readonly<Record<Platform, string>> = {
  ios: 'your iPhone or iPad',
  android: 'Android',
  desktop: 'this computer',
}

const NAMES: Readonly<Record<Platform, string>> = {
  ios: 'iPhone and iPad',
  android: 'Android',
  desktop: 'Computer',
}

const Apps = ({ apps, named = false }: { apps: readonly App[]; named?: boolean }) => (
  <ul class="apps">
    {apps.map(({ name, url, on }) => (
      <li>
        <a href={url} rel="noreferrer">
          {name}
        </a>
        {named && <span class="dim"> {NAMES[on]}</span>}
      </li>
    ))}
  </ul>
)

const Register = ({ invite, token, minPassword, secure, name }: Props) => (
  <section class="card stack">
    <h2>Or make your account here, and sign in with the app</h2>
    {secure ? (
      <form method="post" action={`/invite/${token}`} class="stack">
        {invite.jid === null ? (
          <label>
            Name
            <span class="joined">
              <input
                name="name"
                required
                autocomplete="username"
                autocapitalize="none"
                spellcheck={false}
                value={name}
              />
              <span>@{invite.host}</span>
            </span>
          </label>
        ) : (
          <p class="break">
            Your address: <strong>{invite.jid}</strong>
          </p>
        )}
        <NewPassword minPassword={minPassword} />
        <button type="submit">Make the account</button>
      </form>
    ) : (
      <p class="note bad">This page came without encryption. Open it over https to choose a password here.</p>
    )}
  </section>
)

export const WelcomePage = ({ jid }: { jid: string }) => (
  <Layout title="Welcome" assets="/invite">
    <h1>Welcome</h1>
    <section class="card stack">
      <p>Your account is ready. Sign in with it in your chat app:</p>
      <p class="break">
        <strong>{jid}</strong>
      </p>
      <p>
        <a class="button" href={`xmpp:${encodeURI(jid)}`}>
          Open in the app
        </a>
      </p>
    </section>
  </Layout>
)

export const GonePage = () => (
  <Layout title="Invitation" assets="/invite">
    <section class="card stack">
      <h1>This invitation is over</h1>
      <p>It has ended, was used, or was taken back. Ask whoever sent it to you for another one.</p>
    </section>
  </Layout>
)
