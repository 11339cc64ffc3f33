/** How many pushes a phone has had within a minute: above `push.burst` those of one chat are one. */
import type { Device } from '../../store/devices.ts'
import type { Trip, World } from '../../routing/transit.ts'

const MINUTE = 60_000
/** Phones whose pushes of the last minute are counted. */
const COUNTED = 10_000

const recent = new WeakMap<World, Map<string, number[]>>()

/** Whether one more may go to the device now, which counts from here on, for whichever account. Within a trip. */
export function mayGo(t: Trip, { topic, token }: Device): boolean {
  const { burst } = t.config.push
  if (burst === 0 || burst === Infinity || !t.config.limits.rates) return true
  let phones = recent.get(t.world)
  if (!phones) recent.set(t.world, (phones = new Map<string, number[]>()))
  const key = `${topic} ${token}`
  const before = phones.get(key) ?? []
  const times = before.filter((at) => at > t.now - MINUTE)
  const full = times.length >= burst
  if (!full) times.push(t.now)
  const table = phones
  put(table, key, times)
  t.undo(() => put(table, key, before))
  return !full
}

/** The newest stands last; beyond the bound the oldest is forgotten. */
function put(table: Map<string, number[]>, key: string, times: number[]): void {
  table.delete(key)
  table.set(key, times)
  const [oldest] = table.size > COUNTED ? table.keys() : []
  if (oldest !== undefined) table.delete(oldest)
}
