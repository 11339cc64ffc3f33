import { describe, expect, test } from 'bun:test'
import type { Actor } from '../support/actor.ts'
import { play } from '../support/world.ts'

const PRESENCE = (type: string, to: string) => `<presence type='${type}' to='${to}'/>`
const push = (to: string, attrs: string) =>
  `<iq type='set' id='{any}' to='${to}'><query xmlns='jabber:iq:roster' ver='{any}'><item ${attrs}/></query></iq>`

/** What one side knows of the other: subscription, asked, asked of, approved, in the roster. */
function state(p: ReturnType<typeof play>, of: string, about: string): string {
  const account = p.store.accounts.find(of)
  const row = account && p.store.contacts.find(account, about)
  if (!row) return 'unknown'
  const flags = [
    row.ask && 'ask',
    row.pending !== null && 'pending',
    row.approved && 'approved',
    row.listed || 'unlisted',
  ]
  return [row.subscription, ...flags.filter((flag) => typeof flag === 'string')].join(' ')
}

async function both(p: ReturnType<typeof play>): Promise<[Actor, Actor]> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  return [romeo, juliet]
}

async function calm(...actors: Actor[]): Promise<void> {
  for (const actor of actors) await actor.settles()
  for (const actor of actors) await actor.settles()
  for (const actor of actors) actor.forget()
}

const romeoTo = (type: string) => PRESENCE(type, 'juliet@bix.org')
const julietTo = (type: string) => PRESENCE(type, 'romeo@bix.org')

test('RFC 6121 §3.1: request, grant, presence: each stanza as the RFC has it', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  romeo.sends(
    `<presence type='subscribe' to='juliet@bix.org/balcony' id='s'><status>pray</status></presence>`,
  )
  await romeo.receives(push(romeo.jid, `jid='juliet@bix.org' subscription='none' ask='subscribe'`))
  await juliet.receives(
    `<presence type='subscribe' id='s' from='romeo@bix.org' to='juliet@bix.org'><status>pray</status></presence>`,
  )
  juliet.sends(`<presence type='subscribed' to='romeo@bix.org' id='g'/>`)
  await juliet.receives(push(juliet.jid, `jid='romeo@bix.org' subscription='from'`))
  await romeo.receivesAll(
    push(romeo.jid, `jid='juliet@bix.org' subscription='to'`),
    `<presence type='subscribed' id='g' from='juliet@bix.org' to='romeo@bix.org'/>`,
    `<presence from='juliet@bix.org/balcony' to='romeo@bix.org'/>`,
  )
  await calm(romeo, juliet)
  expect(state(p, 'romeo@bix.org', 'juliet@bix.org')).toBe('to')
  expect(state(p, 'juliet@bix.org', 'romeo@bix.org')).toBe('from')
})

