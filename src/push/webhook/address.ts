/**
 * Which addresses a webhook may reach. The name is resolved here and the connection goes to the very address that was
 * checked, so that a name which changes its mind between check and use gains nothing.
 */
import { lookup } from 'node:dns/promises'
import { OutsideError } from '../../log.ts'
import { isAddress, isPublic } from '../../net/address.ts'

export type Resolve = (host: string) => Promise<readonly string[]>

export const systemResolve: Resolve = async (host) => {
  const found = await lookup(host, { all: true })
  return found.map((entry) => entry.address)
}

export class ForbiddenAddress extends Error {}

/** The address to connect to; throws ForbiddenAddress where none of the name's addresses may be reached. */
export async function allowedAddress(host: string, allowPrivate: boolean, resolve: Resolve): Promise<string> {
  const literal = host.replace(/^\[|\]$/g, '')
  const all = isAddress(literal) ? [literal] : await resolve(literal)
  const first = all.find((address) => allowPrivate || isPublic(address))
  if (first !== undefined) return first
  if (all.length === 0) throw new OutsideError('the name has no address')
  throw new ForbiddenAddress('the address belongs to a private network')
}
