/** A row may be sent long after it was written: what it says of its device and of the account is looked up again. */
import type { Job } from '../../store/push.ts'
import type { ReadPush, ReadStore } from '../../store/tx.ts'

/** False where its device is gone. */
export function renew(
  job: Job,
  { devices, deviceTokens }: Pick<ReadPush, 'devices' | 'deviceTokens'>,
  badges: ReadStore['badges'],
): boolean {
  const accountId = job.accountId ?? 0
  const fresh = devices.of(accountId).find(({ id }) => id === job.device?.id)
  // A token that was registered anew is another row.
  if (!fresh || fresh.address !== job.device?.address) return false
  job.device = fresh
  if (job.direct?.token) {
    // An activity may have another token by now.
    const { id } = job.direct.token
    const token = deviceTokens.get(id)
    if (!token) return false
    job.direct = { ...job.direct, token: { id, token: token.token } }
  }
  // Repeated pushes come in any order, and the last one stays on the icon. Above what the phone is thought to show
  // nothing would take it down again.
  if (job.badge !== null) job.badge = Math.min(badges.on(fresh), badges.told(fresh))
  return true
}
