/** What happened, told to every feature that wants to know, in their order. */
import type { Account } from '../store/accounts.ts'
import type { Element } from '../xmpp/xml.ts'
import type { Feature } from './feature.ts'
import type { Given, Publication, VcardChange } from './outcome.ts'
import type { Session } from './session.ts'
import type { Command, Hooks, Incoming, Trip } from './transit.ts'

/** Runs the hooks that are no part of the road itself. */
export function hooksOf(features: readonly Feature[]): Hooks {
  const queuers = features.filter((feature) => feature.queued !== undefined)
  const keepers = features.filter((feature) => feature.save !== undefined)
  return {
    queued(t: Incoming, session: Session, el: Element) {
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

/** Every command by its node; two of one node are a mistake worth a failed start. */
export function commandTable(
  features: readonly Pick<Feature, 'name' | 'commands'>[],
): ReadonlyMap<string, Command> {
  const table = new Map<string, Command>()
  for (const { name, commands } of features)
    for (const command of commands ?? []) {
      if (table.has(command.node)) throw new Error(`${name}: the command ${command.node} is there already`)
      table.set(command.node, command)
    }
  return table
}