describe('RFC 6121 Appendix A: the states as two accounts reach them', () => {
  type Step = ['romeo' | 'juliet', string]
  const ask: Step = ['romeo', romeoTo('subscribe')]
  const grant: Step = ['juliet', julietTo('subscribed')]
  const askBack: Step = ['juliet', julietTo('subscribe')]
  const grantBack: Step = ['romeo', romeoTo('subscribed')]
  const paths: [name: string, steps: Step[], romeo: string, juliet: string][] = [
    ['None', [], 'unknown', 'unknown'],
    ['None + Pending Out / Pending In', [ask], 'none ask', 'none pending unlisted'],
    ['None + Pending Out+In', [ask, askBack], 'none ask pending', 'none ask pending'],
    ['To / From', [ask, grant], 'to', 'from'],
    ['To + Pending In / From + Pending Out', [ask, grant, askBack], 'to pending', 'from ask'],
    ['Both', [ask, grant, askBack, grantBack], 'both', 'both'],
    ['denied', [ask, ['juliet', julietTo('unsubscribed')]], 'none', 'unknown'],
    ['withdrawn', [ask, ['romeo', romeoTo('unsubscribe')]], 'none', 'unknown'],
    ['cancelled by who granted', [ask, grant, ['juliet', julietTo('unsubscribed')]], 'none', 'none'],
    ['ended by who asked', [ask, grant, ['romeo', romeoTo('unsubscribe')]], 'none', 'none'],
    ['half of both', [ask, grant, askBack, grantBack, ['romeo', romeoTo('unsubscribe')]], 'from', 'to'],
    ['the other half', [ask, grant, askBack, grantBack, ['romeo', romeoTo('unsubscribed')]], 'to', 'from'],
    ['asked twice', [ask, ask], 'none ask', 'none pending unlisted'],
    ['asked again when granted', [ask, grant, ask], 'to', 'from'],
    ['a grant of nothing is a pre-approval', [grantBack], 'none approved', 'unknown'],
    ['a forged grant grants nothing', [['juliet', julietTo('subscribed')]], 'unknown', 'none approved'],
    ['pre-approved', [grant, ask], 'to', 'from'],
    [
      'pre-approved, then taken back',
      [grant, ['juliet', julietTo('unsubscribed')], ask],
      'none ask',
      'none pending',
    ],
  ]
  for (const [name, steps, romeoKnows, julietKnows] of paths)
    for (const online of [true, false])
      test(`${name}, ${online ? 'both there' : 'the other one away'}`, async () => {
        using p = play()
        const actors = {
          romeo: await p.online('romeo@bix.org/orchard'),
          juliet: await p.online('juliet@bix.org/balcony'),
        }
        for (const [who, xml] of steps) {
          if (!online) {
            // Only the one who speaks is available.
            const other = who === 'romeo' ? actors.juliet : actors.romeo
            other.sends(`<presence type='unavailable'/>`)
            await other.settles()
            actors[who].sends('<presence/>')
          }
          actors[who].sends(xml)
          await calm(actors.romeo, actors.juliet)
        }
        expect([
          state(p, 'romeo@bix.org', 'juliet@bix.org'),
          state(p, 'juliet@bix.org', 'romeo@bix.org'),
        ]).toEqual([romeoKnows, julietKnows])
      })
})

test('RFC 6121 §3.1.2: a request cannot be made in the name of another resource or twice seen', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  romeo.sends(romeoTo('subscribe') + romeoTo('subscribe'))
  await romeo.settles()
  await juliet.receives(`<presence type='subscribe' from='romeo@bix.org' to='juliet@bix.org'/>`)
  await juliet.hearsNothing()
})

test('RFC 6121 §3.1.3: a request waits for whoever is away and is shown at each login until answered', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(`<presence type='subscribe' to='juliet@bix.org'><status>pray</status></presence>`)
  await romeo.settles()
  const request = `<presence type='subscribe' from='romeo@bix.org' to='juliet@bix.org'><status>pray</status></presence>`
  for (const resource of ['balcony', 'chamber']) {
    const juliet = await p.bound(`juliet@bix.org/${resource}`)
    juliet.sends('<presence/>')
    await juliet.settles()
    expect(juliet.heard.map(String).filter((text) => text.includes('subscribe'))).toHaveLength(1)
    const shown = juliet.heard.find((el) => el.attrs.type === 'subscribe')
    if (shown) juliet.heard = [shown]
    await juliet.receives(request)
    // An update is no login.
    juliet.sends('<presence><show>away</show></presence>')
    await juliet.settles()
    expect(juliet.heard.some((el) => el.attrs.type === 'subscribe')).toBe(false)
    juliet.sends('</stream:stream>')
  }
  const juliet = await p.online('juliet@bix.org/last')
  juliet.sends(julietTo('unsubscribed'))
  await calm(juliet)
  juliet.sends(`<presence type='unavailable'/><presence/>`)
  await juliet.settles()
  expect(juliet.heard.some((el) => el.attrs.type === 'subscribe')).toBe(false)
})

test('a request larger than 4 KB is kept without its content', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  await p.account('juliet@bix.org')
  romeo.sends(
    `<presence type='subscribe' to='juliet@bix.org'><status>${'x'.repeat(5000)}</status></presence>`,
  )
  await romeo.settles()
  const juliet = await p.bound('juliet@bix.org/balcony')
  juliet.sends('<presence/>')
  await juliet.settles()
  const shown = juliet.heard.find((el) => el.attrs.type === 'subscribe')
  expect(shown?.children).toEqual([])
})

