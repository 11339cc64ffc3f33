/** Forms of administrators (XEP-0133): what its commands have in common. */
import type { Ask, Command, Step, Transit } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Field, type FormValues, formValue, writeForm } from '../xmpp/forms.ts'
import { NS } from '../xmpp/namespaces.ts'
import { isAdmin } from './admins.ts'
import { ask, badPayload, done, formOf, localAccount } from './commands.ts'

export const ACCOUNT: Field = { name: 'accountjid', type: 'jid-single', label: 'Address', required: true }
export const ACCOUNTS: Field = { name: 'accountjids', type: 'jid-multi', label: 'Addresses', required: true }
const MAX_ITEMS: Field = {
  name: 'max_items',
  type: 'list-single',
  label: 'Most addresses to show',
  values: ['100'],
  options: ['25', '50', '75', '100', '150', '200'],
}
/** Most addresses that a list shows: it must fit into one stanza. */
const LISTED = 200

/** A command of administrators alone, `name` of the nodes of XEP-0133. */
export function adminCommand(name: string, title: string, start: (t: Transit) => Step): Command {
  const may = (t: Transit) => t.origin !== undefined && isAdmin(t.world, t.account.jid)
  return { node: `${NS.admin}#${name}`, name: title, may, start }
}

export const adminForm = (title: string, fields: readonly Field[], submit: Ask['submit']): Ask =>
  ask(formOf(NS.admin, title, fields), submit)

export const result = (...fields: Field[]): Step => done(writeForm('result', NS.admin, fields))

/** A result of one field. */
export const figure = (name: string, ...values: (string | number)[]): Step =>
  result({ name, values: values.map(String) })

/** A list of addresses, as long as who asks wants it and as fits; `list` gives up to `most`. */
export const listing = (title: string, field: string, list: (t: Transit, most: number) => string[]): Ask =>
  adminForm(title, [MAX_ITEMS], (t, values) => {
    const asked = formValue(values, 'max_items') ?? '100'
    const most = asked === 'none' ? LISTED : Number(asked)
    if (!Number.isInteger(most) || most < 1) throw badPayload('max_items: a number is needed.')
    return result({ name: field, type: 'jid-multi', values: list(t, Math.min(most, LISTED)) })
  })

export const hostOf = (t: Transit): string => (t.stanza.to ?? t.stanza.from).domain

/** Addresses of the form, each once. @throws StanzaError where there are none, or too many */
export function many(t: Transit, values: FormValues): readonly string[] {
  const list = [...new Set(values.get('accountjids') ?? [])].filter((text) => text !== '')
  const { command_accounts: most } = t.config.limits
  if (list.length === 0) throw badPayload('accountjids: an address is needed.')
  if (list.length > most) throw badPayload(`accountjids: at most ${most} at a time.`)
  return list
}

/** @throws StanzaError item-not-found */
export function found(t: Transit, text: string): Account {
  const jid = localAccount(t, text)
  const account = t.store.accounts.find(jid.bare)
  if (!account) throw new StanzaError('item-not-found', `There is no account ${jid.bare}.`)
  return account
}
