/** Share of a message that Apple may see: the operator's word per app, lowered by an app's own wish. Pure. */
import type { DeviceOptions } from '../../store/devices.ts'

/** [[push.apps]] body. 'encrypted': nothing, and the app's extension fetches what there is. */
export type BodyPolicy = 'none' | 'sender' | 'full' | 'encrypted'

/** Policy of one device. */
export function policyFor(policy: BodyPolicy, { hides }: DeviceOptions): BodyPolicy {
  if (hides === 'sender' && (policy === 'sender' || policy === 'full')) return 'none'
  if (hides === 'body' && policy === 'full') return 'sender'
  return policy
}

/**
 * Which words may wait in the outbox: nothing that Apple must not see is even written down. What is encrypted with the
 * device's own key is hidden from Apple whole, so that all of it may be sent.
 */
export function keeps(policy: BodyPolicy, options: DeviceOptions): { names: boolean; body: boolean } {
  if (options.encryption) return { names: true, body: true }
  const shown = policyFor(policy, options)
  return { names: shown === 'sender' || shown === 'full', body: shown === 'full' }
}
