/** What happened, told to every feature that wants to know, in their order. */
import type { Account } from '../store/accounts.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Feature } from './feature.ts'
import type { Given } from './outcome.ts'
import type { Session } from './session.ts'
import type { Hooks, Publication, Transit, Trip, VcardChange } from './transit.ts'

/** Who stands where on the road. Every stanza passes, and most features have nothing to say at most places. */
export const roadOf = (features: readonly Feature[]) => ({
  sent: features.filter((feature) => feature.sent !== undefined),
  received: features.filter((feature) => feature.received !== undefined),
  missed: features.filter((feature) => feature.missed !== undefined),
  settled: features.filter((feature) => feature.settled !== undefined),
})

/** Names of the hooks that are no part of the road itself. */
export function hooksOf(features: readonly Feature[]): Hooks {
  const queuers = features.filter((feature) => feature.queued !== undefined)
  const keepers = features.filter((feature) => feature.save !== undefined)
  return {
    queued(t: Transit, session: Session, el: Element) {
      for (const feature of queuers) feature.queued?.(t, session, el)
    },
    acked(t: Trip, session: Session, els: readonly Element[]) {
      for (const feature of features) feature.acked?.(t, session, els)
    },
    overdue(t: Trip, session: Session, messages: readonly Given[]) {
      for (const feature of features) feature.overdue?.(t, session, messages)
    },
    late(t: Trip, session: Session, messages: readonly Given[]) {
      for (const feature of features) feature.late?.(t, session, messages)
    },
    lost(t: Trip, account: Account, messages: readonly Given[]) {
      for (const feature of features) feature.lost?.(t, account, messages)
    },
    published(t: Trip, owner: Account, change: Publication) {
      for (const feature of features) feature.published?.(t, owner, change)
    },
    vcardChanged(t: Trip, owner: Account, change: VcardChange) {
      for (const feature of features) feature.vcardChanged?.(t, owner, change)
    },
    save: (session: Session) =>
      Object.fromEntries(keepers.map((feature) => [feature.name, feature.save?.(session)])),
    restore(session: Session, saved: Readonly<Record<string, unknown>>) {
      for (const feature of keepers) {
        const mine = saved[feature.name]
        if (mine !== undefined) feature.restore?.(session, mine)
      }
    },
  }
}
