/** @jsxImportSource hono/jsx */
/** Page of whoever opens the link of an invitation (XEP-0401 §5.2). Nothing on it needs a script. */
import type { Invite } from '../../store/invites.ts'
import { type App, APPS, type Platform } from './chat-apps.ts'
import { Layout, Time } from './layout.tsx'
import { NewPassword } from './new-password.tsx'
import { Qr } from './qr.tsx'
import { Rich } from './rich.tsx'
import { type English, tr } from './words.ts'

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
    <Layout title={tr('Invitation')} assets="/invite" error={error}>
      <h1 class="break">
        {who === null
          ? tr('You are invited to chat on {host}', { host: invite.host })
          : tr('{who} invites you to chat', { who })}
      </h1>
      <p class="dim">
        {invite.jid !== null && `${tr('For {jid}.', { jid: invite.jid })} `}
        <Rich text="The invitation holds until {when}." parts={{ when: <Time at={invite.expiresAt} /> }} />
      </p>
      <section class="card stack">
        <h2>{tr(GET[platform])}</h2>
        <Apps apps={APPS.filter((app) => app.on === platform)} />
        <details>
          <summary class="button quiet">{tr('Other devices')}</summary>
          <Apps apps={APPS.filter((app) => app.on !== platform)} named />
        </details>
        <p class="dim small">
          {invite.register
            ? tr('Every XMPP app will do: the server is {host}.', { host: invite.host })
            : tr('Every XMPP app will do, with an account of any server.')}
        </p>
      </section>
      <section class="card stack">
        <h2>{tr('2. Open the invitation in it')}</h2>
        <div class="beside">
          <div class="stack">
            <p>
              <a class="button" href={props.uri}>
                {tr('Open in the app')}
              </a>
            </p>
            <p class="dim small">
              {tr('Nothing happens? Install the app first, then come back to this page.')}
            </p>
          </div>
          <figure class="wide">
            <Qr text={props.scan} label={tr('QR code of this invitation')} />
            <figcaption class="dim small">{tr('Or scan this with your phone.')}</figcaption>
          </figure>
        </div>
      </section>
      {invite.register && <Register {...props} />}
    </Layout>
  )
}

const GET = {
  ios: '1. Get a chat app for your iPhone or iPad',
  android: '1. Get a chat app for Android',
  desktop: '1. Get a chat app for this computer',
} as const satisfies Record<Platform, English>

const NAMES = {
  ios: 'iPhone and iPad',
  android: 'Android',
  desktop: 'Computer',
} as const satisfies Record<Platform, English>

const Apps = ({ apps, named = false }: { apps: readonly App[]; named?: boolean }) => (
  <ul class="apps">
    {apps.map(({ name, url, on }) => (
      <li>
        <a href={url} rel="noreferrer">
          {name}
        </a>
        {named && <span class="dim"> {tr(NAMES[on])}</span>}
      </li>
    ))}
  </ul>
)

const Register = ({ invite, token, minPassword, secure, name }: Props) => (
  <section class="card stack">
    <h2>{tr('Or make your account here, and sign in with the app')}</h2>
    {secure ? (
      <form method="post" action={`/invite/${token}`} class="stack">
        {invite.jid === null ? (
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
              />
              <span>@{invite.host}</span>
            </span>
          </label>
        ) : (
          <p class="break">
            <Rich text="Your address: {jid}" parts={{ jid: <strong>{invite.jid}</strong> }} />
          </p>
        )}
        <NewPassword minPassword={minPassword} />
        <button type="submit">{tr('Make the account')}</button>
      </form>
    ) : (
      <p class="note bad">
        {tr('This page came without encryption. Open it over https to choose a password here.')}
      </p>
    )}
  </section>
)

export const WelcomePage = ({ jid }: { jid: string }) => (
  <Layout title={tr('Welcome')} assets="/invite">
    <h1>{tr('Welcome')}</h1>
    <section class="card stack">
      <p>{tr('Your account is ready. Sign in with it in your chat app:')}</p>
      <p class="break">
        <strong>{jid}</strong>
      </p>
      <p>
        <a class="button" href={`xmpp:${encodeURI(jid)}`}>
          {tr('Open in the app')}
        </a>
      </p>
    </section>
  </Layout>
)

export const GonePage = () => (
  <Layout title={tr('Invitation')} assets="/invite">
    <section class="card stack">
      <h1>{tr('This invitation is over')}</h1>
      <p>{tr('It has ended, was used, or was taken back. Ask whoever sent it to you for another one.')}</p>
    </section>
  </Layout>
)
