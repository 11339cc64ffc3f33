import { describe, expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { announces } from '../support/caps.ts'
import { item, publishes } from '../support/pubsub.ts'
import { type Play, play } from '../support/world.ts'

const CSI = 'urn:xmpp:csi:0'
const STATES = 'http://jabber.org/protocol/chatstates'
const SM = 'urn:xmpp:sm:3'
const to = `to='juliet@bix.org' type='chat'`

/** Romeo and juliet see each other; her app is in the background. */
async function stage(p: Play): Promise<{ romeo: Actor; juliet: Actor }> {
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/phone')
  romeo.sends(`<presence to='juliet@bix.org' type='subscribe'/>`)
  await romeo.settles()
  juliet.sends(`<presence to='romeo@bix.org' type='subscribed'/>`)
  juliet.sends(`<presence to='romeo@bix.org' type='subscribe'/>`)
  await juliet.settles()
  romeo.sends(`<presence to='juliet@bix.org' type='subscribed'/>`)
  await romeo.settles()
  juliet.sends(`<inactive xmlns='${CSI}'/>`)
  await juliet.settles()
  juliet.forget()
  return { romeo, juliet }
}

const shows = (actor: Actor) =>
  actor.heard.filter(({ name }) => name === 'presence').map((el) => child(el, 'show')?.getText() ?? '')

test('XEP-0352 §4.1: it is offered once a client has logged in', async () => {
  using p = play()
  await p.account('juliet@bix.org')
  const juliet = p.connect()
  expect(child(await juliet.opens(), 'csi', CSI)).toBeUndefined()
  await juliet.authenticates('juliet')
  expect(child(await juliet.opens(), 'csi', CSI)).toBeDefined()
})

describe('in the background', () => {
  test('XEP-0352 §5: presence and typing wait, the newest of a sender, until the app is back', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    romeo.sends(`<presence><show>away</show></presence><presence><show>dnd</show></presence>`)
    romeo.sends(`<message ${to}><composing xmlns='${STATES}'/></message>`)
    romeo.sends(`<message ${to}><paused xmlns='${STATES}'/></message>`)
    await romeo.settles()
    await juliet.hearsNothing()
    juliet.sends(`<active xmlns='${CSI}'/>`)
    await juliet.settles()
    expect(shows(juliet)).toEqual(['dnd'])
    const states = juliet.heard.filter(({ name }) => name === 'message')
    expect(states.map((el) => child(el, 'paused', STATES) !== undefined)).toEqual([true])
    juliet.forget()
    romeo.sends(`<presence><show>xa</show></presence>`)
    await romeo.settles()
    expect(shows(juliet)).toEqual(['xa'])
  })

  const urgent: [string, string][] = [
    ['a message', `<message ${to}><body>hist!</body></message>`],
    [
      'an encrypted message',
      `<message ${to}><encrypted xmlns='urn:xmpp:omemo:2'><payload/></encrypted></message>`,
    ],
    ['a call', `<message ${to}><propose xmlns='urn:xmpp:jingle-message:0' id='c'/></message>`],
    ['the end of a call', `<message ${to}><retract xmlns='urn:xmpp:jingle-message:0' id='c'/></message>`],
    ['an error', `<message to='juliet@bix.org/phone' type='error'><error type='cancel'/></message>`],
    ['a request', `<iq to='juliet@bix.org/phone' type='get' id='q'><query xmlns='jabber:iq:version'/></iq>`],
  ]
  for (const [what, xml] of urgent)
    test(`XEP-0352 §5: ${what} comes at once`, async () => {
      using p = play()
      const { romeo, juliet } = await stage(p)
      romeo.sends(xml)
      await romeo.settles()
      expect(juliet.heard.map(({ name }) => name)).toHaveLength(1)
    })

  test('what has waited comes before the message, in order', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    romeo.sends(`<presence><show>dnd</show></presence><message ${to}><body>hist!</body></message>`)
    await romeo.settles()
    expect(juliet.heard.map(({ name }) => name)).toEqual(['presence', 'message'])
  })

  test('answers do not wake what waits', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    romeo.sends('<presence><show>dnd</show></presence>')
    await romeo.settles()
    await juliet.settles()
    expect(juliet.heard).toEqual([])
  })

  test('XEP-0352 §5: a copy of what rings comes at once, one of what another client sent waits', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    await juliet.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
    const desk = await p.online('juliet@bix.org/desk')
    await romeo.settles()
    juliet.forget()
    const copies = (direction: string) =>
      juliet.heard.filter((el) => child(el, direction, 'urn:xmpp:carbons:2')).length
    desk.sends(`<message to='romeo@bix.org' type='chat'><body>from my desk</body></message>`)
    await desk.settles()
    expect(copies('sent')).toBe(0)
    romeo.sends(
      `<message to='${desk.jid}' type='chat'><received xmlns='urn:xmpp:receipts' id='m'/></message>`,
    )
    await romeo.settles()
    expect(copies('received')).toBe(0)
    romeo.sends(`<message to='${desk.jid}' type='chat'><body>hist!</body></message>`)
    await romeo.settles()
    // In order: what waited comes before it.
    expect([copies('sent'), copies('received')]).toEqual([1, 2])
  })

  test('XEP-0352 §5: of what others publish the newest of each item waits; a request for a subscription does not', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    await announces(juliet, 'tune+notify')
    juliet.sends(`<inactive xmlns='${CSI}'/>`)
    await juliet.settles()
    juliet.forget()
    for (const [id, text] of [
      ['a', 'first'],
      ['a', 'second'],
      ['b', 'third'],
    ] as const)
      await publishes(romeo, 'tune', item(id, text))
    await juliet.settles()
    expect(juliet.heard).toEqual([])
    juliet.sends(`<active xmlns='${CSI}'/>`)
    await juliet.settles()
    const texts = juliet.heard.map(String).flatMap((text) => /(first|second|third)/.exec(text)?.[0] ?? [])
    expect(texts).toEqual(['second', 'third'])
    juliet.forget()
    juliet.sends(`<inactive xmlns='${CSI}'/>`)
    const tybalt = await p.online('tybalt@bix.org/street')
    tybalt.sends(`<presence to='juliet@bix.org' type='subscribe'/>`)
    await tybalt.settles()
    await juliet.receives(`<presence from='tybalt@bix.org' to='juliet@bix.org' type='subscribe'/>`)
  })

  test('XEP-0352 §5: what waited offline comes whole, also page after page', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    for (let i = 0; i < 130; i++) romeo.sends(`<message ${to}><body>${i}</body></message>`)
    await romeo.settles()
    const juliet = await p.bound('juliet@bix.org/phone')
    juliet.sends(`<inactive xmlns='${CSI}'/><presence/>`)
    await juliet.settles()
    await juliet.settles()
    const bodies = juliet.heard.map((el) => child(el, 'body')?.getText()).filter((body) => body !== undefined)
    expect(bodies).toEqual(Array.from({ length: 130 }, (_, i) => String(i)))
  })

  test('XEP-0334 §4, XEP-0352 §5: a state that its sender wants to be stored gives way to no newer one', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    const state = (name: string) => `<${name} xmlns='http://jabber.org/protocol/chatstates'/>`
    romeo.sends(`<message ${to} id='1'>${state('gone')}<store xmlns='urn:xmpp:hints'/></message>`)
    romeo.sends(`<message ${to} id='2'>${state('composing')}</message>`)
    romeo.sends(`<message ${to} id='3'>${state('paused')}</message>`)
    await romeo.settles()
    juliet.sends(`<active xmlns='${CSI}'/>`)
    await juliet.settles()
    expect(juliet.heard.map(({ attrs }) => attrs.id)).toEqual(['1', '3'])
  })

  test('XEP-0352 §5, XEP-0313 §4.2: history that is asked for comes before its end, and wakes nothing', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    romeo.sends(`<message ${to}><body>hist!</body></message>`)
    await romeo.settles()
    romeo.sends('<presence><show>dnd</show></presence>')
    await romeo.settles()
    juliet.forget()
    juliet.sends(`<iq type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>`)
    expect(child(await juliet.next(), 'result', 'urn:xmpp:mam:2')).toBeDefined()
    expect((await juliet.next()).attrs.id).toBe('q')
    await juliet.hearsNothing()
  })

  test('limits.csi_queue: more than that is not kept back', async () => {
    using p = play({ toml: '[limits]\nrates = false\ncsi_queue = 3' })
    const { romeo, juliet } = await stage(p)
    const receipt = (id: number) =>
      `<message ${to}><received xmlns='urn:xmpp:receipts' id='${id}'/></message>`
    romeo.sends([1, 2, 3].map(receipt).join(''))
    await romeo.settles()
    expect(juliet.heard).toEqual([])
    romeo.sends(receipt(4))
    await romeo.settles()
    expect(juliet.heard).toHaveLength(4)
  })

  test('a receipt that waits when the connection dies is not lost', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    romeo.sends(`<message ${to}><received xmlns='urn:xmpp:receipts' id='m'/></message>`)
    await romeo.settles()
    juliet.transport.destroy()
    await romeo.settles()
    const back = await p.bound('juliet@bix.org/phone')
    back.sends('<presence/>')
    expect(child(await back.next(), 'received', 'urn:xmpp:receipts')).toBeDefined()
  })
})

