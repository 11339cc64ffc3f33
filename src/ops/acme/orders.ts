/** Which certificates an authority is asked for: one for each host, with the names of its services. */
import { domainToASCII } from 'node:url'
import { HOST } from '../../config/muc.ts'
import type { Config } from '../../config/config.ts'
import { isAddress } from '../../net/address.ts'

export interface Order {
  /** The host: name of the certificate here, and of its file. */
  readonly host: string
  /** As certificates have them: A-labels. */
  readonly names: readonly string[]
}

type Settings = Pick<Config, 'hosts' | 'acme' | 'muc' | 'tls' | 'upload'>

/** Whether certificates are fetched at all: the operator's own pair comes first. */
export const isOn = ({ acme, tls }: Pick<Config, 'acme' | 'tls'>): boolean =>
  acme.email !== undefined && acme.agree === true && tls.cert === undefined

/** None where it is off. Hosts with a pair of their own in [[tls.hosts]] are left out. */
export function ordersOf(config: Settings): Order[] {
  if (!isOn(config)) return []
  const own = new Set(config.tls.hosts.map(({ name }) => asciiName(name)))
  const taken = new Set<string>()
  return config.hosts.flatMap((host, at) => {
    if (own.has(asciiName(host)) || !isPublic(asciiName(host))) return []
    const wanted = [host, ...(config.acme.services ? servicesOf(config, host) : [])]
    if (at === 0) wanted.push(...config.acme.names)
    const names = [...new Set(wanted.map(asciiName))].filter((name) => isPublic(name) && !taken.has(name))
    names.forEach((name) => taken.add(name))
    return names.length === 0 ? [] : [{ host, names }]
  })
}

function servicesOf({ muc, upload }: Settings, host: string): string[] {
  const templates = [...(muc.enabled ? [muc.host] : []), ...(upload.enabled ? [upload.host] : [])]
  return templates.map((template) => template.replaceAll(HOST, host))
}

/** No authority vouches for an address of the network or a name without a dot. */
const isPublic = (name: string): boolean => name.includes('.') && !isAddress(name) && !name.includes(':')

/** As certificates have it: A-labels, in small letters. */
export function asciiName(name: string): string {
  const plain = name.toLowerCase().replace(/\.$/, '')
  return domainToASCII(plain) || plain
}
