/** Bursts: pushes that a phone has had within a minute; above `push.burst` those of one chat are one. */
import { perObject } from '../../per-object.ts'
import { BoundedMap } from '../../bounded-map.ts'
import type { Device } from '../../store/devices.ts'
import type { Trip, World } from '../../routing/transit.ts'

const MINUTE = 60_000
/** Phones whose pushes of the last minute are counted; the one that was last asked about longest ago is forgotten. */
const COUNTED = 10_000

const recentOf = perObject((_: World) => new BoundedMap<string, readonly number[]>(COUNTED))

/** Whether one more may go to the device now, which counts from here on, for whichever account. */
export function mayGo(t: Trip, { kind, topic, address }: Device): boolean {
  const { burst } = t.config.push
  if (burst === 0 || burst === Infinity || !t.config.limits.rates) return true
  const phones = recentOf(t.world)
  const key = `${kind} ${topic} ${address}`
  const times = (phones.get(key) ?? []).filter((at) => at > t.now - MINUTE)
  const full = times.length >= burst
  if (!full) times.push(t.now)
  phones.setIn(t, key, times)
  return !full
}
