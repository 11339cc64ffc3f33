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
  readonly group?: 'People' | 'Chat' | 'Push'
  /** Only while pushes go to the simulator. */
  readonly simulator?: true
}

export const MENU = [
  { here: 'dashboard', path: '/admin/', name: 'Dashboard' },
  { here: 'users', path: '/admin/users', name: 'Users', group: 'People' },
  { here: 'rooms', path: '/admin/rooms', name: 'Rooms', group: 'Chat' },
  { here: 'uploads', path: '/admin/uploads', name: 'Files', group: 'Chat' },
  { here: 'push', path: '/admin/push', name: 'Apps and queue', group: 'Push' },
  { here: 'simulator', path: '/admin/simulator', name: 'Simulator', group: 'Push', simulator: true },
  { here: 'try', path: '/admin/try', name: 'Try it', group: 'Push', simulator: true },
  { here: 'certificates', path: '/admin/certificates', name: 'Certificates' },
  { here: 'doctor', path: '/admin/doctor', name: 'Doctor' },
  { here: 'logs', path: '/admin/logs', name: 'Log' },
  { here: 'audit', path: '/admin/audit', name: 'Audit' },
] as const satisfies readonly Entry[]

export type Here = (typeof MENU)[number]['here']

const GROUPS = ['Server', 'People', 'Chat', 'Push'] as const

/** The menus with what is in them. */
export function menus(simulator: boolean): { readonly name: Plain; readonly entries: readonly Entry[] }[] {
  const shown = (MENU as readonly Entry[]).filter((entry) => simulator || entry.simulator !== true)
  return GROUPS.map((name) => ({ name, entries: shown.filter(({ group = 'Server' }) => group === name) }))
}
