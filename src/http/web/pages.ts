/** Pages of the web admin: how a part of it adds its own, and which stand in the menu. */
import type { Ctx } from '../context.ts'

/** `admin`: JID of the administrator who asks. */
export type Handler = (c: Ctx, admin: string) => Response | Promise<Response>
type Add = (path: string, handler: Handler) => void

export interface Pages {
  readonly get: Add
  readonly post: Add
  /** Text about what was just done, which a page shows after a form. */
  readonly notice: (c: Ctx) => string | undefined
}

export const MENU = [
  { here: 'dashboard', path: '/admin/', name: 'Dashboard' },
  { here: 'users', path: '/admin/users', name: 'Users' },
  { here: 'rooms', path: '/admin/rooms', name: 'Rooms' },
  { here: 'uploads', path: '/admin/uploads', name: 'Files' },
  { here: 'push', path: '/admin/push', name: 'Push' },
  { here: 'doctor', path: '/admin/doctor', name: 'Doctor' },
  { here: 'audit', path: '/admin/audit', name: 'Audit' },
] as const

export type Here = (typeof MENU)[number]['here']
