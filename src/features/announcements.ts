/**
 * Messages of administrators to everyone (XEP-0133): announcements, which are heard now or never, the message of the day,
 * which each account hears once while it stands, and the message of welcome at an account's first login.
 */
import { adminCommand, adminForm, hostOf } from '../accounts/admin-forms.ts'
import { badPayload, done } from '../accounts/commands.ts'
import { BoundedMap } from '../bounded-map.ts'
import { perObject } from '../per-object.ts'
import type { Feature } from '../routing/feature.ts'
import { sessionState } from '../routing/session-state.ts'
import type { Session } from '../routing/session.ts'
import type { Ask, Step, Transit, Trip, World } from '../routing/transit.ts'
import type { ReadStore } from '../store/tx.ts'
import type { Field, FormValues } from '../xmpp/forms.ts'
import { xml } from '../xmpp/xml.ts'

/** Sessions that hear an announcement in one turn; the others in later ones. */
const HEARERS = 500
/** Accounts that are remembered to have heard the message of the day, beside what their last login tells. */
const REMEMBERED = 100_000

type Kind = 'motd' | 'welcome'

interface Standing {
  readonly text: string
  /** Time since which it is to be told, ms since the epoch. */
  readonly since: number
}

const textField = (name: string, label: string, text = ''): Field => ({
  name,
  type: 'text-multi',
  label,
  required: true,
  ...(text !== '' && { values: text.split('\n') }),
})

export const announcements: Feature = {
  name: 'announcements',
  xeps: [],
  commands: [
    adminCommand('announce', 'Tell everyone who is online', () =>
      adminForm('Tell everyone who is online', [textField('announcement', 'Text')], announce),
    ),
    adminCommand('set-motd', 'Set the message of the day', () =>
      formFor('motd', 'Set the message of the day', '', setMotd),
    ),
    adminCommand('edit-motd', 'Edit the message of the day', (t) =>
      formFor('motd', 'Edit the message of the day', textOf(t, 'motd'), editMotd),
    ),
    adminCommand('delete-motd', 'Delete the message of the day', (t) => clear(t, 'motd')),
    adminCommand('set-welcome', 'Set the message of welcome', (t) =>
      formFor('welcome', 'Set the message of welcome', textOf(t, 'welcome'), setWelcome),
    ),
    adminCommand('delete-welcome', 'Delete the message of welcome', (t) => clear(t, 'welcome')),
  ],

  /** At the first presence of a session: a client that is not available does not show messages. */
  sent(t) {
    const { stanza, origin } = t
    if (!origin || stanza.kind !== 'presence' || stanza.to || stanza.type !== '' || greeted.get(origin))
      return
    greeted.set(t, origin, true)
    greet(t, origin)
  },
}

const greeted = sessionState<true>('announcements', { saved: true })
/** Accounts by id that have heard the message of the day since the start, with the time of that message. */
const heardIn = perObject((_: World) => new BoundedMap<number, number>(REMEMBERED))

function greet(t: Trip, session: Session): void {
  const { domain } = session.jid
  const [welcome, motd] = [read(t.store, 'welcome', domain), read(t.store, 'motd', domain)]
  const account = welcome || motd ? t.store.accounts.find(session.account.jid) : undefined
  if (!account) return
  const { id, jid, lastSeen } = account
  if (welcome && lastSeen === null && t.sessions.countOf(jid) === 1)
    write(t, session, { type: 'normal', subject: 'Welcome', text: welcome.text })
  // An account that was here since the message was set has heard it: at that moment, or at the login.
  if (!motd || (lastSeen ?? 0) >= motd.since || heardIn(t.world).get(id) === motd.since) return
  write(t, session, { type: 'headline', subject: 'Message of the day', text: motd.text })
  remember(t, id, motd)
}

function remember(t: Trip, id: number, { since }: Standing): void {
  t.after(() => heardIn(t.world).set(id, since))
}

const formFor = (kind: Kind, title: string, text: string, submit: Ask['submit']): Ask =>
  adminForm(title, [textField(kind, 'Text', text)], submit)

/** §4.23: to whoever has a session with this host now; nothing is stored, so nobody hears it late. */
function announce(t: Transit, values: FormValues): Step {
  const text = needText(values, 'announcement')
  const hearers = tellAll(t, 'Announcement', text)
  t.store.audit.note('announcement', { host: hostOf(t), text, hearers })
  return done()
}

/** §4.26: told at once to those who are online, to others at their next login. */
function setMotd(t: Transit, values: FormValues): Step {
  const standing = { text: needText(values, 'motd'), since: t.now }
  put(t, 'motd', standing)
  tellAll(t, 'Message of the day', standing.text, (trip, { account }) => remember(trip, account.id, standing))
  return done()
}

/** §4.27: a correction; who has heard the message does not hear it again. */
function editMotd(t: Transit, values: FormValues): Step {
  const { since } = read(t.store, 'motd', hostOf(t)) ?? { since: t.now }
  put(t, 'motd', { text: needText(values, 'motd'), since })
  return done()
}

function setWelcome(t: Transit, values: FormValues): Step {
  put(t, 'welcome', { text: needText(values, 'welcome'), since: t.now })
  return done()
}

function clear(t: Transit, kind: Kind): Step {
  put(t, kind, undefined)
  return done()
}

function needText(values: FormValues, name: string): string {
  const text = (values.get(name) ?? []).join('\n').trim()
  if (text === '') throw badPayload(`${name}: a text is needed.`)
  return text
}

/** Tells everyone who is online on this host, some in each turn; returns how many there are. */
function tellAll(
  t: Transit,
  subject: string,
  text: string,
  then?: (trip: Trip, to: Session) => void,
): number {
  const host = hostOf(t)
  const hearers = [...t.sessions.all()].filter(({ jid }) => jid.domain === host)
  const tell = (from: number, trip: Trip): void => {
    for (const session of hearers.slice(from, from + HEARERS)) {
      if (session.closed) continue
      write(trip, session, { type: 'headline', subject, text })
      then?.(trip, session)
    }
    const next = from + HEARERS
    if (next < hearers.length) trip.soon((later) => tell(next, later))
  }
  tell(0, t)
  return hearers.length
}

interface Words {
  readonly type: 'headline' | 'normal'
  readonly subject: string
  readonly text: string
}

function write(t: Trip, session: Session, { type, subject, text }: Words): void {
  const attrs = { type, from: session.jid.domain, to: session.jid.toString() }
  t.write(session, xml('message', attrs, xml('subject', {}, subject), xml('body', {}, text)))
}

const textOf = (t: Transit, kind: Kind): string => read(t.store, kind, hostOf(t))?.text ?? ''

function read(store: ReadStore, kind: Kind, host: string): Standing | undefined {
  const text = store.settings.get(`${kind}:${host}`)?.toString() ?? ''
  if (text === '') return undefined
  // Our own writing, in `put`.
  return JSON.parse(text) as Standing
}

function put(t: Transit, kind: Kind, standing: Standing | undefined): void {
  const host = hostOf(t)
  const before = textOf(t, kind)
  t.store.settings.set(`${kind}:${host}`, Buffer.from(standing ? JSON.stringify(standing) : ''))
  const what = kind === 'motd' ? 'message of the day' : 'message of welcome'
  t.store.audit.note(`${what} ${standing ? 'set' : 'deleted'}`, { host, before, after: standing?.text })
}
