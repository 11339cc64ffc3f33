/**
 * Push registrations of XEP-0357 that another server kept. One can ring from here only where its push service was what is now
 * ours (the host, push.<host>, an alias of an app) and what the app said holds its token, in whichever dialect; any other is
 * the secret of somebody's app server, and its app registers anew when it next connects.
 */
import { readEnable } from '../push/registration/dialects/enable.ts'
import {
  checkFilters,
  DEFAULT_KIND,
  type DeviceWish,
  ownService,
  pushIsOn,
  registerDevice,
} from '../push/registration/register.ts'
import { kindOf, topicFor } from '../push/registration/kinds.ts'
import type { Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { NS } from '../xmpp/namespaces.ts'
import { xml } from '../xmpp/xml.ts'
import type { HostMap } from './hosts.ts'
import { type Fact, Refused } from './model.ts'

type Registration = Extract<Fact, { kind: 'push' }>

/** The registration as a wish that can be served, checked as far as it can be without the account. @throws Refused */
export function wishOf(t: Trip, hosts: HostMap, { service, node, form, resource }: Registration): DeviceWish {
  const jid = hosts.address(service)?.full ?? service
  try {
    const own = ownService(t, jid)
    if (!pushIsOn(t.config)) throw new Refused('pushes are off here')
    const enable = xml('enable', { xmlns: NS.push, jid: own.jid, node }, form)
    const { keys, ...wanted } = readEnable(enable)
    if (keys) throw new Refused('a subscription of Web Push, which was made with the key of the old server')
    checkFilters(t.config, wanted.options)
    const topic = wanted.topic ?? own.topic
    const kind = kindOf(wanted.kind ?? DEFAULT_KIND)
    topicFor(t.config, kind, topic)
    kind.readAddress(wanted.token, wanted.tokenField, t.config)
    return { ...wanted, topic, node, service: own.jid, of: { resource } }
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error
    const why =
      error.condition === 'remote-server-not-found'
        ? 'is not of this server'
        : `cannot serve it: ${error.text ?? error.condition}`
    throw new Refused(`the push service ${jid} ${why}; the app registers anew when it next connects`)
  }
}

export const register = (t: Trip, account: Account, hosts: HostMap, fact: Registration): void =>
  void registerDevice(t, account, wishOf(t, hosts, fact))
