/** Pages of the web admin: how a part of it adds its own, and which stand in the menu. */
import type { Ctx } from '../context.ts'
import type { Plain } from './words.ts'

/** `admin`: JID of the administrator who asks. */
export type Handler = (c: Ctx, admin: string) => Response | Promise<Response>
type Add = (path: string, handler: Handler) => void

export interface Pages {
  readonly get: Add
  readonly post: Add
  /** Text about what was just done, which a page shows after a form. */
  readonly notice: (c: Ctx) => string | undefined
}

interface Entry {
  /** Name of the page among the others. */
  readonly here: string
  readonly path: string
  readonly name: Plain
  /** Menu that it is in; without one it stands in that of the server. */
  readonly group?: 'People' | 'Chat' | 'Push' | 'Access'
  /** Only while pushes go to the simulator. */
  readonly simulator?: true
}

export const MENU = [
  { here: 'dashboard', path: '/admin/', name: 'Dashboard' },
  { here: 'users', path: '/admin/users', name: 'Users', group: 'People' },
  { here: 'invites', path: '/admin/invites', name: 'Invitations', group: 'People' },
  { here: 'rooms', path: '/admin/rooms', name: 'Rooms', group: 'Chat' },
  { here: 'uploads', path: '/admin/uploads', name: 'Files', group: 'Chat' },
  { here: 'push', path: '/admin/push', name: 'Apps and queue', group: 'Push' },
  { here: 'simulator', path: '/admin/simulator', name: 'Simulator', group: 'Push', simulator: true },
  { here: 'try', path: '/admin/try', name: 'Try it', group: 'Push', simulator: true },
  { here: 'tokens', path: '/admin/tokens', name: 'API tokens', group: 'Access' },
  { here: 'bans', path: '/admin/bans', name: 'Bans and limits', group: 'Access' },
  { here: 'certificates', path: '/admin/certificates', name: 'Certificates' },
  { here: 'backups', path: '/admin/backups', name: 'Backups' },
  { here: 'config', path: '/admin/config', name: 'Configuration' },
  { here: 'doctor', path: '/admin/doctor', name: 'Doctor' },
  { here: 'logs', path: '/admin/logs', name: 'Log' },
  { here: 'audit', path: '/admin/audit', name: 'Audit' },
  { here: 'about', path: '/admin/about', name: 'About' },
] as const satisfies readonly Entry[]

export type Here = (typeof MENU)[number]['here']

const GROUPS = ['Server', 'People', 'Chat', 'Push', 'Access'] as const

/** The menus with what is in them. */
export function menus(simulator: boolean): { readonly name: Plain; readonly entries: readonly Entry[] }[] {
  const shown = (MENU as readonly Entry[]).filter((entry) => simulator || entry.simulator !== true)
  return GROUPS.map((name) => ({ name, entries: shown.filter(({ group = 'Server' }) => group === name) }))
}