test('RFC 6121 §3.2.2: who loses a subscription sees every resource leave', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  romeo.sends(romeoTo('subscribe'))
  await calm(romeo, juliet)
  juliet.sends(julietTo('subscribed'))
  await calm(romeo, juliet)
  juliet.sends(julietTo('unsubscribed'))
  await romeo.receivesAll(
    push(romeo.jid, `jid='juliet@bix.org' subscription='none'`),
    `<presence type='unsubscribed' from='juliet@bix.org' to='romeo@bix.org'/>`,
    `<presence type='unavailable' from='juliet@bix.org/balcony' to='romeo@bix.org'/>`,
  )
})

test('RFC 6121 §3.4.2: a pre-approved request is granted unseen', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  juliet.sends(julietTo('subscribed'))
  await juliet.receives(push(juliet.jid, `jid='romeo@bix.org' subscription='none' approved='true'`))
  await romeo.hearsNothing()
  romeo.sends(romeoTo('subscribe'))
  await romeo.receivesAll(
    push(romeo.jid, `jid='juliet@bix.org' subscription='none' ask='subscribe'`),
    push(romeo.jid, `jid='juliet@bix.org' subscription='to'`),
    `<presence type='subscribed' from='juliet@bix.org' to='romeo@bix.org'/>`,
    `<presence from='juliet@bix.org/balcony' to='romeo@bix.org'/>`,
  )
  await juliet.receives(push(juliet.jid, `jid='romeo@bix.org' subscription='from'`))
  await juliet.hearsNothing()
})

test('RFC 6121 §2.5.2: removing a contact ends both directions', async () => {
  using p = play()
  const [romeo, juliet] = await both(p)
  for (const [who, xml] of [
    [romeo, romeoTo('subscribe')],
    [juliet, julietTo('subscribed')],
    [juliet, julietTo('subscribe')],
    [romeo, romeoTo('subscribed')],
  ] as const) {
    who.sends(xml)
    await calm(romeo, juliet)
  }
  romeo.sends(
    `<iq type='set' id='x'><query xmlns='jabber:iq:roster'><item jid='juliet@bix.org' subscription='remove'/></query></iq>`,
  )
  await juliet.receivesAll(
    push(juliet.jid, `jid='romeo@bix.org' subscription='to'`),
    push(juliet.jid, `jid='romeo@bix.org' subscription='none'`),
    `<presence type='unsubscribe' from='romeo@bix.org' to='juliet@bix.org'/>`,
    `<presence type='unsubscribed' from='romeo@bix.org' to='juliet@bix.org'/>`,
    `<presence type='unavailable' from='romeo@bix.org/orchard' to='juliet@bix.org'/>`,
  )
  await calm(romeo, juliet)
  expect(state(p, 'romeo@bix.org', 'juliet@bix.org')).toBe('unknown')
  expect(state(p, 'juliet@bix.org', 'romeo@bix.org')).toBe('none')
})

test('RFC 6121 §8.5.1: a request to nobody leaves the sender waiting and says nothing', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(PRESENCE('subscribe', 'nobody@bix.org'))
  await romeo.receives(push(romeo.jid, `jid='nobody@bix.org' subscription='none' ask='subscribe'`))
  await romeo.hearsNothing()
})

test('one’s own presence, a host and another domain cannot be subscribed to', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  romeo.sends(PRESENCE('subscribe', 'romeo@bix.org'))
  await romeo.hearsNothing()
  romeo.sends(PRESENCE('subscribe', 'bix.org'))
  await romeo.hearsError('bad-request')
  romeo.sends(`<presence type='subscribe'/>`)
  await romeo.hearsError('bad-request')
  romeo.sends(PRESENCE('subscribe', 'nurse@elsewhere.example'))
  await romeo.hearsError('remote-server-not-found')
  expect(state(p, 'romeo@bix.org', 'nurse@elsewhere.example')).toBe('unknown')
})
