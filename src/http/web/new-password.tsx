/** @jsxImportSource hono/jsx */
/** The field in which somebody chooses the password of a new account. */

export const NewPassword = ({ minPassword }: { minPassword: number }) => (
  <label>
    Password
    <input name="password" type="password" autocomplete="new-password" minlength={minPassword} required />
    <span class="dim small">At least {minPassword} characters.</span>
  </label>
)
