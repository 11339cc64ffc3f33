/** @jsxImportSource hono/jsx */
import type { Account } from '../../store/accounts.ts'
import type { HttpDeps } from '../deps.ts'
import { State } from './layout.tsx'
import { tr } from './words.ts'

export const show = (jid: string): string => `/admin/users/show?jid=${encodeURIComponent(jid)}`

export function stateOf(deps: HttpDeps, account: Account) {
  if (account.disabled) return <State good={false}>{tr('disabled')}</State>
  const sessions = deps.world.sessions.countOf(account.jid)
  return sessions > 0 ? <State good={true}>{tr('online')}</State> : <span class="state">{tr('offline')}</span>
}
