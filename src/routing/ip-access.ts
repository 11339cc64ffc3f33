/** Lists of networks in which the first match wins and "!" denies (`registration.ip_access`). */
import { BlockList, isIP } from 'node:net'

/** `[]` lets nobody in; an address that no entry covers is refused. */
export function ipAccess(networks: readonly string[]): (ip: string) => boolean {
  const rules = networks.map((text) => {
    const [address = '', bits] = text.replace(/^!/, '').split('/')
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
    const list = new BlockList()
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
    return { list, allows: !text.startsWith('!') }
  })
  return (text) => {
    // An IPv4 client of a dual-stack listener is an IPv4 client.
    const ip = text.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
    const family = isIP(ip) === 6 ? 'ipv6' : 'ipv4'
    if (isIP(ip) === 0) return false
    return rules.find(({ list }) => list.check(ip, family))?.allows ?? false
  }
}
