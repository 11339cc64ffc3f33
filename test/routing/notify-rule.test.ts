import { expect, test } from 'bun:test'
import { notifyRule } from '../../src/push/rules/notify-rule.ts'
import { publishes } from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const NODE = 'urn:xmpp:bookmarks:1'
const ROOM = 'theplay@conference.bix.org'

/** The rule that comes out when a bookmark holds this. */
async function ruleFor(inner: string, id = ROOM): Promise<string | undefined> {
  using p = play()
  const juliet = await p.bound('juliet@bix.org/balcony')
  await publishes(juliet, NODE, `<item id='${id}'><conference xmlns='${NODE}'>${inner}</conference></item>`)
  const account = p.store.accounts.find('juliet@bix.org')
  if (!account) throw new Error('no juliet')
  return notifyRule(p.store, account, ROOM)
}

const settings = (inner: string) =>
  `<extensions><x xmlns='u:x'/><notify xmlns='urn:xmpp:notification-settings:1'>${inner}</notify></extensions>`
const as = (name: string, category?: string, type?: string) =>
  `<${name}${category ? ` identity-category='${category}'` : ''}${type ? ` identity-type='${type}'` : ''}/>`

test('XEP-0492 §2.1: each of the three settings', async () => {
  for (const name of ['always', 'on-mention', 'never']) expect(await ruleFor(settings(as(name)))).toBe(name)
})

test('XEP-0492 §3: the most specific setting for a phone counts, wherever it stands', async () => {
  const any = as('always')
  const clients = as('on-mention', 'client')
  const phones = as('never', 'client', 'phone')
  const others = as('never', 'client', 'pc') + as('never', 'gateway')
  expect(await ruleFor(settings(others + any))).toBe('always')
  expect(await ruleFor(settings(any + others + clients))).toBe('on-mention')
  expect(await ruleFor(settings(any + phones + clients))).toBe('never')
  expect(await ruleFor(settings(others))).toBeUndefined()
})

test('XEP-0492 §2.3: advanced settings beside it change nothing', async () => {
  expect(await ruleFor(settings(`<never><advanced><always xmlns='u:x'/></advanced></never>`))).toBe('never')
})

test('nothing is set: no bookmark, another room, no settings, settings of another kind', async () => {
  expect(await ruleFor(settings(as('never')), 'other@conference.bix.org')).toBeUndefined()
  expect(await ruleFor('')).toBeUndefined()
  expect(await ruleFor('<extensions/>')).toBeUndefined()
  expect(
    await ruleFor(settings(as('sometimes') + `<never xmlns='u:x'/>` + as('never', undefined, 'phone'))),
  ).toBeUndefined()
})

test('XEP-0492 0.1: its settings count where there are none of the present version', async () => {
  const notify = (version: 0 | 1, name: string) =>
    `<notify xmlns='urn:xmpp:notification-settings:${version}'>${as(name)}</notify>`
  const both = notify(0, 'never') + notify(1, 'on-mention')
  expect(await ruleFor(`<extensions>${notify(0, 'never')}</extensions>`)).toBe('never')
  expect(await ruleFor(`<extensions>${both}</extensions>`)).toBe('on-mention')
})
