/** Apps of MongooseIM: `service` and `device_id` are needed there, and the form says how the push shall look. */
import type { DeviceOptions } from '../../../store/devices.ts'
import { StanzaError } from '../../../xmpp/errors.ts'
import type { FormValues } from '../../../xmpp/forms.ts'
import { environmentOf, type EnableDialect, isTrue, text } from './wanted.ts'

/** Characters of a name that goes to Apple as it is. */
const LONGEST_NAME = 100

export const mongooseIm: EnableDialect = (_, form) => {
  const token = text(form, 'device_id')
  if (token === undefined) return undefined
  const service = text(form, 'service')
  if (service !== undefined && service !== 'apns' && service !== 'fcm')
    throw new StanzaError('bad-request', 'service: only apns and fcm are served here.')
  return {
    ...(service === 'fcm' ? { kind: 'fcm' } : {}),
    token,
    tokenField: 'device_id',
    topic: text(form, 'topic'),
    environment: environmentOf(text(form, 'mode') ?? text(form, 'environment')),
    options: optionsOf(form),
  }
}

function optionsOf(form: FormValues): DeviceOptions {
  const priority = text(form, 'priority')
  const sound = named(form, 'sound')
  const category = named(form, 'click_action')
  return {
    ...(isTrue(text(form, 'silent')) ? { silent: true } : {}),
    ...(priority === 'high' || priority === 'normal' ? { importance: priority } : {}),
    ...(sound === undefined ? {} : { sound }),
    ...(category === undefined ? {} : { category }),
    ...(isTrue(text(form, 'mutable_content')) ? { mutableContent: true } : {}),
  }
}

function named(form: FormValues, field: string): string | undefined {
  const value = text(form, field)
  if (value !== undefined && value.length > LONGEST_NAME)
    throw new StanzaError('bad-request', `${field}: at most ${LONGEST_NAME} characters.`)
  return value
}
