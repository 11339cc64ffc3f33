/** What memory and rows say, for plays of a disk that fails. */
import { expect } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import { interested } from '../../src/accounts/roster.ts'
import type { Actor } from './actor.ts'
import type { Play } from './world.ts'

/** Everything that memory and a fresh load must agree on. */
export function known(p: Play, store = p.store): unknown {
  return ['romeo@bix.org', 'juliet@bix.org', 'balthasar@bix.org'].map((jid) => {
    const account = store.accounts.find(jid)
    if (!account) return jid
    return {
      account,
      vcard: store.accounts.vcard(account),
      keys: store.accounts.scramKeys(account, 'SHA-256')?.salt.toString('hex'),
      contacts: store.contacts.all(account),
      devices: store.push.devices.of(account.id),
      offline: store.messages.offlineSize(account),
    }
  })
}

/** Rows by table. */
export function rows(p: Play): Record<string, number | undefined> {
  const { raw } = p.store.db
  const tables = raw.query<{ name: string }, []>(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN ('whole', 'broken')`,
  )
  const count = (table: string) => raw.query<{ n: number }, []>(`SELECT count(*) AS n FROM ${table}`).get()?.n
  return Object.fromEntries(tables.all().map(({ name }) => [name, count(name)]))
}

export function sessions(p: Play): unknown {
  return [...p.world.sessions.all()].map((session) => ({
    jid: session.jid.toString(),
    presence: session.presence?.toString(),
    priority: session.priority,
    interested: interested.get(session) === true,
    catchingUp: session.delivery.sendingOffline,
  }))
}

export async function refused(actor: Actor): Promise<void> {
  const error = child(await actor.hearsError('resource-constraint'), 'error')
  expect(error?.attrs.type).toBe('wait')
}

export const iq = (payload: string) => `<iq type='set' id='w'>${payload}</iq>`

export function romeoOf(p: Play) {
  const account = p.store.accounts.find('romeo@bix.org')
  if (!account) throw new Error('no romeo')
  return account
}

export function row(p: Play, jid = 'nurse@bix.org') {
  return p.store.contacts.find(romeoOf(p), jid)
}

export async function begin(p: Play): Promise<Actor> {
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  await romeo.asks('set', `<query xmlns='jabber:iq:roster'><item jid='known@bix.org'/></query>`)
  await romeo.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='bix.org' node='${'cd'.repeat(32)}'/>`)
  romeo.forget()
  return romeo
}
