/** Origins whose pages may act here. Only browsers send an Origin; programs that are no browser pass. */
import { plainOrigin } from '../config/values.ts'
import { isLoopback } from '../net/address.ts'
import type { Ctx } from './context.ts'

/** A page of this very server: of its public address, or of the name by which it was asked. */
export function isOwn(c: Ctx, origin: string): boolean {
  const { public_url } = c.get('deps').world.config.http
  if (public_url !== undefined && origin === new URL(public_url).origin) return true
  const url = URL.parse(origin)
  if (url === null || url.host === '') return false
  // Parsed alike, so that the case of the name and the port that goes without saying make no difference.
  return url.host === URL.parse(`${url.protocol}//${c.req.header('host') ?? ''}`)?.host
}

/** Case 77: whether the page that asks may open an XMPP stream: [http] origins. */
export function mayOpenStream(c: Ctx): boolean {
  const origin = c.req.header('origin')
  if (origin === undefined) return true
  const { origins } = c.get('deps').world.config.http
  if (origins.length > 0) return origins.includes('*') || origins.includes(plainOrigin(origin) ?? origin)
  return isOwn(c, origin) || isLoopbackPage(origin)
}

function isLoopbackPage(origin: string): boolean {
  const url = URL.parse(origin)
  if (url === null || !/^https?:$/.test(url.protocol)) return false
  return url.hostname === 'localhost' || isLoopback(url.hostname)
}
