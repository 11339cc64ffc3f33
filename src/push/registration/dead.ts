/**
 * Remote disabling (XEP-0357 §8): an account hears that a registration is no more, since its phone's service has called
 * the address dead. Few apps listen; those that do register anew.
 */
import type { Trip } from '../../routing/transit.ts'
import type { Device } from '../../store/devices.ts'
import { Jid } from '../../xmpp/jid.ts'
import { PUBSUB } from '../../xmpp/pubsub.ts'
import { Stanza } from '../../xmpp/stanza.ts'
import { xml } from '../../xmpp/xml.ts'
import { P1_PUSH } from './dialects/p1.ts'

/** From now on accounts are told. The address dies in a trip of the outbox, which has no road. */
export function tellOfTheDead({ world }: Trip): void {
  const { devices } = world.store.push
  devices.died = (device) => world.store.turn.after(() => world.insist((t) => tell(t, device)))
}

/** COMPAT(Martin): the sender is the service as the app has named it, and `jid` the account's bare address. */
function tell(t: Trip, { accountId, service, node }: Device): void {
  const account = t.store.accounts.byId(accountId)
  if (!account || service === null || node === null || service === P1_PUSH) return
  const { jid } = account
  // What has registered anew in between is alive.
  if (t.store.push.devices.of(accountId).some((one) => one.service === service && one.node === node)) return
  const affiliation = xml('affiliation', { jid, affiliation: 'none' })
  t.emit(
    Stanza.make(
      'message',
      Jid.parse(service),
      Jid.parse(jid),
      { id: t.freshId() },
      xml('pubsub', { xmlns: PUBSUB, node }, affiliation),
    ),
  )
}
