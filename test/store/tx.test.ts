/** The types of a trip: `tsc` reads this file too, and complains of a line that must not compile but does. */
import { expect, test } from 'bun:test'
import type { Trip, World } from '../../src/routing/transit.ts'
import type { ReadStore, RunTrip } from '../../src/store/tx.ts'
import { play } from '../support/world.ts'

/** Its types are the test: nobody calls it. */
export function outside(world: World, store: ReadStore, run: RunTrip): void {
  const account = world.store.accounts.find('juliet@bix.org')
  if (!account) return
  world.store.contacts.all(account)
  store.push.devices.of(account.id)
  // @ts-expect-error a contact is written in a trip
  void world.store.contacts.put
  // @ts-expect-error a row of the outbox is written in a trip
  void store.push.queue
  // @ts-expect-error a device is removed in a trip
  void store.push.devices.delete
  // @ts-expect-error a provider's token is kept in a trip
  void store.push.tokens.set
  // @ts-expect-error a secret is made at its first use
  void store.settings.secret
  // @ts-expect-error an id that is given out is written down
  void store.messages.nextId
  // @ts-expect-error a line of the audit log belongs to the trip that it tells of
  void store.audit.note
  // @ts-expect-error the database is the store's own
  void store.db
  void run((t) => t.store.settings.set('probe', Buffer.from('x')))
}

/** Nobody calls it either. */
export function inside(t: Trip): void {
  t.store.settings.set('probe', Buffer.from('x'))
  t.store.push.devices.delete(1)
  // @ts-expect-error the world of a trip reads, like any other
  void t.world.store.settings.set
}

test('at run time a write outside of a trip throws, whatever its types were made to say', async () => {
  using p = play()
  expect(() => p.store.settings.set('probe', Buffer.from('x'))).toThrow('a write outside a trip')
  await p.router.run((t) => t.store.settings.set('probe', Buffer.from('x')))
  expect(p.world.store.settings.get('probe')).toEqual(Buffer.from('x'))
})
