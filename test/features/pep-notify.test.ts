import { expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import { announces, c, inner, listeners, news, told, verOf } from '../support/caps.ts'
import {
  befriend,
  configuration,
  EVENT,
  fetches,
  friends,
  item,
  owner,
  publishes,
  pubsub,
  tuned,
} from '../support/pubsub.ts'
import { play } from '../support/world.ts'

const JULIET = 'juliet@bix.org'

test('XEP-0163 §4.3.1: news come from the bare JID to the full one, as a headline', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a', 'Finzi'))
  await romeo.receives(
    `<message from='juliet@bix.org' to='romeo@bix.org/orchard' type='headline' id='{any}'>` +
      `<event xmlns='${EVENT}'><items node='tune'><item id='a'><tune xmlns='urn:t'>Finzi</tune></item></items></event></message>`,
  )
  await romeo.hearsNothing()
})

test('XEP-0163 §4.2, XEP-0060 §9.2: only the nodes that a client asks for, and only who asks', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  const tablet = await p.online('romeo@bix.org/tablet')
  await publishes(juliet, 'mood', item('a'))
  await publishes(juliet, 'tune', item('b'))
  expect(await news(romeo)).toEqual([told('tune', 'b')])
  expect(await news(tablet)).toEqual([])
  expect(await news(juliet)).toEqual([])
})

test('XEP-0163 §4.1, XEP-0060 §9.1.1: the account’s own clients hear it too, the publishing one included', async () => {
  using p = play()
  const { juliet } = await friends(p)
  const phone = await p.online('juliet@bix.org/phone')
  for (const actor of [juliet, phone]) await announces(actor, 'tune+notify', 'secret+notify')
  await publishes(juliet, 'secret', item('a'), { access_model: 'whitelist' })
  expect(await news(juliet)).toEqual([told('secret', 'a')])
  expect(await news(phone)).toEqual([told('secret', 'a')])
})

test('XEP-0163 §4, XEP-0060 §9.1.2: a contact hears only of what it may read, a stranger of nothing', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  const tybalt = await p.online('tybalt@bix.org/phone')
  await announces(tybalt, 'tune+notify')
  await publishes(juliet, 'tune', item('a'), { access_model: 'whitelist' })
  expect(await news(romeo)).toEqual([])
  await juliet.asks('set', configuration('tune', { access_model: 'open' }))
  await publishes(juliet, 'tune', item('b'))
  expect(await news(romeo)).toEqual([told('tune', 'b')])
  expect(await news(tybalt)).toEqual([])
})

test('XEP-0163 §4.3.3: whoever is blocked hears nothing', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await juliet.asks('set', `<block xmlns='urn:xmpp:blocking'><item jid='romeo@bix.org'/></block>`)
  await publishes(juliet, 'tune', item('a'))
  expect(await news(romeo)).toEqual([])
})

test('XEP-0163 §7.1: a lost presence subscription ends the news, and explicit subscriptions as well', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a'))
  await romeo.asks('set', pubsub(`<subscribe node='tune' jid='romeo@bix.org'/>`), JULIET)
  juliet.sends(`<presence to='romeo@bix.org' type='unsubscribed'/>`)
  await juliet.settles()
  await news(romeo)
  await publishes(juliet, 'tune', item('b'))
  expect(await news(romeo)).toEqual([])
  const list = await juliet.asks('get', owner(`<subscriptions node='tune'/>`))
  expect(list.toString()).not.toContain('romeo')
})

