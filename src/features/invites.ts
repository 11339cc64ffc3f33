/**
 * Invitations (XEP-0401): links by which people get an account (XEP-0445) or become contacts (XEP-0379). A link is
 * made by ad-hoc command, by the API or by the command line.
 */
import { ask, badPayload, done, formOf } from '../accounts/commands.ts'
import type { Feature, Incoming, HookResult } from '../routing/feature.ts'
import { findInvite, type Made, makeInvite, preapprove, showInvite } from '../accounts/invites.ts'
import type { Step, Transit } from '../routing/transit.ts'
import { isAdmin } from '../accounts/admins.ts'
import { StanzaError } from '../xmpp/errors.ts'
import { type FormValues, formValue, writeForm } from '../xmpp/forms.ts'
import { Jid, jidOr } from '../xmpp/jid.ts'
import { Stanza } from '../xmpp/stanza.ts'
import { child, type Element, xml } from '../xmpp/xml.ts'

const PARS = 'urn:xmpp:pars:0'
const INVITE = 'urn:xmpp:invite#invite'
const CREATE = 'urn:xmpp:invite#create-account'

export const invites: Feature = {
  name: 'invites',
  xeps: [
    { number: 379, version: '0.3.3', note: 'the server answers for the inviter' },
    { number: 401, version: '0.6.0' },
    { number: 445, version: '0.2.0' },
  ],
  streamFeatures: (s) => (s.authenticated ? [] : [xml('register', { xmlns: 'urn:xmpp:ibr-token:0' })]),
  preauth: { [`set {${PARS}}preauth`]: show },
  commands: [
    { node: INVITE, name: 'Invite somebody', may: isLocal, start: invite },
    { node: CREATE, name: 'Invite somebody to an account', may: mayCreate, start: create },
  ],
  received: welcome,
}

function isLocal(t: Transit): boolean {
  return t.origin !== undefined
}

function mayCreate(t: Transit): boolean {
  return isLocal(t) && isAdmin(t.world, t.account.jid)
}

/** XEP-0445 §4: looked at here only; what has ended by the time of registration still counts. */
function show(t: Transit, el: Element): undefined {
  const { guest } = t
  const invite = findInvite(t, el.attrs.token)
  if (!guest || invite?.host !== guest.host || !invite.register)
    throw new StanzaError('item-not-found', 'The invitation does not exist, has ended or was used.')
  showInvite(t, guest, invite)
  guest.fillsForm()
}

/** XEP-0401 §5.1: at once, without a form. `ibr=y` only where the invited may have an account here. */
function invite(t: Transit): Step {
  const isAdministrator = mayCreate(t)
  const { invites_per_user } = t.config.limits
  if (!isAdministrator && t.store.invites.countOf(t.account.id, t.now) >= invites_per_user)
    throw new StanzaError('resource-constraint', 'You have too many invitations that nobody has used.')
  const register = t.config.invites.users || isAdministrator
  return link(makeInvite(t, { host: t.account.host, inviter: t.account, register, contact: true }))
}

/** XEP-0401 §5.4: with or without a name for the account. */
function create(): Step {
  const fields = [
    { name: 'username', type: 'text-single', label: 'User name (left open if empty)' },
    { name: 'roster-subscription', type: 'boolean', label: 'Make us contacts' },
    { name: 'allow_lookalike', type: 'boolean', label: 'Even if it looks like another’s' },
  ]
  return ask(formOf(CREATE, 'Invite somebody to an account', fields), created)
}

function created(t: Transit, values: FormValues): Step {
  const host = (t.stanza.to ?? t.stanza.from).domain
  const name = formValue(values, 'username') ?? ''
  const says = (field: string) => ['1', 'true'].includes(formValue(values, field) ?? '')
  const contact = says('roster-subscription')
  const jid = name === '' ? undefined : named(name, host)
  const allowLookalike = says('allow_lookalike')
  return link(makeInvite(t, { host, jid, allowLookalike, inviter: t.account, register: true, contact }))
}

function named(name: string, host: string): string {
  return jidOr(
    () => Jid.of(name, host).bare,
    (error) => {
      throw badPayload(`username: ${error.message}`)
    },
  )
}

function link({ uri, url, expiresAt }: Made): Step {
  const single = (name: string, value: string) => ({ name, type: 'text-single', values: [value] })
  const fields = [
    single('uri', uri),
    ...(url === null ? [] : [single('landing-url', url)]),
    single('expire', new Date(expiresAt).toISOString()),
  ]
  return done(writeForm('result', 'urn:xmpp:invite#invitation', fields))
}

/** XEP-0379 §3.5, §4.1: a token that is not one of ours is the client's affair, and the request one like any other. */
function welcome(t: Incoming): HookResult {
  const { owner, to } = t
  const { kind, type, from } = t.stanza
  if (kind !== 'presence' || type !== 'subscribe') return
  const preauth = child(t.stanza.el, 'preauth', PARS)
  if (!preauth || !preapprove(t, owner, preauth.attrs.token, from.toBare())) return
  t.emit(Stanza.make('presence', to.toBare(), from.toBare(), { type: 'subscribe' }))
}
