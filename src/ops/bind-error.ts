/** A port that cannot be had, in one line that names the remedy. */
import { codeOf, OutsideError } from '../log.ts'

/** `key` is the configuration key that names the address. */
export function bindError(what: string, address: string, key: string, error: unknown): Error {
  return new OutsideError(`${what} cannot listen on ${address}: ${reason(key, error)}`, { cause: error })
}

function reason(key: string, error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return `another program does; find it with: ss -ltnp, or change ${key}`
    case 'EACCES':
      return `ports below 1024 need CAP_NET_BIND_SERVICE, as in the unit that "belfry systemd" prints; or change ${key}`
    case 'EADDRNOTAVAIL':
      return `this machine has no such address; see: ip address, or change ${key}`
    default:
      return error instanceof Error ? error.message : String(error)
  }
}