const ROSTER = 'jabber:iq:roster'
for (const [what, loses, regains] of [
  [
    'the owner takes it away',
    { juliet: `<presence to='romeo@bix.org' type='unsubscribed'/>` },
    {
      romeo: `<presence to='${JULIET}' type='subscribe'/>`,
      juliet: `<presence to='romeo@bix.org' type='subscribed'/>`,
    },
  ],
  [
    'the contact gives it up',
    { romeo: `<presence to='${JULIET}' type='unsubscribe'/>` },
    {
      romeo: `<presence to='${JULIET}' type='subscribe'/>`,
      juliet: `<presence to='romeo@bix.org' type='subscribed'/>`,
    },
  ],
  [
    'the contact leaves the roster',
    {
      juliet: `<iq type='set' id='r'><query xmlns='${ROSTER}'><item jid='romeo@bix.org' subscription='remove'/></query></iq>`,
    },
    {
      romeo: `<presence to='${JULIET}' type='subscribe'/>`,
      juliet: `<presence to='romeo@bix.org' type='subscribed'/>`,
    },
  ],
] as const)
  test(`XEP-0163 §7.1: a subscription ends with the right to read: ${what}`, async () => {
    using p = play()
    const { romeo, juliet } = await friends(p)
    const says = async (lines: { readonly romeo?: string; readonly juliet?: string }) => {
      for (const [who, xml] of [
        [romeo, lines.romeo],
        [juliet, lines.juliet],
      ] as const)
        if (xml !== undefined) {
          who.sends(xml)
          await who.settles()
        }
    }
    for (const access_model of ['presence', 'open']) {
      await publishes(juliet, access_model, item('a'), { access_model })
      await romeo.asks('set', pubsub(`<subscribe node='${access_model}' jid='romeo@bix.org'/>`), JULIET)
    }
    const subscribers = async (node: string) =>
      (await juliet.asks('get', owner(`<subscriptions node='${node}'/>`))).toString()
    expect(await subscribers('presence')).toContain('romeo')
    await says(loses)
    expect(await subscribers('presence')).not.toContain('romeo')
    await says(regains)
    expect(await subscribers('presence')).not.toContain('romeo')
    expect(await subscribers('open')).toContain('romeo')
  })

test('XEP-0163 §7.1: a subscription ends when its holder is moved to another group', async () => {
  using p = play()
  const { romeo, juliet } = await friends(p)
  const groups = (inner: string) =>
    juliet.asks('set', `<query xmlns='${ROSTER}'><item jid='romeo@bix.org'>${inner}</item></query>`)
  await groups('<group>Family</group>')
  await publishes(juliet, 'tune', item('a'), { access_model: 'roster', roster_groups_allowed: 'Family' })
  await romeo.asks('set', pubsub(`<subscribe node='tune' jid='romeo@bix.org/orchard'/>`), JULIET)
  const subscribers = async () => (await juliet.asks('get', owner(`<subscriptions node='tune'/>`))).toString()
  await groups('<group>Family</group><group>Friends</group>')
  expect(await subscribers()).toContain('romeo')
  await groups('<group>Friends</group>')
  expect(await subscribers()).not.toContain('romeo')
})

test('XEP-0060 §8.2.5.1, XEP-0163 §7.1: options that close a node end the subscriptions of those who lose it', async () => {
  using p = play()
  const { romeo, juliet } = await tuned(p)
  for (const actor of [romeo, juliet])
    await actor.asks('set', pubsub(`<subscribe node='tune' jid='${actor.jid}'/>`), JULIET)
  await juliet.asks('set', configuration('tune', { access_model: 'whitelist' }))
  await juliet.asks('set', configuration('tune', { access_model: 'open' }))
  const list = (await juliet.asks('get', owner(`<subscriptions node='tune'/>`))).toString()
  expect(list).toContain('juliet@bix.org/balcony')
  expect(list).not.toContain('romeo')
})

test('XEP-0060 §7.2.2.1, §8.4.2, §8.5.2: retraction, purge and deletion are told', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a'))
  await news(romeo)
  await juliet.asks('set', pubsub(`<retract node='tune'><item id='a'/></retract>`))
  expect(await news(romeo)).toEqual([`<items node="tune"><retract id="a"/></items>`])
  await juliet.asks('set', owner(`<purge node='tune'/>`))
  expect(await news(romeo)).toEqual([`<purge node="tune"/>`])
  await juliet.asks('set', owner(`<delete node='tune'/>`))
  expect(await news(romeo)).toEqual([`<delete node="tune"/>`])
})

test('XEP-0060 §8.2, §7.2.2.1: what is told follows the options, and notify asks for it at once', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a'), {
    max_items: '5',
    notify_retract: '0',
    notify_delete: '0',
    notify_config: '1',
    deliver_payloads: '0',
  })
  await publishes(juliet, 'tune', item('b'))
  expect(await news(romeo)).toEqual(['a', 'b'].map((id) => `<items node="tune"><item id="${id}"/></items>`))
  await juliet.asks('set', pubsub(`<retract node='tune'><item id='a'/></retract>`))
  await juliet.asks('set', pubsub(`<retract node='tune' notify='true'><item id='b'/></retract>`))
  expect(await news(romeo)).toEqual([`<items node="tune"><retract id="b"/></items>`])
  await juliet.asks('set', configuration('tune', { title: 'T' }))
  expect(await news(romeo)).toEqual([`<configuration node="tune"/>`])
  await juliet.asks('set', configuration('tune', { deliver_notifications: '0' }))
  await publishes(juliet, 'tune', item('c'))
  await juliet.asks('set', owner(`<delete node='tune'/>`))
  expect(await news(romeo)).toEqual([])
})

