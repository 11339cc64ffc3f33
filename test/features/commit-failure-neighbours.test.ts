/** A disk that fails at COMMIT, and what shares the turn without writing: it is as it was, or happens all the same. */
import { describe, expect, test } from 'bun:test'
import { child } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { begin, iq, known, refused, sessions } from '../support/failing.ts'
import { play, type Play } from '../support/world.ts'

describe('a COMMIT that fails', () => {
  test('presence that shares the turn is as it was, also for whom it was directed to', async () => {
    using p = play()
    const romeo = await begin(p)
    const nurse = await p.online('nurse@bix.org/hall')
    const mend = p.commitsFail()
    const there = sessions(p)
    romeo.sends(
      `<presence><priority>7</priority></presence><presence to='nurse@bix.org'/>` +
        `<message to='juliet@bix.org' type='chat'><body>x</body></message>`,
    )
    for (let i = 0; i < 3; i++) await refused(romeo)
    expect(sessions(p)).toEqual(there)
    await nurse.hearsNothing()
    // Nobody was told of a beginning, so nobody is told of an end.
    mend()
    romeo.sends('</stream:stream>')
    await nurse.hearsNothing()
  })

  /** Requests that write nothing themselves, and how one sees afterwards that they have not been heard. */
  const SHARED: [what: string, xml: string, heard: (p: Play, romeo: Actor) => Promise<boolean>][] = [
    [
      'carbons',
      `<iq type='set' id='s'><enable xmlns='urn:xmpp:carbons:2'/></iq>`,
      async (p, romeo) => {
        const desk = await p.online('romeo@bix.org/desk')
        desk.sends(`<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
        await desk.settles()
        await romeo.settles()
        return romeo.heard.some((el) => child(el, 'sent', 'urn:xmpp:carbons:2'))
      },
    ],
    [
      'the block list',
      `<iq type='get' id='s'><blocklist xmlns='urn:xmpp:blocking'/></iq>`,
      async (p, romeo) => {
        const desk = await p.online('romeo@bix.org/desk')
        await desk.asks('set', `<block xmlns='urn:xmpp:blocking'><item jid='a@b.example'/></block>`)
        await romeo.settles()
        return romeo.heard.some((el) => child(el, 'block', 'urn:xmpp:blocking'))
      },
    ],
    [
      'capabilities',
      `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>`,
      async (_, romeo) => {
        // Had they been heard, the same presence would say nothing new.
        romeo.sends(
          `<presence><c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='n' ver='v'/></presence>`,
        )
        await romeo.settles()
        return !romeo.heard.some((el) => child(el, 'query', 'http://jabber.org/protocol/disco#info'))
      },
    ],
    [
      'preferences of the archive',
      `<iq type='set' id='s'><prefs xmlns='urn:xmpp:mam:2' default='never'><always/><never/></prefs></iq>`,
      async (_, romeo) =>
        (await romeo.asks('get', `<prefs xmlns='urn:xmpp:mam:2'/>`)).toString().includes('default="never"'),
    ],
    [
      'the last status',
      `<presence type='unavailable'><status>gone</status></presence>`,
      async (p, romeo) => {
        romeo.transport.destroy()
        for (let i = 0; i < 3; i++) await p.router.run(() => {})
        return p.store.accounts.find('romeo@bix.org')?.lastStatus === 'gone'
      },
    ],
  ]
  for (const [what, xml, heard] of SHARED)
    test(`${what} that share the turn are as they were`, async () => {
      using p = play()
      const romeo = await begin(p)
      const mend = p.commitsFail()
      romeo.sends(`${xml}<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
      for (let i = 0; i < 2; i++) await refused(romeo)
      mend()
      expect(await heard(p, romeo)).toBe(false)
    })

  test('presence alone writes nothing and does not notice', async () => {
    using p = play()
    const romeo = await begin(p)
    const mend = p.commitsFail()
    romeo.sends('<presence><priority>7</priority></presence>')
    await romeo.receives(`<presence from='${romeo.jid}' to='${romeo.jid}'><priority>7</priority></presence>`)
    await romeo.hearsNothing()
    mend()
  })

  test('initial presence that shares the turn can be said again, with all that it brings', async () => {
    using p = play()
    const nurse = await p.online('nurse@bix.org/hall')
    await p.account('juliet@bix.org')
    nurse.sends(`<message to='juliet@bix.org' type='chat'><body>waits</body></message>`)
    await nurse.settles()
    const juliet = await p.bound('juliet@bix.org/balcony')
    const mend = p.commitsFail()
    const set = iq(`<query xmlns='jabber:iq:roster'><item jid='a@bix.org'/></query>`)
    const both = `<presence/><iq type='get' id='g'><query xmlns='jabber:iq:roster'/></iq>${set}`
    juliet.sends(both)
    for (let i = 0; i < 3; i++) await refused(juliet)
    expect(sessions(p)).toContainEqual({
      jid: juliet.jid,
      presence: undefined,
      priority: 0,
      interested: false,
      catchingUp: false,
    })
    mend()
    juliet.sends(both)
    await juliet.settles()
    await juliet.settles()
    expect(juliet.heard.filter(({ name }) => name === 'message')).toHaveLength(1)
    expect(p.store.messages.totalOffline()).toBe(0)
  })

  test('a session that is bound meanwhile is reachable', async () => {
    using p = play()
    const romeo = await begin(p)
    const juliet = p.connect()
    await juliet.opens()
    await juliet.authenticates('juliet')
    await juliet.opens()
    const mend = p.commitsFail()
    juliet.sends(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>`,
    )
    romeo.sends(`<message to='juliet@bix.org' type='chat'><body>x</body></message>`)
    await refused(romeo)
    expect((await juliet.answer('b')).attrs.type).toBe('result')
    mend()
    romeo.sends(`<message to='juliet@bix.org/x' type='chat'><body>y</body></message>`)
    expect((await juliet.next()).name).toBe('message')
  })

  test('a session that ends meanwhile is gone, and contacts hear of it', async () => {
    using p = play()
    const romeo = await begin(p)
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.sends(`<presence type='subscribed' to='romeo@bix.org'/>`)
    await juliet.settles()
    romeo.sends(`<presence type='subscribe' to='juliet@bix.org'/>`)
    await romeo.settles()
    romeo.forget()
    const mend = p.commitsFail()
    romeo.sends(
      `<message to='nurse@bix.org' type='chat'/><message to='juliet@bix.org' type='chat'><body>x</body></message>`,
    )
    juliet.transport.destroy()
    await romeo.settles()
    await romeo.settles()
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
    expect(romeo.heard.map((el) => `${el.name} ${el.attrs.type} ${el.attrs.from}`)).toContain(
      'presence unavailable juliet@bix.org/balcony',
    )
    mend()
  })

  test('an account whose removal fails is still there, with its streams', async () => {
    using p = play()
    const romeo = await begin(p)
    const before = known(p)
    const mend = p.commitsFail()
    romeo.sends(iq(`<query xmlns='jabber:iq:register'><remove/></query>`))
    await refused(romeo)
    await romeo.hearsNothing()
    expect(known(p)).toEqual(before)
    mend()
    romeo.sends(iq(`<query xmlns='jabber:iq:register'><remove/></query>`))
    await romeo.cutOffAmong('not-authorized')
    expect(p.store.accounts.find('romeo@bix.org')).toBeUndefined()
  })
})
