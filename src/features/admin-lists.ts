/** Lists and figures for administrators (XEP-0133): who is registered, disabled or online, last logins, rosters. */
import {
  ACCOUNTS,
  adminCommand,
  adminForm,
  figure,
  found,
  hostOf,
  listing,
  many,
} from '../accounts/admin-forms.ts'
import { done } from '../accounts/commands.ts'
import { rosterItem } from '../accounts/roster.ts'
import type { Feature } from '../routing/feature.ts'
import type { Step, Transit } from '../routing/transit.ts'
import type { Account } from '../store/accounts.ts'
import { type Field, type FormValues, writeForm } from '../xmpp/forms.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type Element, xml } from '../xmpp/xml.ts'

export const adminLists: Feature = {
  name: 'admin-lists',
  xeps: [],
  commands: [
    adminCommand('get-registered-users-num', 'Number of registered users', (t) =>
      figure('registeredusersnum', t.store.accounts.count({ host: hostOf(t) })),
    ),
    adminCommand('get-disabled-users-num', 'Number of disabled users', (t) =>
      figure('disabledusersnum', t.store.accounts.count({ host: hostOf(t), disabled: true })),
    ),
    adminCommand('get-online-users-num', 'Number of online users', (t) =>
      figure('onlineusersnum', online(t).length),
    ),
    adminCommand('get-registered-users-list', 'List registered users', () =>
      listing('List registered users', 'registereduserjids', (t, limit) => registered(t, { limit })),
    ),
    adminCommand('get-disabled-users-list', 'List disabled users', () =>
      listing('List disabled users', 'disableduserjids', (t, limit) =>
        registered(t, { limit, disabled: true }),
      ),
    ),
    adminCommand('get-online-users-list', 'List online users', () =>
      listing('List online users', 'onlineuserjids', (t, most) => online(t).toSorted().slice(0, most)),
    ),
    adminCommand('get-user-lastlogin', 'Look when users were last here', () =>
      adminForm('Look when users were last here', [ACCOUNTS], lastLogins),
    ),
    adminCommand('get-user-roster', 'Look at the contacts of users', () =>
      adminForm('Look at the contacts of users', [ACCOUNTS], rosters),
    ),
  ],
}

const registered = (t: Transit, query: { limit: number; disabled?: true }): string[] =>
  t.store.accounts.list({ ...query, host: hostOf(t) }).map(({ jid }) => jid)

/** Bare JIDs of this host with a session, in no order. */
function online(t: Transit): string[] {
  const host = hostOf(t)
  const jids = new Set<string>()
  for (const { jid } of t.sessions.all()) if (jid.domain === host) jids.add(jid.bare)
  return [...jids]
}

/** §4.9: UTC times in the order of the addresses; now for who is here, empty for who never was. */
function lastLogins(t: Transit, values: FormValues): Step {
  const accounts = many(t, values).map((text) => found(t, text))
  const times = accounts.map((account) => {
    const at = t.sessions.countOf(account.jid) > 0 ? t.now : account.lastSeen
    return at === null ? '' : new Date(at).toISOString()
  })
  return done(writeForm('result', NS.admin, [jidsOf(accounts), { name: 'lastlogin', values: times }]))
}

/** §4.8: a form that names the accounts, and each one's contacts behind it. */
function rosters(t: Transit, values: FormValues): Step {
  const accounts = many(t, values).map((text) => found(t, text))
  const form = writeForm('result', NS.admin, [jidsOf(accounts)])
  return done(form, ...accounts.map((account) => rosterOf(t, account)))
}

function rosterOf(t: Transit, account: Account): Element {
  const contacts = t.store.contacts.all(account).filter(({ listed }) => listed)
  return xml('query', { xmlns: NS.roster }, ...contacts.map(rosterItem))
}

const jidsOf = (accounts: readonly Account[]): Field => ({
  name: 'accountjids',
  type: 'jid-multi',
  values: accounts.map(({ jid }) => jid),
})
