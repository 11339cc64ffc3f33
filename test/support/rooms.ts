/** What plays of rooms have in common: how clients come in, and what they hear in short words. */
import { child, children, childText, type Element, elements } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import type { Play } from './world.ts'

export const ROOM = 'coven@conference.bix.org'
export const MUC = 'http://jabber.org/protocol/muc'
export const MUC_USER = `${MUC}#user`
export const ADMIN = `${MUC}#admin`
export const OWNER = `${MUC}#owner`

/** Asks to come in; what is heard of it stays heard. */
export async function enters(actor: Actor, nick: string, inner = '', room = ROOM): Promise<void> {
  actor.sends(`<presence to='${room}/${nick}' id='in-${nick}'><x xmlns='${MUC}'>${inner}</x></presence>`)
  await actor.settles()
}

/** A session in a room that is there and open; the first to come makes it. */
export async function inside(p: Play, jid: string, nick: string, room = ROOM): Promise<Actor> {
  const actor = await p.online(jid)
  await enters(actor, nick, '', room)
  if (actor.heard.some((el) => statuses(el).includes('201'))) await opens(actor, room)
  actor.forget()
  return actor
}

/** Makes a new room an instant one (§10.1.2). */
export const opens = (owner: Actor, room = ROOM): Promise<Element> =>
  owner.asks('set', `<query xmlns='${OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>`, room)

/** Configures a room with these fields. */
export function configures(
  owner: Actor,
  fields: Readonly<Record<string, string | readonly string[]>>,
  room = ROOM,
): Promise<Element> {
  const all = Object.entries({ FORM_TYPE: `${MUC}#roomconfig`, ...fields }).map(([name, values]) => {
    const list = typeof values === 'string' ? [values] : values
    return `<field var='${name}'>${list.map((value) => `<value>${value}</value>`).join('')}</field>`
  })
  const form = `<x xmlns='jabber:x:data' type='submit'>${all.join('')}</x>`
  return owner.asks('set', `<query xmlns='${OWNER}'>${form}</query>`, room)
}

/** Changes of roles or affiliations, each an <item/>. */
export const changes = (actor: Actor, items: string, room = ROOM): Promise<Element> =>
  actor.asks('set', `<query xmlns='${ADMIN}'>${items}</query>`, room)

export const says = (actor: Actor, text: string, room = ROOM): void =>
  actor.sends(`<message to='${room}' type='groupchat' id='${text}'><body>${text}</body></message>`)

export function statuses(el: Element): string[] {
  const x = child(el, 'x', MUC_USER)
  return x ? children(x, 'status').map(({ attrs }) => attrs.code ?? '') : []
}

export function itemOf(el: Element): Element | undefined {
  const x = child(el, 'x', MUC_USER)
  return x && child(x, 'item')
}

/** The condition of an error. */
export function conditionOf(el: Element): string | undefined {
  const error = child(el, 'error')
  return error && elements(error).find(({ name }) => name !== 'text')?.name
}

/**
 * In short: "nick owner/moderator 110 201" of presence, "-nick …" of its end, "nick: text" of a message, "# text" of a
 * subject, "! condition" of an error.
 */
export function short(el: Element): string {
  const nick = (el.attrs.from ?? '').split('/').slice(1).join('/')
  const condition = conditionOf(el)
  if (condition !== undefined) return `! ${condition}`
  const subject = childText(el, 'subject')
  if (el.name === 'message' && subject !== undefined && !child(el, 'body')) return `# ${subject}`
  const codes = statuses(el)
  if (el.name === 'message')
    return [`${nick}:`, childText(el, 'body') ?? '', ...codes].filter((part) => part !== '').join(' ')
  const { affiliation = '', role = '' } = itemOf(el)?.attrs ?? {}
  return [`${el.attrs.type === 'unavailable' ? '-' : ''}${nick}`, `${affiliation}/${role}`, ...codes].join(
    ' ',
  )
}

/** Everything that was heard since the last time, in short. */
export async function hears(actor: Actor): Promise<string[]> {
  await actor.settles()
  const heard = actor.heard.map(short)
  actor.forget()
  return heard
}
