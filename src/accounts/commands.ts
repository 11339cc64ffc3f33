/**
 * Ad-hoc commands (XEP-0050) as features write them: a command begins with a step, a step asks with a form or is done.
 * The protocol, the sessions and their limits are features/commands.ts.
 */
import { StanzaError } from '../xmpp/errors.ts'
import { type Field, type FormValues, formValue, writeForm } from '../xmpp/forms.ts'
import { Jid, jidOr } from '../xmpp/jid.ts'
import { type Element, xml } from '../xmpp/xml.ts'
import type { Ask, Command, Done, SlowStep, Step, Transit } from '../routing/transit.ts'
import { NS } from '../xmpp/namespaces.ts'

export type { Ask, Command, Done, SlowStep, Step }

export const ask = (form: Element, submit: Ask['submit'], last = true): Ask => ({
  kind: 'ask',
  form,
  last,
  submit,
})

export const done = (...payload: Element[]): Done => ({ kind: 'done', payload })

export function slow<T>(work: () => Promise<T>, then: (t: Transit, result: T) => Step): SlowStep {
  // A table holds slow steps of every T; `then` is only ever given the result of its own `work`.
  return { kind: 'slow', work, then: then as SlowStep['then'] }
}

/** §4.3: what the requester is told beside the result. */
export const note = (type: 'info' | 'warn' | 'error', text: string): Element => xml('note', { type }, text)

/** A form whose answers carry the same FORM_TYPE. */
export const formOf = (formType: string, title: string, fields: readonly Field[]): Element =>
  writeForm('form', formType, fields, title)

/** The field's first value. @throws StanzaError bad-request where it is missing or empty. */
export function needed(values: FormValues, name: string): string {
  const value = formValue(values, name)
  if (value === undefined || value === '') throw badPayload(`${name}: a value is needed.`)
  return value
}

/** §4.4: bad-payload is the one word for a form that cannot be used; the text says why. */
export const badPayload = (text: string): StanzaError =>
  new StanzaError('bad-request', text, { app: xml('bad-payload', { xmlns: NS.commands }) })

/** A bare JID of one of our hosts. @throws StanzaError */
export function localAccount(t: Transit, text: string): Jid {
  const jid = localAddress(t, text)
  if (!jid.isBare) throw badPayload('An address of the form user@host is needed.')
  return jid
}

/** The same, with a resource or without. */
export function localAddress(t: Transit, text: string): Jid {
  const jid = jidOr(
    () => Jid.parse(text),
    (error) => {
      throw badPayload(`${text.slice(0, 100)}: ${error.message}`)
    },
  )
  if (jid.local === '') throw badPayload('An address of the form user@host is needed.')
  if (!t.isHost(jid.domain)) throw badPayload(`${jid.domain} is not one of this server’s hosts.`)
  return jid
}
