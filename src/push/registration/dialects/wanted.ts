/** The result of every dialect: a registration as the app wants it, not yet checked against tokens and apps. */
import type { DeviceKind, DeviceOptions } from '../../../store/devices.ts'
import { type FormValues, formValue } from '../../../xmpp/forms.ts'
import type { Element } from '../../../xmpp/xml.ts'
import type { FieldNames, GivenKeys } from '../subscription.ts'

export interface Wanted {
  /** Apple's where nothing is said. */
  readonly kind?: DeviceKind | undefined
  readonly token: string
  /** The app's name of it, for the text of an error. */
  readonly tokenField: string
  readonly voipToken?: string | undefined
  readonly topic?: string | undefined
  readonly environment?: string | undefined
  /** Apps of this dialect have several accounts, and one token for all of them. */
  readonly accounts?: 'many' | undefined
  readonly options: DeviceOptions
  /** Of Web Push: keys of the subscription, which was made with ours. */
  readonly keys?: (GivenKeys & { readonly names: FieldNames }) | undefined
  /** The app's own name of the device. */
  readonly deviceId?: string | undefined
}

/** A dialect of <enable/> (XEP-0357 §5). Undefined where the stanza is not of this dialect. */
export type EnableDialect = (enable: Element, form: FormValues) => Wanted | undefined

/** A field with text in it. */
export function text(form: FormValues, name: string): string | undefined {
  return formValue(form, name) || undefined
}

export function isTrue(value: string | undefined): boolean {
  return value === 'true' || value === '1'
}

/** Apps' names of Apple's two services. Anything else leaves the environment open. */
export function environmentOf(name: string | undefined): 'production' | 'sandbox' | undefined {
  if (name === 'prod' || name === 'production') return 'production'
  if (name === 'dev' || name === 'development' || name === 'sandbox') return 'sandbox'
  return undefined
}
