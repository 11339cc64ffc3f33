/** @jsxImportSource hono/jsx */
/** The field in which somebody chooses the password of a new account. */
import { tr } from './words.ts'

export const NewPassword = ({ minPassword }: { minPassword: number }) => (
  <label>
    {tr('Password')}
    <input name="password" type="password" autocomplete="new-password" minlength={minPassword} required />
    <span class="dim small">{tr('At least {n} characters.', { n: minPassword })}</span>
  </label>
)
