/**
 * The commands `register-push-apns` and `unregister-push-apns` of Conversations' push server and of its kin for
 * ejabberd and Openfire. Some apps enable the node that they get, some leave it at the command: it registers at once.
 */
import { StanzaError } from '../../../xmpp/errors.ts'
import type { FormValues } from '../../../xmpp/forms.ts'
import { environmentOf, text, type Wanted } from './wanted.ts'

export const PUSH_COMMANDS = { register: 'register-push-apns', unregister: 'unregister-push-apns' } as const
export const FCM_COMMANDS = { register: 'register-push-fcm', unregister: 'unregister-push-fcm' } as const

/** Characters of a device's own name: it becomes a part of the node. */
const LONGEST_ID = 100

export function readRegisterPush(form: FormValues): Wanted {
  const token = text(form, 'token')
  if (token === undefined) throw new StanzaError('bad-request', 'token: a value is needed.')
  if (text(form, 'muc') !== undefined)
    throw new StanzaError('feature-not-implemented', 'muc: rooms need no registration of their own here.')
  return {
    token,
    tokenField: 'token',
    topic: text(form, 'topic'),
    environment: environmentOf(text(form, 'environment')),
    deviceId: deviceIdOf(form),
    options: {},
  }
}

/** Name of the registration that shall go. */
export function readUnregisterPush(form: FormValues): { token?: string; deviceId?: string } {
  const token = text(form, 'token')
  const deviceId = deviceIdOf(form)
  if (token !== undefined) return { token }
  if (deviceId !== undefined) return { deviceId }
  throw new StanzaError('bad-request', 'device-id: a value is needed.')
}

function deviceIdOf(form: FormValues): string | undefined {
  const id = text(form, 'device-id') ?? text(form, 'android-id')
  if (id !== undefined && id.length > LONGEST_ID)
    throw new StanzaError('bad-request', `device-id: at most ${LONGEST_ID} characters.`)
  return id
}
