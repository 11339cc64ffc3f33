/** @jsxImportSource hono/jsx */
import { Layout } from './layout.tsx'
import { Rich } from './rich.tsx'
import { tr } from './words.ts'

export const LoginPage = ({ error, jid }: { error?: string | undefined; jid?: string }) => (
  <Layout title={tr('Sign in')} error={error}>
    <form method="post" action="/admin/login" class="card stack">
      <h1 class="brand">
        <img src="/admin/bell.svg" alt="" width="32" height="32" />
        Belfry
      </h1>
      <label>
        {tr('Account')}
        <input
          name="jid"
          type="text"
          inputmode="email"
          autocomplete="username"
          autocapitalize="none"
          spellcheck={false}
          placeholder="you@example.org"
          value={jid}
          required
          autofocus
        />
      </label>
      <label>
        {tr('Password')}
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      <button type="submit">{tr('Sign in')}</button>
      <p class="dim small">
        <Rich
          text="For accounts listed under {admins} in the configuration."
          parts={{ admins: <code>admins</code> }}
        />
      </p>
    </form>
  </Layout>
)