test('XEP-0352 §6: nobody else learns of it', async () => {
  using p = play()
  const { romeo, juliet } = await stage(p)
  romeo.forget()
  juliet.sends(`<active xmlns='${CSI}'/><inactive xmlns='${CSI}'/>`)
  await juliet.settles()
  await romeo.hearsNothing()
})

test('XEP-0352 §5.1: a resumed session is active, and gets what waited while it was away', async () => {
  using p = play()
  const { romeo, juliet } = await stage(p)
  juliet.sends(`<enable xmlns='${SM}' resume='true'/>`)
  const { id } = (await juliet.next()).attrs
  juliet.transport.destroy()
  romeo.sends(`<presence><show>away</show></presence><presence><show>dnd</show></presence>`)
  await romeo.settles()
  const back = await p.returns('juliet@bix.org')
  back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
  await back.settles()
  expect(shows(back)).toEqual(['dnd'])
  romeo.sends('<presence><show>xa</show></presence>')
  await romeo.settles()
  expect(shows(back)).toEqual(['dnd', 'xa'])
})

test('RFC 6120 §10.1: a conversation that goes on while a session is away keeps its order', async () => {
  using p = play()
  const { romeo, juliet } = await stage(p)
  const desk = await p.online('juliet@bix.org/desk')
  await juliet.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
  juliet.sends(`<enable xmlns='${SM}' resume='true'/>`)
  await juliet.settles()
  const { id } = juliet.heard.find(({ name }) => name === 'enabled')?.attrs ?? {}
  juliet.transport.destroy()
  const says = async (one: Actor, xml: string) => {
    one.sends(xml)
    await one.settles()
  }
  await says(romeo, '<presence><show>dnd</show></presence>')
  await says(romeo, `<message ${to} id='1'><body>Shall I hear more?</body></message>`)
  await says(desk, `<message to='romeo@bix.org' type='chat' id='2'><body>'Tis but thy name</body></message>`)
  await says(romeo, `<message ${to} id='3'><body>I take thee at thy word</body></message>`)
  const back = await p.returns('juliet@bix.org')
  back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
  await back.settles()
  const told = back.heard.map((el) => /id="(\d)"/.exec(el.toString())?.[1] ?? el.name)
  // What the contacts show may wait: the desk's is the other one.
  const all = ['1', '2', '3', 'presence', 'presence']
  expect(told.filter((one) => all.includes(one))).toEqual(all)
})

test('RFC 6121 §4.5: what a client had not heard when it went away is not told as news when it is back', async () => {
  using p = play()
  const { romeo, juliet } = await stage(p)
  romeo.sends('<presence><show>dnd</show></presence>')
  await romeo.settles()
  juliet.sends(`<presence type='unavailable'/>`)
  await juliet.settles()
  romeo.sends('</stream:stream>')
  await juliet.settles()
  juliet.sends(`<presence/><active xmlns='${CSI}'/>`)
  await juliet.settles()
  expect(shows(juliet)).not.toContain('dnd')
})
