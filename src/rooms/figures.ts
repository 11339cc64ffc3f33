/** Figures of rooms for the metrics, taken now and then. */
import { roomOccupants, rooms } from '../metrics/metrics.ts'
import type { World } from '../routing/transit.ts'
import { roomsOf } from './registry.ts'

export function measureRooms(world: World): void {
  const { countOccupied, occupied } = roomsOf(world)
  rooms.set({ state: 'stored' }, world.store.rooms.countAll())
  rooms.set({ state: 'occupied' }, countOccupied)
  let occupants = 0
  for (const room of occupied) occupants += room.size
  roomOccupants.set(occupants)
}
