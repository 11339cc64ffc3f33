/** Listeners of both address families, on machines that may have one of them alone. */
import type { ListenAddress } from '../config/values.ts'
import { codeOf, getLogger } from '../log.ts'
import { isAddress } from '../net/address.ts'

const log = getLogger('server')

/** Address of a listener: of two wildcards on one port, that of IPv6 leaves IPv4 to the other. */
export type Place = ListenAddress & { readonly ipv6Only?: boolean }

/**
 * Opens each. An address family that this machine does not have (IPv6 switched off, more often than not) is a warning
 * as long as the other one listens; every other failure ends the start.
 */
export async function each(
  addresses: readonly ListenAddress[],
  open: (place: Place) => void | Promise<void>,
): Promise<void> {
  const missing: { readonly isIpv6: boolean; readonly error: Error }[] = []
  const listening = new Set<boolean>()
  for (const address of addresses) {
    const isIpv6 = address.host.includes(':')
    try {
      await open({ ...address, ipv6Only: isIpv6 && sharesPort(address, addresses) })
      listening.add(isIpv6)
    } catch (error) {
      if (!(error instanceof Error) || !isAddress(address.host) || !NO_FAMILY.has(codeOf(error.cause)))
        throw error
      missing.push({ isIpv6, error })
    }
  }
  for (const { isIpv6, error } of missing) {
    if (!listening.has(!isIpv6)) throw error
    log.warn(error.message)
  }
}

const NO_FAMILY: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

const sharesPort = ({ port }: ListenAddress, addresses: readonly ListenAddress[]): boolean =>
  addresses.some((other) => other.port === port && !other.host.includes(':'))

export const shownPlace = ({ host, port }: ListenAddress): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