test('XEP-0060 §4.3: an item of a node that keeps none is told all the same', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a'), { persist_items: '0' })
  expect(await news(romeo)).toEqual([told('tune', 'a')])
  await juliet.isRefused('feature-not-implemented', 'get', pubsub(`<items node='tune'/>`))
})

test('XEP-0163 §4.3.4: a client that appears hears the last items, with their time, once', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a'), { max_items: '2' })
  await publishes(juliet, 'tune', item('b'))
  await publishes(juliet, 'quiet', item('q'), { send_last_published_item: 'never' })
  await news(romeo)
  const phone = await p.online('romeo@bix.org/phone')
  await announces(phone, 'tune+notify', 'quiet+notify')
  const last = phone.heard.filter((el) => child(el, 'event', EVENT))
  expect(last.map(inner)).toEqual([told('tune', 'b')])
  expect(last[0] && child(last[0], 'delay', 'urn:xmpp:delay')?.attrs.stamp).toMatch(/^2026-01-01T/)
  phone.forget()
  // §4.3.3: no further presence sets it off again.
  phone.sends(`<presence>${c(verOf(['tune+notify', 'quiet+notify']))}<show>away</show></presence>`)
  expect(await news(phone)).toEqual([])
  // After unavailable it is initial again.
  phone.sends(
    `<presence type='unavailable'/><presence>${c(verOf(['tune+notify', 'quiet+notify']))}</presence>`,
  )
  expect(await news(phone)).toEqual([told('tune', 'b')])
})

test('XEP-0163 §4.3.4: a client that newly wants a node hears its last item, and not the others again', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a'))
  await publishes(juliet, 'mood', item('b'))
  await news(romeo)
  await announces(romeo, 'tune+notify', 'mood+notify')
  expect(await news(romeo)).toEqual([told('mood', 'b')])
  await announces(romeo)
  await publishes(juliet, 'tune', item('c'))
  expect(await news(romeo)).toEqual([])
})

test('XEP-0163 §4.3.4: last items of many contacts come in several turns', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  for (let i = 0; i < 52; i++) {
    const other = await p.online(`c${i}@bix.org/x`)
    await befriend(romeo, other)
    await publishes(other, 'tune', item(`i${i}`))
    await romeo.settles()
  }
  romeo.forget()
  await announces(romeo, 'tune+notify')
  for (let i = 0; i < 5; i++) await romeo.settles()
  expect(await news(romeo)).toHaveLength(52)
})

test('XEP-0060 §9.1: a granted presence subscription brings the last items', async () => {
  using p = play()
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/balcony')
  await announces(romeo, 'tune+notify')
  await publishes(juliet, 'tune', item('a'))
  romeo.sends(`<presence to='juliet@bix.org' type='subscribe'/>`)
  await romeo.settles()
  expect(await news(romeo)).toEqual([])
  juliet.sends(`<presence to='romeo@bix.org' type='subscribed'/>`)
  await juliet.settles()
  expect(await news(romeo)).toEqual([told('tune', 'a')])
  juliet.sends(`<presence to='romeo@bix.org' type='subscribed'/>`)
  await juliet.settles()
  expect(await news(romeo)).toEqual([])
})

test('XEP-0060 §6.1: who subscribed hears it without capabilities, once, and the last item at once', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const tybalt = await p.online('tybalt@bix.org/phone')
  await publishes(juliet, 'tune', item('a'), { access_model: 'open' })
  await tybalt.asks('set', pubsub(`<subscribe node='tune' jid='tybalt@bix.org'/>`), JULIET)
  expect(await news(tybalt)).toEqual([told('tune', 'a')])
  await announces(tybalt, 'tune+notify')
  await publishes(juliet, 'tune', item('b'))
  expect(await news(tybalt)).toEqual([told('tune', 'b')])
  await tybalt.asks('set', pubsub(`<unsubscribe node='tune' jid='tybalt@bix.org'/>`), JULIET)
  await publishes(juliet, 'tune', item('c'))
  expect(await news(tybalt)).toEqual([])
})

