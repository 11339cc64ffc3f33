/** Service Administration (XEP-0133): what the accounts under `admins` do by ad-hoc command, host by host. */
import {
  ask,
  badPayload,
  done,
  formOf,
  localAccount,
  localAddress,
  needed,
  note,
  slow,
} from '../accounts/commands.ts'
import type { Feature } from '../routing/feature.ts'
import { create, kick, remove, setDisabled, setPassword, warningsFor } from '../accounts/accounts.ts'
import { isAdmin } from '../accounts/admins.ts'
import type { Ask, Command, SlowStep, Step, Transit, Trip } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Field, type FormValues, formValue, writeForm } from '../xmpp/forms.ts'
import { xml } from '../xmpp/xml.ts'

const ADMIN = 'http://jabber.org/protocol/admin'
/** Sessions that hear an announcement in one turn; the others in later ones. */
const HEARERS = 500
/** Most addresses that a list shows: it must fit into one stanza. */
const LISTED = 200

const ACCOUNT: Field = { name: 'accountjid', type: 'jid-single', label: 'Address', required: true }
const ACCOUNTS: Field = { name: 'accountjids', type: 'jid-multi', label: 'Addresses', required: true }
const SESSIONS: Field = { ...ACCOUNTS, label: 'Addresses, with a resource for one session' }
const ANNOUNCEMENT: Field = { name: 'announcement', type: 'text-multi', label: 'Text', required: true }
const PASSWORDS = [
  { name: 'password', type: 'text-private', label: 'Password', required: true },
  { name: 'password-verify', type: 'text-private', label: 'The same again' },
] as const satisfies Field[]
const LOOKALIKE: Field = {
  name: 'allow_lookalike',
  type: 'boolean',
  label: 'Even if it looks like another’s',
}
const MAX_ITEMS: Field = {
  name: 'max_items',
  type: 'list-single',
  label: 'Most addresses to show',
  values: ['100'],
  options: ['25', '50', '75', '100', '150', '200'],
}

export const adminCommands: Feature = {
  name: 'admin-commands',
  xeps: [
    {
      number: 133,
      version: '1.3.1',
      note: 'accounts, sessions, passwords, figures, announcements',
    },
  ],
  started(t) {
    t.store.audit.isAdmin = (jid) => isAdmin(t.world, jid)
  },
  commands: [
    command('add-user', 'Add a user', () => form('Add a user', [ACCOUNT, ...PASSWORDS, LOOKALIKE], addUser)),
    command('delete-user', 'Delete users', () => forEach('Delete users', deleteUser)),
    command('disable-user', 'Disable users', () => forEach('Disable users', disableUser)),
    command('reenable-user', 'Enable users again', () => forEach('Enable users again', enableUser)),
    command('end-user-session', 'End sessions', () => form('End sessions', [SESSIONS], endSessions)),
    command('change-user-password', 'Change a password', () =>
      form('Change a password', [ACCOUNT, PASSWORDS[0]], changePassword),
    ),
    command('user-stats', 'Look at a user', () => form('Look at a user', [ACCOUNT], statistics)),
    command('get-registered-users-num', 'Number of registered users', (t) =>
      figure('registeredusersnum', t.store.accounts.count(hostOf(t))),
    ),
    command('get-online-users-num', 'Number of online users', (t) =>
      figure('onlineusersnum', online(t).length),
    ),
    command('get-online-users-list', 'List online users', () =>
      form('List online users', [MAX_ITEMS], onlineList),
    ),
    command('announce', 'Tell everyone who is online', () =>
      form('Tell everyone who is online', [ANNOUNCEMENT], announce),
    ),
    // §4.6 is retracted: a server that keeps passwords so that they can be read is a broken one.
    {
      ...command('get-user-password', 'Read a password', () => {
        throw new StanzaError('not-allowed', 'Nobody can read a password: only keys made from it are kept.')
      }),
      hidden: true,
    },
  ],
}

function command(name: string, title: string, start: (t: Transit) => Step): Command {
  const may = (t: Transit) => t.origin !== undefined && isAdmin(t.world, t.account.jid)
  return { node: `${ADMIN}#${name}`, name: title, may, start }
}

const form = (title: string, fields: readonly Field[], submit: Ask['submit']): Ask =>
  ask(formOf(ADMIN, title, fields), submit)

/** A result of one field. */
const figure = (name: string, ...values: (string | number)[]): Step =>
  done(writeForm('result', ADMIN, [{ name, values: values.map(String) }]))

const hostOf = (t: Transit): string => (t.stanza.to ?? t.stanza.from).domain

function addUser(t: Transit, values: FormValues): SlowStep {
  const jid = localAccount(t, needed(values, 'accountjid'))
  const password = needed(values, 'password')
  const again = formValue(values, 'password-verify')
  if (again !== undefined && again !== password) throw badPayload('password-verify: it is another one.')
  const allowLookalike = ['1', 'true'].includes(formValue(values, 'allow_lookalike') ?? '')
  const { derive, finish } = create(t, { jid, password, by: { kind: 'operator', allowLookalike } })
  return slow(derive, (next, keys) => finished(finish(next, keys), password))
}

