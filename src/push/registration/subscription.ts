/** A Web Push subscription as an app tells it: keys that can be sealed with, and the key of ours that it was made with. */
import type { Account } from '../../store/accounts.ts'
import type { WebSubscription } from '../../store/device-table.ts'
import type { Trip } from '../../routing/transit.ts'
import { StanzaError } from '../../xmpp/errors.ts'
import { AUTH_BYTES, isPoint } from '../webpush/sealing.ts'

export interface GivenKeys {
  readonly p256dh: string
  readonly auth: string
  /** Public key with which the app has subscribed; without a word that of before, else the present one. */
  readonly vapid?: string | undefined
}

/** Names of the fields where they came from, for the text of an error. */
export interface FieldNames {
  readonly p256dh: string
  readonly auth: string
}

/** @throws StanzaError naming the field at fault */
export function readKeys(given: GivenKeys, names: FieldNames): Pick<WebSubscription, 'p256dh' | 'auth'> {
  const p256dh = bytesOf(given.p256dh)
  const auth = bytesOf(given.auth)
  if (!p256dh || !isPoint(p256dh))
    throw new StanzaError(
      'bad-request',
      `${names.p256dh}: a point of P-256 is needed, 65 bytes in base64url.`,
    )
  if (auth?.length !== AUTH_BYTES)
    throw new StanzaError('bad-request', `${names.auth}: ${AUTH_BYTES} bytes in base64url are needed.`)
  return { p256dh: p256dh.toString('base64url'), auth: auth.toString('base64url') }
}

/** With a key of ours. @throws StanzaError naming the field at fault */
export function subscriptionOf(
  t: Trip,
  account: Account,
  endpoint: string,
  given: GivenKeys & { readonly names?: FieldNames },
): WebSubscription {
  const keys = readKeys(given, given.names ?? { p256dh: 'p256dh', auth: 'auth' })
  const { vapidKeys, push } = t.store
  const named = given.vapid
  if (named !== undefined && !vapidKeys.find(named))
    throw new StanzaError(
      'bad-request',
      'vapid: this server has no such key; subscribe anew with its present one.',
    )
  const address = URL.parse(endpoint)?.href
  const before = push.devices.of(account.id).find((one) => one.kind === 'webpush' && one.address === address)
  const known = before?.options.web?.vapid
  // A subscription keeps its key for as long as it lives, whatever came since.
  const kept = known !== undefined && vapidKeys.find(known) ? known : undefined
  return { ...keys, vapid: named ?? kept ?? vapidKeys.current(t.now).publicKey }
}

/** Bytes of base64url, or of plain base64 as some clients write it; undefined where it is neither. */
function bytesOf(text: string): Buffer | undefined {
  return /^[\w+/-]{1,200}={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}
