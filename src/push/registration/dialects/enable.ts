/** XEP-0357 §5: which dialect an <enable/> is in. First match wins. */
import { StanzaError } from '../../../xmpp/errors.ts'
import { type FormValues, readForm } from '../../../xmpp/forms.ts'
import { NS } from '../../../xmpp/namespaces.ts'
import { child, type Element } from '../../../xmpp/xml.ts'
import { LOCALE } from '../../rules/phrases.ts'
import { monal } from './monal.ts'
import { mongooseIm } from './mongooseim.ts'
import { plain } from './plain.ts'
import { tigase } from './tigase.ts'
import { type EnableDialect, isTrue, text, type Wanted } from './wanted.ts'
import { xmppFramework } from './xmppframework.ts'

export type { Wanted } from './wanted.ts'

const PUBLISH_OPTIONS = 'http://jabber.org/protocol/pubsub#publish-options'

const DIALECTS: readonly EnableDialect[] = [
  xmppFramework, // before those whose node is the token: a form that names it is plainer
  mongooseIm,
  monal,
  tigase,
  plain,
]

/** @throws StanzaError bad-request naming the field at fault, also where there is no token anywhere. */
export function readEnable(
  enable: Element,
): Wanted & { readonly exclusive: boolean | undefined; readonly locale: string | undefined } {
  const x = child(enable, 'x', NS.forms)
  const form: FormValues = (x && readForm(x, PUBLISH_OPTIONS)) ?? new Map()
  for (const dialect of DIALECTS) {
    const wanted = dialect(enable, form)
    if (wanted) return { ...wanted, exclusive: exclusiveOf(form), locale: localeOf(enable, form) }
  }
  throw new StanzaError('bad-request', 'token: neither the form nor the node holds a device token.')
}

/** Our own field, or the language of the stanza (RFC 6120 §8.1.5). What is no language is left out. */
function localeOf(enable: Element, form: FormValues): string | undefined {
  const value = text(form, 'locale') ?? enable.attrs['xml:lang'] ?? enable.parent?.attrs['xml:lang']
  return value !== undefined && LOCALE.test(value) ? value.replaceAll('_', '-') : undefined
}

/** Our own field, whatever the dialect: whether the token leaves every other account. */
function exclusiveOf(form: FormValues): boolean | undefined {
  const value = text(form, 'exclusive')
  return value === undefined ? undefined : isTrue(value)
}
