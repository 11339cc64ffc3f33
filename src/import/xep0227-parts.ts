/** Elements of one user in a file of XEP-0227, by name; namespaces are as loose as their exporters. */
import type { Subscription } from '../store/contacts.ts'
import { readForm } from '../xmpp/forms.ts'
import { NS } from '../xmpp/namespaces.ts'
import { type Element, elements } from '../xmpp/xml.ts'
import type { Fact } from './model.ts'
import { delayOf } from './stanzas.ts'

interface Container {
  readonly name: string
  readonly attrs: Element['attrs']
}

const SUBSCRIPTIONS: readonly string[] = ['none', 'to', 'from', 'both'] satisfies Subscription[]

/** The first child of that name, in whatever namespace. */
export const named = (el: Element, name: string): Element | undefined =>
  elements(el).find((node) => node.name === name)
export const textOf = (el: Element, name: string): string => named(el, name)?.getText().trim() ?? ''

export function* factsOf(owner: string, el: Element, inside: Container): Generator<Fact> {
  const { name, attrs } = inside
  if (name === 'offline-messages') yield { kind: 'offline', owner, at: undefined, el }
  else if (name === 'archive' && el.name === 'prefs') yield archivePrefs(owner, el)
  else if (name === 'archive') yield archived(owner, el)
  else if (name === 'pubsub') yield* node(owner, el)
  else if (name === 'items')
    yield {
      kind: 'item',
      ...{ owner, node: attrs.node ?? '', id: el.attrs.id ?? 'current', payload: elements(el)[0] },
    }
  else yield* ofUser(owner, el)
}

function* ofUser(owner: string, el: Element): Generator<Fact> {
  const { xmlns } = el.attrs
  if (el.name === 'vCard') yield { kind: 'vcard', owner, el }
  else if (el.name === 'query' && xmlns === NS.roster)
    for (const item of elements(el)) yield contact(owner, item)
  else if (el.name === 'query' && xmlns === NS.private)
    for (const inner of elements(el)) yield { kind: 'private', owner, el: inner }
  else if (el.name === 'query' && xmlns === NS.privacy) yield* privacy(owner, el)
  else if (el.name === 'blocklist')
    for (const item of elements(el)) yield { kind: 'blocked', owner, jid: item.attrs.jid ?? '' }
  else if (el.name === 'presence' && el.attrs.type === 'subscribe')
    yield {
      kind: 'request',
      owner,
      jid: el.attrs.from ?? '',
      nick: textOf(el, 'nick') || undefined,
      text: textOf(el, 'status') || undefined,
    }
  else if (el.name === 'prefs') yield archivePrefs(owner, el)
  // Whole, where it has no children.
  else if (!['scram-credentials', 'offline-messages', 'archive', 'pubsub', 'items'].includes(el.name))
    yield { kind: 'reject', owner, why: `<${el.name} xmlns="${xmlns ?? ''}"/> is not known here` }
}

function contact(owner: string, item: Element): Fact {
  const { jid = '', name, subscription = 'none', ask, approved } = item.attrs
  const groups = elements(item).flatMap((el) => (el.name === 'group' ? [el.getText()] : []))
  const known = SUBSCRIPTIONS.includes(subscription) ? (subscription as Subscription) : 'none'
  return {
    kind: 'contact',
    ...{ owner, jid, name, groups, subscription: known, ask: ask === 'subscribe' },
    approved: approved === 'true' || approved === '1',
  }
}

/** Lists that deny everything of an address are what a block list is; other rules have no counterpart. */
function* privacy(owner: string, query: Element): Generator<Fact> {
  const chosen = named(query, 'default')?.attrs.name
  for (const list of elements(query)) {
    if (list.name !== 'list') continue
    const isActive = list.attrs.name === chosen
    for (const item of elements(list)) {
      const { type, value = '', action } = item.attrs
      const all = elements(item).length === 0
      if (isActive && type === 'jid' && action === 'deny' && all) yield { kind: 'blocked', owner, jid: value }
      else yield { kind: 'reject', owner, why: `a rule of the privacy list "${list.attrs.name ?? ''}"` }
    }
  }
}

function archivePrefs(owner: string, el: Element): Fact {
  const list = (name: string) =>
    elements(named(el, name) ?? el).flatMap((jid) => (jid.name === 'jid' ? [jid.getText()] : []))
  const { default: mode } = el.attrs
  return {
    kind: 'archive-prefs',
    owner,
    mode: mode === 'never' || mode === 'roster' ? mode : 'always',
    always: list('always'),
    never: list('never'),
  }
}

function archived(owner: string, result: Element): Fact {
  const forwarded = named(result, 'forwarded')
  const message = forwarded && named(forwarded, 'message')
  const at = forwarded && delayOf(forwarded)
  return message && at !== undefined
    ? { kind: 'archived', owner, at, peer: '', el: message }
    : { kind: 'reject', owner, why: 'an archived message without a time' }
}

function* node(owner: string, el: Element): Generator<Fact> {
  const x = named(el, 'x')
  if (el.name !== 'configure' || !x) return
  const { node: name = '' } = el.attrs
  const options = new Map(readForm(x) ?? [])
  yield { kind: 'node', owner, node: name, options }
}