test('case 61: news are neither archived nor kept for later nor pushed', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a'), { access_model: 'open' })
  await romeo.asks('set', pubsub(`<subscribe node='tune' jid='romeo@bix.org'/>`), JULIET)
  romeo.sends(`<presence type='unavailable'/>`)
  await news(romeo)
  const archived = () => p.store.db.raw.query<{ n: number }, []>('SELECT count(*) AS n FROM archive').get()?.n
  await publishes(juliet, 'tune', item('b'))
  expect(await news(romeo)).toEqual([])
  expect(archived()).toBe(0)
  expect(p.store.messages.totalOffline()).toBe(0)
  expect(p.pushed).toEqual([])
})

test('case 61: an event that a client makes up never reaches another', async () => {
  using p = play()
  const { romeo } = await friends(p)
  const tybalt = await p.online('tybalt@bix.org/phone')
  const fake = `<event xmlns='${EVENT}'><items node='tune'><item id='x'/></items></event>`
  tybalt.sends(`<message to='romeo@bix.org/orchard' type='headline'>${fake}</message>`)
  await tybalt.hearsError('not-allowed')
  tybalt.sends(`<message to='romeo@bix.org/orchard' type='error'>${fake}</message>`)
  await tybalt.hearsNothing()
  await romeo.hearsNothing()
  tybalt.sends(`<message from='juliet@bix.org' to='romeo@bix.org/orchard' type='headline'>${fake}</message>`)
  await tybalt.isCutOff('invalid-from')
  await romeo.hearsNothing()
})

test('case 61: an answer to news goes nowhere, so that no loop begins', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await announces(juliet, 'tune+notify')
  await news(romeo)
  await publishes(juliet, 'tune', item('a'))
  const event = await romeo.next()
  romeo.sends(
    `<message type='error' id='${event.attrs.id}' to='juliet@bix.org'><error type='cancel'>` +
      `<service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>`,
  )
  await romeo.hearsNothing()
  expect(await news(juliet)).toEqual([told('tune', 'a')])
})

test('a commit that fails publishes nothing and tells nobody', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  const mend = p.commitsFail()
  const answer = await juliet.asks('set', pubsub(`<publish node='tune'>${item('a')}</publish>`))
  expect(answer.attrs.type).toBe('error')
  mend()
  expect(await news(romeo)).toEqual([])
  await publishes(juliet, 'tune', item('b'))
  expect(await news(romeo)).toEqual([told('tune', 'b')])
  expect(await fetches(romeo, `<items node='tune'/>`, JULIET)).toEqual(['b'])
})

test('XEP-0163 §4: who is in the roster but does not see the presence hears nothing of an open node', async () => {
  using p = play()
  const juliet = await p.online('juliet@bix.org/balcony')
  const romeo = await p.online('romeo@bix.org/orchard')
  await announces(romeo, 'tune+notify')
  await juliet.asks('set', `<query xmlns='jabber:iq:roster'><item jid='romeo@bix.org'/></query>`)
  await publishes(juliet, 'tune', item('a'), { access_model: 'open' })
  expect(await news(romeo)).toEqual([])
})

test('XEP-0163 §4.3.2: a contact that subscribed as well hears it once, at the address that it named', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  await publishes(juliet, 'tune', item('a'))
  for (const jid of ['romeo@bix.org', 'romeo@bix.org/orchard']) {
    await romeo.asks('set', pubsub(`<subscribe node='tune' jid='${jid}'/>`), JULIET)
    await news(romeo)
    await publishes(juliet, 'tune', item('b'))
    expect(await news(romeo)).toEqual([told('tune', 'b')])
    await romeo.asks('set', pubsub(`<unsubscribe node='tune' jid='${jid}'/>`), JULIET)
  }
})

test('XEP-0163 §4.3.2: who subscribed by the bare address hears it where it is wanted, else wherever he is', async () => {
  using p = play()
  const { romeo, juliet } = await listeners(p)
  const tablet = await p.online('romeo@bix.org/tablet')
  await publishes(juliet, 'tune', item('a'))
  await publishes(juliet, 'mood', item('a'))
  for (const node of ['tune', 'mood'])
    await romeo.asks('set', pubsub(`<subscribe node='${node}' jid='romeo@bix.org'/>`), JULIET)
  for (const actor of [romeo, tablet]) await news(actor)
  await publishes(juliet, 'tune', item('b'))
  const heard = await romeo.next()
  expect([heard.attrs.to, inner(heard)]).toEqual([romeo.jid, told('tune', 'b')])
  expect(await news(tablet)).toEqual([])
  // No client wants that one, and still he subscribed.
  await publishes(juliet, 'mood', item('b'))
  expect(await news(romeo)).toEqual([told('mood', 'b')])
  expect(await news(tablet)).toEqual([told('mood', 'b')])
})
