import type { DeviceView } from './deps.ts'
import { iso } from './schemas.ts'

export const deviceView = (device: DeviceView) => ({
  ...device,
  created: iso(device.created),
  updated: iso(device.updated),
})