/** The change stands; a weak password is worth a word. */
function finished(_change: Account, password: string): Step {
  return done(...warningsFor(password).map((text) => note('warn', text)))
}

function changePassword(t: Transit, values: FormValues): SlowStep {
  const { jid } = found(t, needed(values, 'accountjid'))
  const password = needed(values, 'password')
  const { derive, finish } = setPassword(t, { jid, password })
  return slow(derive, (next, keys) => finished(finish(next, keys), password))
}

/** A form of several accounts: all of them, or none if one cannot be found. */
const forEach = (title: string, act: (t: Transit, account: Account) => void): Ask =>
  form(title, [ACCOUNTS], (t, values) => {
    const accounts = many(t, values).map((text) => found(t, text))
    for (const account of accounts) act(t, account)
    return done()
  })

function deleteUser(t: Transit, account: Account): void {
  notOneself(t, account)
  remove(t, account)
}

function disableUser(t: Transit, account: Account): void {
  notOneself(t, account)
  setDisabled(t, account, true)
}

const enableUser = (t: Transit, account: Account): void => setDisabled(t, account, false)

/** An administrator cannot disable or delete the account that asks: nobody could undo it. */
function notOneself(t: Transit, account: Account): void {
  if (account.jid === t.account.jid) throw new StanzaError('not-allowed', 'This is your own account.')
}

/** §4.5: a bare JID for all sessions of a user, a full one for one of them. */
function endSessions(t: Transit, values: FormValues): Step {
  for (const text of many(t, values)) {
    const address = localAddress(t, text)
    const { jid } = found(t, address.bare)
    kick(t, jid, address.isBare ? undefined : address.resource)
  }
  return done()
}

/** §4.10, as far as these facts are kept. */
function statistics(t: Transit, values: FormValues): Step {
  const account = found(t, needed(values, 'accountjid'))
  const sessions = [...t.sessions.of(account.jid)]
  const roster = t.store.contacts.all(account).filter(({ listed }) => listed)
  const fields: Field[] = [
    { name: 'ipaddresses', type: 'text-multi', values: [...new Set(sessions.map((s) => s.outlet.ip))] },
    { name: 'rostersize', values: [String(roster.length)] },
    { name: 'onlineresources', type: 'text-multi', values: sessions.map((s) => s.jid.resource) },
  ]
  return done(writeForm('result', ADMIN, fields))
}

/** Bare JIDs of this host with a session, in no order. */
function online(t: Transit): string[] {
  const host = hostOf(t)
  const jids = new Set<string>()
  for (const { jid } of t.sessions.all()) if (jid.domain === host) jids.add(jid.bare)
  return [...jids]
}

function onlineList(t: Transit, values: FormValues): Step {
  const most = Number(formValue(values, 'max_items') ?? '100')
  if (!Number.isInteger(most) || most < 1) throw badPayload('max_items: a number is needed.')
  const list = online(t).toSorted().slice(0, Math.min(most, LISTED))
  return done(writeForm('result', ADMIN, [{ name: 'onlineuserjids', type: 'jid-multi', values: list }]))
}

/** §4.23: to whoever has a session with this host now; nothing is stored, so nobody hears it late. */
function announce(t: Transit, values: FormValues): Step {
  const text = (values.get('announcement') ?? []).join('\n').trim()
  if (text === '') throw badPayload('announcement: a text is needed.')
  const host = hostOf(t)
  const hearers = [...t.sessions.all()].filter(({ jid }) => jid.domain === host)
  const tell = (from: number, trip: Trip): void => {
    for (const session of hearers.slice(from, from + HEARERS)) {
      if (session.closed) continue
      const attrs = { type: 'headline', from: host, to: session.jid.toString() }
      trip.write(session, xml('message', attrs, xml('subject', {}, 'Announcement'), xml('body', {}, text)))
    }
    const next = from + HEARERS
    if (next < hearers.length) trip.soon((later) => tell(next, later))
  }
  tell(0, t)
  t.store.audit.note('announcement', { host, text, hearers: hearers.length })
  return done()
}

function many(t: Transit, values: FormValues): readonly string[] {
  const list = [...new Set(values.get('accountjids') ?? [])].filter((text) => text !== '')
  const { command_accounts: most } = t.config.limits
  if (list.length === 0) throw badPayload('accountjids: an address is needed.')
  if (list.length > most) throw badPayload(`accountjids: at most ${most} at a time.`)
  return list
}

function found(t: Transit, text: string): Account {
  const jid = localAccount(t, text)
  const account = t.store.accounts.find(jid.bare)
  if (!account) throw new StanzaError('item-not-found', `There is no account ${jid.bare}.`)
  return account
}
