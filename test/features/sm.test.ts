import { describe, expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import { chat, cut, enables, rows, SM, stage, takesBodies, untilAsked } from '../support/sm.ts'
import { play } from '../support/world.ts'

const TOKEN = 'ab'.repeat(32)
const PUSH =
  '[push]\n[[push.apps]]\ntopic = "org.bix.chat"\n' +
  'team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"'

describe('negotiation', () => {
  test('XEP-0198 §3: it is offered once a client has logged in', async () => {
    using p = play()
    await p.account('juliet@bix.org')
    const juliet = p.connect()
    expect(child(await juliet.opens(), 'sm', SM)).toBeUndefined()
    await juliet.authenticates('juliet')
    expect(child(await juliet.opens(), 'sm', SM)).toBeDefined()
  })

  test('XEP-0198 §3: before login or binding it is refused and the stream goes on', async () => {
    using p = play()
    await p.account('juliet@bix.org')
    const juliet = p.connect()
    const refused = `<failed xmlns='${SM}'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`
    await juliet.opens()
    juliet.sends(`<enable xmlns='${SM}'/>`)
    await juliet.receives(refused)
    await juliet.authenticates('juliet')
    await juliet.opens()
    juliet.sends(`<enable xmlns='${SM}'/>`)
    await juliet.receives(refused)
    juliet.sends(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`)
    await juliet.answer('b')
  })

  test('XEP-0198 §3: without resume there is no id, and acks all the same', async () => {
    using p = play()
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.sends(`<enable xmlns='${SM}'/>`)
    await juliet.receives(`<enabled xmlns='${SM}'/>`)
    juliet.sends(`<r xmlns='${SM}'/>`)
    await juliet.receives(`<a xmlns='${SM}' h='0'/>`)
  })

  test('XEP-0198 §10: before login nothing is resumed', async () => {
    using p = play()
    const { juliet, id } = await stage(p)
    cut(juliet)
    const thief = p.connect()
    await thief.opens()
    thief.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
    await thief.receives(
      `<failed xmlns='${SM}'><unexpected-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
    )
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
  })

  test('XEP-0198 §3, case 57: a second attempt ends the stream', async () => {
    using p = play()
    const { juliet } = await stage(p)
    juliet.sends(`<enable xmlns='${SM}'/>`)
    await juliet.isCutOff('policy-violation')
  })

  const wishes: [attrs: string, device: boolean, max: string][] = [
    [`resume='true'`, false, '600'],
    [`resume='1' max='60'`, false, '60'],
    [`resume='true' max='999999'`, false, '600'],
    [`resume='true'`, true, '86400'],
    [`resume='true' max='120'`, true, '120'],
  ]
  for (const [attrs, device, max] of wishes)
    test(`XEP-0198 §3: ${attrs} ${device ? 'with' : 'without'} a device is granted ${max} s`, async () => {
      using p = play({ toml: PUSH })
      const juliet = await p.online('juliet@bix.org/balcony')
      if (device)
        await juliet.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${TOKEN}'/>`)
      expect((await enables(juliet, attrs)).attrs.max).toBe(max)
    })
})

describe('acks', () => {
  test('XEP-0198 §4: h counts stanzas since enabling, whatever became of them, and nothing else', async () => {
    using p = play()
    const { juliet } = await stage(p)
    juliet.sends(`${chat('1', 'nobody@bix.org')} <message to='@@'/><presence/><r xmlns='${SM}'/>`)
    await juliet.hearsError('service-unavailable')
    await juliet.hearsError('jid-malformed')
    await juliet.receives(`<presence from='juliet@bix.org/balcony' to='juliet@bix.org/balcony'/>`)
    await juliet.receives(`<a xmlns='${SM}' h='3'/>`)
  })

  test('XEP-0198 §4: what is not on disk is not acknowledged as done but refused, which is handling it', async () => {
    using p = play()
    const { romeo } = await stage(p)
    await enables(romeo)
    const mend = p.commitsFail()
    romeo.sends(`${chat('lost?')}<r xmlns='${SM}'/>`)
    await romeo.hearsError('resource-constraint')
    await romeo.receives(`<a xmlns='${SM}' h='1'/>`)
    mend()
  })

  test('XEP-0198 §6, case 57: a client that claims more than it was sent is told so and cut off', async () => {
    for (const h of ['1', '4294967295']) {
      using p = play()
      const { juliet } = await stage(p)
      juliet.sends(`<a xmlns='${SM}' h='${h}'/>`)
      const error = await juliet.isCutOff('undefined-condition')
      const app = child(error, 'handled-count-too-high', SM)
      expect(app?.attrs).toMatchObject({ h, 'send-count': '0' })
    }
  })

  for (const h of ['', 'x', '-1', '4294967296', '1.5'])
    test(`XEP-0198 §4, case 57: h='${h}' is no count`, async () => {
      using p = play()
      const { juliet } = await stage(p)
      juliet.sends(`<a xmlns='${SM}' h='${h}'/>`)
      await juliet.isCutOff('policy-violation')
    })

  test('a message is asked for at once, kept until it is acknowledged, and gone then', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    romeo.sends(chat('hist!'))
    await untilAsked(juliet)
    expect(takesBodies(juliet)).toEqual(['hist!'])
    expect(rows(p, 'in_flight = 1')).toBe(1)
    juliet.sends(`<a xmlns='${SM}' h='1'/>`)
    await juliet.settles()
    expect(rows(p, '1')).toBe(0)
  })

  test('an ack of a failing turn is not taken: the message stays', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    romeo.sends(chat('hist!'))
    await untilAsked(juliet)
    const mend = p.commitsFail()
    juliet.sends(`<a xmlns='${SM}' h='1'/>`)
    await juliet.settles()
    mend()
    await juliet.settles()
    expect(rows(p, '1')).toBe(1)
    juliet.sends(`<a xmlns='${SM}' h='1'/>`)
    await juliet.settles()
    expect(rows(p, '1')).toBe(0)
  })

  test('a count from before the last one changes nothing', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    romeo.sends(chat('hist!'))
    await untilAsked(juliet)
    juliet.sends(`<a xmlns='${SM}' h='1'/><a xmlns='${SM}' h='0'/>`)
    await juliet.settles()
    expect(rows(p, '1')).toBe(0)
  })
})

