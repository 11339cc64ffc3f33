/** @jsxImportSource hono/jsx */
import { Layout } from './layout.tsx'

export const LoginPage = ({ error, jid }: { error?: string | undefined; jid?: string }) => (
  <Layout title="Sign in" error={error}>
    <form method="post" action="/admin/login" class="card stack">
      <h1 class="brand">
        <img src="/admin/bell.svg" alt="" width="32" height="32" />
        Belfry
      </h1>
      <label>
        Account
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
        Password
        <input name="password" type="password" autocomplete="current-password" required />
      </label>
      <button type="submit">Sign in</button>
      <p class="dim small">
        For accounts listed under <code>admins</code> in the configuration.
      </p>
    </form>
  </Layout>
)
