/** Lines to paste after a set-up: DNS, firewall, SELinux, and a first call or two. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Place {
  readonly root: string
  readonly domain: string
}

export function dnsLines(domain: string): string[] {
  return [
    `${domain}.  IN A     <address of this machine>`,
    `${domain}.  IN AAAA  <its IPv6 address, if it has one>`,
    `_xmpp-client._tcp.${domain}.   IN SRV 5 0 5222 ${domain}.`,
    `_xmpps-client._tcp.${domain}.  IN SRV 5 0 5223 ${domain}.`,
    `_xmppconnect.${domain}.        IN TXT "_xmpp-client-websocket=wss://${domain}/xmpp-websocket"`,
  ]
}

/** As /etc/os-release names it and those that it is like (os-release(5)). */
function family(root: string): { name: string; isRedHat: boolean } {
  const text = existsSync(join(root, 'etc/os-release'))
    ? readFileSync(join(root, 'etc/os-release'), 'utf8')
    : ''
  const value = (key: string): string => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? ''
  const kin = `${value('ID')} ${value('ID_LIKE')}`
  return {
    name: value('PRETTY_NAME') || 'this system',
    isRedHat: /\b(rhel|fedora|centos|almalinux|rocky)\b/.test(kin),
  }
}

export function firewallLines({ root }: Place): string[] {
  const { name, isRedHat } = family(root)
  const has = (path: string): boolean => existsSync(join(root, path))
  if (has('usr/bin/firewall-cmd') || (isRedHat && !has('usr/sbin/ufw')))
    return [
      `# ${name}: firewalld`,
      'firewall-cmd --permanent --add-port=5222/tcp --add-port=5223/tcp && firewall-cmd --reload',
    ]
  if (has('usr/sbin/ufw')) return [`# ${name}: ufw`, 'ufw allow 5222/tcp && ufw allow 5223/tcp']
  if (has('usr/sbin/nft') || has('sbin/nft'))
    return [
      `# ${name}: nftables, where a chain "input" drops what nobody lets in`,
      'nft add rule inet filter input tcp dport { 5222, 5223 } accept',
    ]
  return [`# ${name}: no firewall was found; let 5222/tcp and 5223/tcp in at your provider`]
}

export function selinuxLines({ root }: Place): string[] {
  if (!family(root).isRedHat && !existsSync(join(root, 'sys/fs/selinux/enforce'))) return []
  return ['restorecon -RF /usr/local/bin/belfry /etc/belfry /var/lib/belfry']
}

export function curlLines(domain: string): string[] {
  return [
    'belfry invite create   # a link for a person',
    `belfry user add romeo@${domain} && belfry user add juliet@${domain}`,
    "curl --unix-socket /var/lib/belfry/admin.sock http://localhost/v1/messages -H 'content-type: application/json' \\",
    `  -d '{"from":"romeo@${domain}","to":"juliet@${domain}","body":"Art thou not Romeo?"}'`,
  ]
}

export function adviceFor(place: Place): string[] {
  const part = (title: string, lines: readonly string[]): string[] =>
    lines.length === 0 ? [] : ['', title, ...lines.map((line) => `  ${line}`)]
  return [
    ...part('DNS', dnsLines(place.domain)),
    ...part('Firewall', firewallLines(place)),
    ...part('SELinux', selinuxLines(place)),
    ...part('Then', curlLines(place.domain)),
  ]
}