describe('resumption', () => {
  test('XEP-0198 §5: counters go on, and what was not acknowledged comes again in order', async () => {
    using p = play()
    const { romeo, juliet, id } = await stage(p)
    juliet.sends(chat('before', 'romeo@bix.org'))
    romeo.sends(chat('one') + chat('two'))
    await untilAsked(juliet)
    cut(juliet)
    romeo.sends(chat('three'))
    await romeo.settles()
    const back = await p.returns('juliet@bix.org', { ip: '198.51.100.7' })
    back.sends(`<resume xmlns='${SM}' previd='${id}' h='1'/>`)
    await back.receives(`<resumed xmlns='${SM}' previd='${id}' h='1'/>`)
    await untilAsked(back)
    expect(takesBodies(back)).toEqual(['two', 'three'])
    back.sends(`<a xmlns='${SM}' h='3'/>${chat('after', 'romeo@bix.org')}<r xmlns='${SM}'/>`)
    await back.receives(`<a xmlns='${SM}' h='2'/>`)
    await romeo.settles()
    expect(takesBodies(romeo)).toEqual(['before', 'after'])
    expect(rows(p, '1')).toBe(0)
  })

  test('XEP-0198 §5: contacts see no going and coming', async () => {
    using p = play()
    const { romeo, juliet, id } = await stage(p)
    romeo.sends(`<presence to='juliet@bix.org' type='subscribe'/>`)
    juliet.sends(`<presence to='romeo@bix.org' type='subscribed'/>`)
    await juliet.settles()
    await romeo.settles()
    romeo.forget()
    cut(juliet)
    await romeo.hearsNothing()
    const back = await p.returns('juliet@bix.org')
    back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
    await back.settles()
    await romeo.hearsNothing()
  })

  test('XEP-0198 §5, case 57: an old stream that is still there ends with a conflict', async () => {
    using p = play()
    const { juliet, id } = await stage(p)
    const back = await p.returns('juliet@bix.org')
    back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
    await back.receives(`<resumed xmlns='${SM}' previd='${id}' h='0'/>`)
    await juliet.isCutOff('conflict')
    await back.settles()
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
  })

  test('XEP-0198 §5, case 57: nobody resumes another’s session, and what cannot be resumed lets the client bind', async () => {
    using p = play()
    const { juliet, id } = await stage(p)
    await p.account('tybalt@bix.org')
    cut(juliet)
    const tybalt = await p.returns('tybalt@bix.org')
    const notFound = `<failed xmlns='${SM}'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`
    for (const previd of [id, 'no-such-id']) {
      tybalt.sends(`<resume xmlns='${SM}' previd='${previd}' h='0'/>`)
      await tybalt.receives(notFound)
    }
    tybalt.sends(`<resume xmlns='${SM}' previd='${id}'/>`)
    await tybalt.receives(
      `<failed xmlns='${SM}'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
    )
    tybalt.sends(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`)
    await tybalt.answer('b')
  })

  test('XEP-0198 §5: after max the session is over, its h is still told, and its messages wait', async () => {
    using p = play()
    const { romeo, juliet, id } = await stage(p)
    juliet.sends(chat('before', 'romeo@bix.org'))
    await juliet.settles()
    cut(juliet)
    romeo.sends(chat('wait for me'))
    await romeo.settles()
    p.clock.advance(599_000)
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
    p.clock.advance(1_000)
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
    const back = await p.returns('juliet@bix.org')
    back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
    await back.receives(`<failed xmlns='${SM}' h='2'><item-not-found xmlns='{any}'/></failed>`)
    back.sends(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><presence/>`)
    await back.answer('b')
    const message = await back.next()
    expect(child(message, 'body')?.getText()).toBe('wait for me')
    expect(child(message, 'delay', 'urn:xmpp:delay')?.attrs).toMatchObject({
      from: 'bix.org',
      stamp: '2026-01-01T00:00:00.000Z',
    })
  })

  test('XEP-0198 §7: a client that closes its stream is gone at once, with what it has not acknowledged kept', async () => {
    using p = play()
    const { romeo, juliet, id } = await stage(p)
    romeo.sends(chat('one') + chat('two'))
    await untilAsked(juliet)
    juliet.sends(`<a xmlns='${SM}' h='1'/></stream:stream>`)
    await romeo.settles()
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
    const back = await p.returns('juliet@bix.org')
    back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
    await back.receives(`<failed xmlns='${SM}' h='{any}'><item-not-found xmlns='{any}'/></failed>`)
    back.sends(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><presence/>`)
    await back.answer('b')
    await back.settles()
    expect(takesBodies(back)).toEqual(['two'])
  })

  test('case 58: the queue of a session without a client is bounded, and its overflow loses nothing', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsm_queue = 3' })
    const { romeo, juliet } = await stage(p)
    cut(juliet)
    romeo.sends(['1', '2', '3', '4', '5'].map((body) => chat(body)).join(''))
    await romeo.settles()
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
    const back = await p.bound('juliet@bix.org/balcony')
    back.sends('<presence/>')
    await back.settles()
    expect(takesBodies(back)).toEqual(['1', '2', '3', '4', '5'])
    await back.settles()
    expect(rows(p, '1')).toBe(0)
  })

  test('a new login under the same resource gets what the old one did not', async () => {
    using p = play()
    const { romeo, juliet } = await stage(p)
    cut(juliet)
    romeo.sends(chat('hist!'))
    await romeo.settles()
    const back = await p.bound('juliet@bix.org/balcony')
    back.sends('<presence/>')
    await back.settles()
    expect(takesBodies(back)).toEqual(['hist!'])
  })

  test('another client of the account gets it when the session is over', async () => {
    using p = play({ toml: '[sm]\nmax = "30s"' })
    const { romeo, juliet } = await stage(p)
    const desk = await p.online('juliet@bix.org/desk')
    cut(juliet)
    romeo.sends(chat('to one', 'juliet@bix.org/balcony'))
    await romeo.settles()
    await desk.settles()
    desk.forget()
    p.clock.advance(30_000)
    await desk.settles()
    expect(takesBodies(desk)).toEqual(['to one'])
  })
})
