/** In-Band Registration (XEP-0077): new accounts where the operator allows it, password change and removal. */
import type { Feature, Guest, Later } from '../routing/feature.ts'
import { later } from '../routing/feature.ts'
import type { Transit } from '../routing/transit.ts'
import { create as createAccount, remove, setPassword } from '../accounts/accounts.ts'
import { shownInvite } from '../accounts/invites.ts'
import { limitsHit, registrations } from '../metrics/metrics.ts'
import type { Invite } from '../store/invites.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { formValue, readForm, writeForm } from '../xmpp/forms.ts'
import { Jid } from '../xmpp/jid.ts'
import { orMalformed } from '../xmpp/stanza.ts'
import { NS } from '../xmpp/namespaces.ts'
import { child, childText, type Element, elements, xml } from '../xmpp/xml.ts'

const INSTRUCTIONS = 'Choose a user name and a password.'

export const register: Feature = {
  name: 'register',
  xeps: [{ number: 77, version: '2.4' }],
  disco: { server: [NS.register] },
  // §8: offered before login, and only to whom it may concern.
  streamFeatures: (s, world) =>
    !s.authenticated && world.config.registration.in_band && world.registrations.mayRegister(s.ip)
      ? [xml('register', { xmlns: 'http://jabber.org/features/iq-register' })]
      : [],
  preauth: {
    [`get {${NS.register}}query`]: (t) => {
      allowed(t)
      return form()
    },
    [`set {${NS.register}}query`]: create,
  },
  iq: {
    [`account get {${NS.register}}query`]: registered,
    [`server get {${NS.register}}query`]: registered,
    [`account set {${NS.register}}query`]: change,
    [`server set {${NS.register}}query`]: change,
  },
}

/** Registration is open with an invitation (XEP-0445), else from where the configuration allows it. */
function allowed(t: Transit): { guest: Guest; invite: Invite | undefined } {
  const { guest } = t
  const invite = guest && shownInvite(t, guest)
  if (!guest || !(t.config.registration.in_band || invite)) throw new StanzaError('service-unavailable')
  if (!invite && !t.world.registrations.mayRegister(guest.ip)) {
    registrations.inc({ door: 'in-band', result: 'refused' })
    throw new StanzaError('forbidden', 'Accounts cannot be made from this address.')
  }
  guest.fillsForm()
  return { guest, invite }
}

function create(t: Transit, query: Element): Later {
  const { guest, invite } = allowed(t)
  if (t.world.registrations.waitFor(guest.ip) > 0) {
    limitsHit.inc({ limit: 'registration.timeout' })
    registrations.inc({ door: 'in-band', result: 'refused' })
    throw new StanzaError(
      'resource-constraint',
      'An account was made from this address just now. Try again later.',
    )
  }
  const { username, password } = readFields(query)
  // §3.1: both are required; a taken name is a conflict.
  if (username === undefined || password === undefined)
    throw new StanzaError('not-acceptable', 'A user name and a password are needed.')
  const jid = accountJid(username, guest.host)
  const { derive, finish } = createAccount(t, {
    jid,
    password,
    by: { kind: 'person', invite },
    minPassword: t.config.registration.min_password,
    joins(next) {
      // Another door may have let the same address in while the keys were made.
      if (next.world.registrations.waitFor(guest.ip) > 0) throw new StanzaError('resource-constraint')
      next.undo(next.world.registrations.take(guest.ip))
      next.after(() => registrations.inc({ door: 'in-band', result: 'created' }))
    },
  })
  return later(derive, (next, keys) => void finish(next, keys))
}

/** §3.1: who is logged in learns the own name. */
function registered(t: Transit): Element {
  ownHost(t)
  const { local } = t.stanza.from
  if (!t.origin) throw new StanzaError('not-allowed')
  return xml('query', { xmlns: NS.register }, xml('registered'), xml('username', {}, local), xml('password'))
}

/** §3.2 removal and §3.3 password change, of the own account only. */
function change(t: Transit, query: Element): Later | undefined {
  ownHost(t)
  const { account } = t
  if (child(query, 'remove')) {
    // §3.2: removal stands alone.
    if (elements(query).length > 1) throw new StanzaError('bad-request', 'Nothing goes with a removal.')
    remove(t, account)
    return undefined
  }
  const { username, password } = readFields(query)
  if (username === undefined || password === undefined)
    throw new StanzaError('bad-request', 'A user name and a password are needed.')
  if (accountJid(username, t.stanza.from.domain).bare !== account.jid) {
    throw new StanzaError('not-allowed', 'Nobody may change the password of another account.')
  }
  const { min_password: minPassword } = t.config.registration
  const { derive, finish } = setPassword(t, { jid: account.jid, password, minPassword })
  return later(derive, (next, keys) => void finish(next, keys))
}

/** Another host of this server has nothing to say about the account. */
function ownHost({ stanza: { from, to } }: Transit): void {
  if (to && to.domain !== from.domain) throw new StanzaError('service-unavailable')
}

/** §4: bare elements or a data form; an old client sends the former. */
function readFields(query: Element): { username: string | undefined; password: string | undefined } {
  const x = child(query, 'x', NS.forms)
  const values = x && readForm(x, NS.register)
  const username = values ? formValue(values, 'username') : childText(query, 'username')
  const password = values ? formValue(values, 'password') : childText(query, 'password')
  return { username: username === '' ? undefined : username, password }
}

function form(): Element {
  const fields = [
    { name: 'username', type: 'text-single', label: 'User name', required: true },
    { name: 'password', type: 'text-private', label: 'Password', required: true },
  ]
  return xml(
    'query',
    { xmlns: NS.register },
    xml('instructions', {}, INSTRUCTIONS),
    xml('username'),
    xml('password'),
    writeForm('form', NS.register, fields, INSTRUCTIONS),
  )
}

function accountJid(username: string, host: string): Jid {
  return orMalformed(() => Jid.of(username, host))
}
