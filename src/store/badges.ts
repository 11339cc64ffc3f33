/** The number on the icon: of all accounts that one app has on one phone, since the phone shows one number. */
import type { Device, Devices } from './devices.ts'
import type { Unread } from './unread.ts'

export class Badges {
  readonly #devices: Devices
  readonly #unread: Unread

  constructor(devices: Devices, unread: Unread) {
    this.#devices = devices
    this.#unread = unread
  }

  /** Unread messages of all accounts that share the device's token. */
  on(device: Device): number {
    // Nearly all are one account's: those cost no query.
    if (!device.shared) return this.#unread.count(device.accountId)
    const all = this.#devices.sharing(device)
    return all.reduce((sum, { accountId }) => sum + this.#unread.count(accountId), 0)
  }

  /** The number that the phone shows, as far as we told it. */
  told({ id }: Device): number {
    return this.#unread.told(id)
  }

  tell(device: Device, badge: number): void {
    for (const { id } of this.#devices.sharing(device)) this.#unread.tell(id, badge)
  }
}
