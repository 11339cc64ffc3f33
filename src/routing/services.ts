/** Addresses below the hosts that answer like their host, as far as apps ask them: push.<host>, where they register. */
import type { Config } from '../config.ts'
import { COMMANDS } from './commands.ts'
import { NS } from '../xmpp/namespaces.ts'
import { firstElement } from '../xmpp/xml.ts'
import type { Transit } from './transit.ts'

const ASKED = new Set([NS.discoInfo, NS.discoItems, COMMANDS, 'urn:xmpp:ping'])

export function servicesOf({ hosts, push }: Config): ReadonlySet<string> {
  if (!push.simulator && push.apps.length === 0) return new Set()
  return new Set(hosts.map((host) => `push.${host}`).filter((name) => !hosts.includes(name)))
}

export const isService = ({ world }: Transit, domain: string): boolean => world.services.has(domain)

/** What is the host's own business, such as registration, is not answered below it. */
export const isAnswered = (t: Transit, domain: string): boolean =>
  !isService(t, domain) || ASKED.has(firstElement(t.stanza.el)?.attrs.xmlns ?? '')
