/** What plays of publish-subscribe say again and again. */
import { child, children, type Element, elements } from '../../src/xmpp/xml.ts'
import type { Actor } from './actor.ts'
import type { Play } from './world.ts'

export const PUBSUB = 'http://jabber.org/protocol/pubsub'
export const OWNER = `${PUBSUB}#owner`
export const EVENT = `${PUBSUB}#event`
export const ERRORS = `${PUBSUB}#errors`

export const pubsub = (inner: string) => `<pubsub xmlns='${PUBSUB}'>${inner}</pubsub>`
export const owner = (inner: string) => `<pubsub xmlns='${OWNER}'>${inner}</pubsub>`

export const form = (type: string, fields: Record<string, string>) =>
  `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>${PUBSUB}#${type}</value></field>` +
  Object.entries(fields)
    .map(([name, value]) => `<field var='pubsub#${name}'><value>${value}</value></field>`)
    .join('') +
  '</x>'

export const options = (fields: Record<string, string>) =>
  `<publish-options>${form('publish-options', fields)}</publish-options>`

export const item = (id: string, text = id) =>
  `<item${id === '' ? '' : ` id='${id}'`}><tune xmlns='urn:t'>${text}</tune></item>`

export const publication = (node: string, items: string, fields?: Record<string, string>) =>
  pubsub(`<publish node='${node}'>${items}</publish>${fields ? options(fields) : ''}`)

export const configuration = (node: string, fields: Record<string, string>) =>
  owner(`<configure node='${node}'>${form('node_config', fields)}</configure>`)

/** Publishes and expects to succeed; returns the item's id. */
export async function publishes(
  actor: Actor,
  node: string,
  items: string,
  fields?: Record<string, string>,
): Promise<string> {
  const answer = await actor.asks('set', publication(node, items, fields))
  const found = child(answer, 'pubsub', PUBSUB)
  const published = found && child(found, 'publish')
  if (!published) throw new Error(`not published: ${answer.toString()}`)
  return child(published, 'item')?.attrs.id ?? ''
}

/** Ids of the items that a request answers with, or the condition of its error. */
export async function fetches(actor: Actor, inner: string, to?: string): Promise<string[]> {
  return ids(await actor.asks('get', pubsub(inner), to))
}

export function ids(answer: Element): string[] {
  const found = child(answer, 'pubsub', PUBSUB)
  const list = found && child(found, 'items')
  if (!list) throw new Error(`no items: ${answer.toString()}`)
  return children(list, 'item').map(({ attrs }) => attrs.id ?? '')
}

/** Juliet, whose presence Romeo sees and who sees his. Nothing is left unheard. */
export async function friends(p: Play): Promise<{ romeo: Actor; juliet: Actor }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  await befriend(romeo, juliet)
  return { romeo, juliet }
}

/** The same, and Juliet has published what she listens to. */
export async function tuned(p: Play): Promise<{ romeo: Actor; juliet: Actor }> {
  const both = await friends(p)
  await publishes(both.juliet, 'tune', item('a'))
  return both
}

export async function befriend(one: Actor, other: Actor): Promise<void> {
  const [a = '', b = ''] = [one, other].map(({ jid }) => jid.split('/')[0])
  one.sends(`<presence to='${b}' type='subscribe'/>`)
  await one.settles()
  other.sends(`<presence to='${a}' type='subscribed'/><presence to='${a}' type='subscribe'/>`)
  await other.settles()
  one.sends(`<presence to='${b}' type='subscribed'/>`)
  await one.settles()
  await other.settles()
  one.forget()
  other.forget()
}

/** The request fails with both conditions. */
export async function refused(
  actor: Actor,
  condition: string,
  app: string,
  type: 'get' | 'set',
  payload: string,
  to?: string,
): Promise<void> {
  const answer = await actor.isRefused(condition, type, payload, to)
  const error = child(answer, 'error')
  if (!error || !child(error, app, ERRORS)) throw new Error(`expected ${app}, received ${answer.toString()}`)
}

/** The events that have come, each by its one child; what has come is forgotten. */
export async function events(
  actor: Actor,
): Promise<{ id: string | undefined; to: string | undefined; el: Element }[]> {
  await actor.settles()
  const found = actor.heard.flatMap((message) => {
    const event = child(message, 'event', EVENT)
    const { id, to } = message.attrs
    return event ? elements(event).map((el) => ({ id, to, el })) : []
  })
  actor.forget()
  return found
}

export const subscribe = (node: string, jid: string) => pubsub(`<subscribe node='${node}' jid='${jid}'/>`)
export const unsubscribe = (node: string, jid: string) => pubsub(`<unsubscribe node='${node}' jid='${jid}'/>`)
