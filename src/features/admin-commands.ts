/** Service Administration (XEP-0133): what the accounts under `admins` do by ad-hoc command, host by host. */
import { ACCOUNT, ACCOUNTS, adminCommand, adminForm, found, many, result } from '../accounts/admin-forms.ts'
import { badPayload, done, localAccount, localAddress, needed, note, slow } from '../accounts/commands.ts'
import type { Feature } from '../routing/feature.ts'
import { create, kick, remove, setDisabled, setPassword, warningsFor } from '../accounts/accounts.ts'
import { isAdmin } from '../accounts/admins.ts'
import type { Ask, SlowStep, Step, Transit } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type Field, type FormValues, formValue } from '../xmpp/forms.ts'

const SESSIONS: Field = { ...ACCOUNTS, label: 'Addresses, with a resource for one session' }
const PASSWORDS = [
  { name: 'password', type: 'text-private', label: 'Password', required: true },
  { name: 'password-verify', type: 'text-private', label: 'The same again' },
] as const satisfies Field[]
const LOOKALIKE: Field = {
  name: 'allow_lookalike',
  type: 'boolean',
  label: 'Even if it looks like another’s',
}
export const adminCommands: Feature = {
  name: 'admin-commands',
  xeps: [
    {
      number: 133,
      version: '1.3.1',
      note: 'accounts, sessions, passwords, lists, figures, announcements, messages of the day and of welcome',
    },
  ],
  started(t) {
    t.store.audit.isAdmin = (jid) => isAdmin(t.world, jid)
  },
  commands: [
    adminCommand('add-user', 'Add a user', () =>
      adminForm('Add a user', [ACCOUNT, ...PASSWORDS, LOOKALIKE], addUser),
    ),
    adminCommand('delete-user', 'Delete users', () => forEach('Delete users', deleteUser)),
    adminCommand('disable-user', 'Disable users', () => forEach('Disable users', disableUser)),
    adminCommand('reenable-user', 'Enable users again', () => forEach('Enable users again', enableUser)),
    adminCommand('end-user-session', 'End sessions', () =>
      adminForm('End sessions', [SESSIONS], endSessions),
    ),
    adminCommand('change-user-password', 'Change a password', () =>
      adminForm('Change a password', [ACCOUNT, PASSWORDS[0]], changePassword),
    ),
    adminCommand('user-stats', 'Look at a user', () => adminForm('Look at a user', [ACCOUNT], statistics)),
    // §4.6 is retracted: a server that keeps passwords so that they can be read is a broken one.
    {
      ...adminCommand('get-user-password', 'Read a password', () => {
        throw new StanzaError('not-allowed', 'Nobody can read a password: only keys made from it are kept.')
      }),
      hidden: true,
    },
  ],
}

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
  adminForm(title, [ACCOUNTS], (t, values) => {
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
  let ended = 0
  for (const text of many(t, values)) {
    const address = localAddress(t, text)
    const { jid } = found(t, address.bare)
    ended += kick(t, jid, address.isBare ? undefined : address.resource)
  }
  return ended > 0 ? done() : done(note('warn', 'Nobody of them was here.'))
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
  return result(...fields)
}
