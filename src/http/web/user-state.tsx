/** @jsxImportSource hono/jsx */
import type { Account } from '../../store/accounts.ts'
import type { HttpDeps } from '../deps.ts'
import { State } from './layout.tsx'

export const show = (jid: string): string => `/admin/users/show?jid=${encodeURIComponent(jid)}`

export function stateOf(deps: HttpDeps, account: Account) {
  if (account.disabled) return <State good={false}>disabled</State>
  const sessions = deps.world.sessions.countOf(account.jid)
  return sessions > 0 ? <State good={true}>online</State> : <span class="state">offline</span>
}
