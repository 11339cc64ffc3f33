/** How many pushes a device has had within a minute: above `push.burst` those of one chat are one. */
import type { Trip, World } from './transit.ts'

const MINUTE = 60_000
/** Devices whose pushes of the last minute are counted. */
const COUNTED = 10_000

const recent = new WeakMap<World, Map<number, number[]>>()

/** Whether one more may go to the device now, which counts from here on. Within a trip. */
export function mayGo(t: Trip, device: number): boolean {
  const { burst } = t.config.push
  if (burst === 0 || !t.config.limits.rates) return true
  let devices = recent.get(t.world)
  if (!devices) recent.set(t.world, (devices = new Map<number, number[]>()))
  const before = devices.get(device) ?? []
  const times = before.filter((at) => at > t.now - MINUTE)
  const full = times.length >= burst
  if (!full) times.push(t.now)
  if (devices.size >= COUNTED) devices.clear()
  devices.set(device, times)
  const table = devices
  t.undo(() => table.set(device, before))
  return !full
}
