/** What plays of entity capabilities and of the news that follow them share. */
import { createHash } from 'node:crypto'
import { child, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import { EVENT, friends } from './pubsub.ts'
import type { Play } from './world.ts'

export const INFO = 'http://jabber.org/protocol/disco#info'
export const CAPS = 'http://jabber.org/protocol/caps'
export const IDENTITY = `<identity category='client' type='phone' name='Globe'/>`

/** The hash of a client with these features. */
export function verOf(features: readonly string[]): string {
  const text = ['client/phone//Globe', ...features.toSorted()].map((part) => `${part}<`).join('')
  return createHash('sha1').update(text).digest('base64')
}

export const c = (ver: string, hash = `hash='sha-1'`) =>
  `<c xmlns='${CAPS}' ${hash} node='https://globe.example' ver='${ver}'/>`
export const features = (names: readonly string[]) => names.map((name) => `<feature var='${name}'/>`).join('')

/** The server's question what a hash stands for. */
export async function isAsked(actor: Actor, ver: string): Promise<string> {
  const [bare] = actor.jid.split('/')
  const question = await actor.receives(
    `<iq type='get' id='{any}' from='${bare}' to='${actor.jid}'>` +
      `<query xmlns='${INFO}' node='https://globe.example#${ver}'/></iq>`,
  )
  return question.attrs.id ?? ''
}

export function answers(actor: Actor, id: string, content: string): void {
  const [bare] = actor.jid.split('/')
  actor.sends(`<iq type='result' id='${id}' to='${bare}'><query xmlns='${INFO}'>${content}</query></iq>`)
}

/** Says presence with capabilities, whether the server knows them or asks; what else comes stays heard. */
export async function announces(actor: Actor, ...names: string[]): Promise<void> {
  const ver = verOf(names)
  actor.sends(`<presence>${c(ver)}</presence>`)
  await actor.settles()
  const asked = actor.heard.findIndex((el) => el.name === 'iq' && child(el, 'query', INFO))
  if (asked >= 0) answers(actor, actor.heard.splice(asked, 1)[0]?.attrs.id ?? '', IDENTITY + features(names))
  await actor.settles()
}

/** Texts of the events that were heard; whatever else was heard is forgotten. */
export async function news(actor: Actor): Promise<string[]> {
  await actor.settles()
  const events = actor.heard.filter((el) => child(el, 'event', EVENT))
  actor.forget()
  return events.map((el) => inner(el))
}

export function inner(el: Element): string {
  const content = child(el, 'event', EVENT)?.children[0]
  return content === undefined ? '' : content.toString()
}

export const told = (node: string, id: string, text = id) =>
  `<items node="${node}"><item id="${id}"><tune xmlns="urn:t">${text}</tune></item></items>`

export async function listeners(p: Play): Promise<{ romeo: Actor; juliet: Actor }> {
  const two = await friends(p)
  await announces(two.romeo, 'tune+notify')
  two.romeo.forget()
  await two.juliet.settles()
  two.juliet.forget()
  return two
}
