/** What a trip changed in memory and did not keep: afterwards a session is as if nobody had asked. */
import { describe, expect, test } from 'bun:test'
import { makeInvite } from '../../src/accounts/invites.ts'
import { offline } from '../../src/features/offline.ts'
import { offlineStored, pushVerdicts } from '../../src/metrics/metrics.ts'
import type { Feature } from '../../src/routing/feature.ts'
import { child, childText, type Element } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { card, photo, picture, UPDATE } from '../support/avatars.ts'
import { cast, chat, kinds, PUSH, RATES, settle } from '../support/phones.ts'
import { befriend } from '../support/pubsub.ts'
import { type Play, play } from '../support/world.ts'

const SM = 'urn:xmpp:sm:3'
const CSI = 'urn:xmpp:csi:0'
const JINGLE = 'urn:xmpp:jingle-message:0'

/** What writes, and so costs what shares its turn. */
const WRITES = `<message to='juliet@bix.org' type='chat'><body>hist!</body></message>`

/** Says this in a turn whose COMMIT fails, with something that writes; the disk is mended afterwards. */
async function inVain(p: Play, actor: Actor, xml: string): Promise<void> {
  if (!p.store.accounts.find('juliet@bix.org')) await p.account('juliet@bix.org')
  const mend = p.commitsFail()
  actor.sends(xml + WRITES)
  await actor.settles()
  const refused = actor.heard.filter((el) => el.name === 'message' && el.attrs.type === 'error')
  expect(refused).toHaveLength(1)
  mend()
  actor.forget()
}

const sessionOf = (p: Play, jid: string) => [...p.world.sessions.of(jid)][0]

const bodies = (actor: Actor) =>
  actor.heard.flatMap((el) => (el.name === 'message' ? [childText(el, 'body')] : []))

const presences = (actor: Actor) => actor.heard.filter(({ name }) => name === 'presence')

const hashIn = (el: Element | undefined) => {
  const x = el && child(el, 'x', UPDATE)
  return x && childText(x, 'photo')
}

describe('a COMMIT that fails takes back', () => {
  test('XEP-0198 §3: that stream management is on, which is turned on alone then', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    const session = sessionOf(p, 'romeo@bix.org')
    const mend = p.commitsFail()
    let between: unknown
    p.store.turn.after(
      () =>
        (between = {
          delivery: { acknowledges: session?.delivery.acknowledges },
          resumable: session?.resumable,
        }),
    )
    romeo.sends(`<enable xmlns='${SM}' resume='true'/>${WRITES}`)
    // It comes again alone, in a turn of its own.
    for (let i = 0; i < 2; i++) await romeo.settles()
    const [enabled, ...more] = romeo.heard.filter(({ name }) => name === 'enabled')
    expect(more).toEqual([])
    expect(between).toMatchObject({ delivery: { acknowledges: false }, resumable: false })
    expect(session).toMatchObject({ delivery: { acknowledges: true }, resumable: true })
    mend()
    romeo.transport.destroy()
    await settle(p)
    const back = await p.returns('romeo@bix.org')
    back.sends(`<resume xmlns='${SM}' previd='${enabled?.attrs.id}' h='0'/>`)
    await back.receives(`<resumed xmlns='${SM}' previd='{any}' h='{any}'/>`)
  })

  test('XEP-0198 §5: that a session in doubt was resumed, with the ack that came along', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.sends(`<enable xmlns='${SM}' resume='true'/>`)
    const { id } = (await juliet.next()).attrs
    romeo.sends(WRITES)
    await romeo.settles()
    p.clock.advance(10_000)
    await settle(p)
    const session = sessionOf(p, 'juliet@bix.org')
    expect(session?.delivery.unresponsive).toBe(true)
    juliet.transport.destroy()
    await settle(p)
    const resume = `<resume xmlns='${SM}' previd='${id}' h='1'/>`
    const early = await p.returns('juliet@bix.org')
    const mend = p.commitsFail()
    early.sends(resume)
    await early.isCutOff('resource-constraint')
    expect(session).toMatchObject({ delivery: { unresponsive: true }, hibernating: true, closed: false })
    expect(session?.delivery.inFlight.size).toBe(1)
    mend()
    const back = await p.returns('juliet@bix.org')
    back.sends(resume)
    await back.receives(`<resumed xmlns='${SM}' previd='${id}' h='0'/>`)
    expect(session).toMatchObject({ delivery: { unresponsive: false }, hibernating: false })
    expect(session?.delivery.inFlight.size).toBe(0)
  })

  /** Juliet comes back in a turn that fails; `behind` is what she sends with her wish. */
  async function returns(p: Play, behind: string, meanwhile: () => void = () => {}): Promise<Actor> {
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    juliet.sends(`<enable xmlns='${SM}' resume='true'/>`)
    const { id } = (await juliet.next()).attrs
    juliet.transport.destroy()
    await settle(p)
    const back = await p.returns('juliet@bix.org')
    const mend = p.commitsFail()
    meanwhile()
    romeo.sends(WRITES)
    back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>${behind}`)
    await romeo.hearsError('resource-constraint')
    mend()
    return back
  }

  test('XEP-0198 §5: a resumption, which is tried again alone; what was sent behind it waits for that', async () => {
    using p = play()
    const back = await returns(p, `<iq type='get' id='behind'><ping xmlns='urn:xmpp:ping'/></iq>`)
    await back.receives(`<resumed xmlns='${SM}' previd='{any}' h='0'/>`)
    await back.receives(`<iq type='result' id='behind' to='juliet@bix.org/balcony'/>`)
  })

  test('XEP-0198 §5: a resumption, and where the session ends meanwhile, what was sent behind it is read', async () => {
    using p = play()
    const bind = `<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>`
    const back = await returns(p, bind, () =>
      p.store.turn.after(() => {
        const session = sessionOf(p, 'juliet@bix.org')
        if (session) p.world.end(session)
      }),
    )
    await back.receives(`<failed xmlns='${SM}' h='0'><item-not-found xmlns='{any}'/></failed>`)
    expect((await back.answer('bind')).attrs.type).toBe('result')
  })

  test('XEP-0352 §5: that the app is active, and what waited for it comes all the same', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    await befriend(romeo, juliet)
    romeo.sends(`<inactive xmlns='${CSI}'/>`)
    await romeo.settles()
    juliet.sends(`<presence><show>away</show></presence>`)
    await juliet.settles()
    await romeo.hearsNothing()
    const mend = p.commitsFail()
    romeo.sends(`<active xmlns='${CSI}'/>${WRITES}`)
    // It comes again alone, in a turn of its own.
    for (let i = 0; i < 2; i++) await romeo.settles()
    expect(presences(romeo).map((el) => childText(el, 'show'))).toEqual(['away'])
    mend()
  })

  test('XEP-0445 §4: that a guest has shown an invitation', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    const { uri } = await p.router.run((t) =>
      makeInvite(t, { host: 'bix.org', register: true, contact: false }),
    )
    const preauth = `<preauth xmlns='urn:xmpp:pars:0' token='${uri.slice(-32)}'/>`
    const register = `<query xmlns='jabber:iq:register'><username>nurse</username><password>long enough</password></query>`
    const guest = p.connect()
    await guest.opens()
    const mend = p.commitsFail()
    romeo.sends(WRITES)
    await guest.isRefused('resource-constraint', 'set', preauth)
    mend()
    expect((await guest.asks('set', register)).attrs.type).toBe('error')
    await guest.asks('set', preauth)
    expect((await guest.asks('set', register)).attrs.type).toBe('result')
  })

  test('XEP-0398 §4: what a client said of itself, so that a new picture goes out with what holds', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    romeo.sends('<presence><status>here</status></presence>')
    await romeo.settles()
    await inVain(p, romeo, '<presence><status>there</status></presence>')
    await romeo.asks('set', card(photo(picture('a'))))
    await settle(p)
    expect(presences(romeo).map((el) => childText(el, 'status'))).toEqual(['here'])
  })

  test('XEP-0398 §4: that presence is about to be said again: the next picture is told', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const mend = p.commitsFail()
    await romeo.isRefused('resource-constraint', 'set', card(photo(picture('a'))))
    mend()
    await romeo.asks('set', card(photo(picture('b'))))
    await settle(p)
    expect(presences(romeo).map(hashIn)).toEqual([picture('b').hash])
  })

  test('RFC 6121 §4.6.3: that who got directed presence has heard of its end', async () => {
    for (const [end, ends] of [
      [`<presence type='unavailable' to='nurse@bix.org/hall'/>`, 1],
      [`<presence type='unavailable'/>`, 1],
    ] as const) {
      using p = play()
      const nurse = await p.online('nurse@bix.org/hall')
      const romeo = await p.online('romeo@bix.org/orchard')
      romeo.sends(`<presence to='nurse@bix.org/hall'/>`)
      await romeo.settles()
      await inVain(p, romeo, end)
      nurse.forget()
      romeo.sends('</stream:stream>')
      await settle(p)
      await nurse.settles()
      expect(presences(nurse).filter(({ attrs }) => attrs.type === 'unavailable')).toHaveLength(ends)
    }
  })

  test('limits.later_pending: that slow work was begun', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    await p.account('juliet@bix.org')
    const change = `<query xmlns='jabber:iq:register'><username>romeo</username><password>new and long</password></query>`
    const mend = p.commitsFail()
    for (let i = 0; i < 4; i++) romeo.sends(`<iq type='set' id='p${i}'>${change}</iq>`)
    romeo.sends(WRITES)
    for (let i = 0; i < 5; i++) await romeo.hearsError('resource-constraint')
    mend()
    expect((await romeo.asks('set', change)).attrs.type).toBe('result')
  })

  test('push.burst: that a device was rung', async () => {
    using p = play({ toml: RATES.replace('burst = 3', 'burst = 1') })
    const { romeo } = await cast(p)
    const mend = p.commitsFail()
    romeo.sends(chat('lost'))
    await romeo.hearsError('resource-constraint')
    mend()
    romeo.sends(chat('hist!'))
    await romeo.settles()
    expect(kinds(p)).toEqual(['body'])
  })

  test('limits.sm_queue: that the oldest message was trusted to have arrived', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsm_queue = 3' })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    for (const body of ['1', '2', '3']) romeo.sends(chat(body))
    await romeo.settles()
    const mend = p.commitsFail()
    romeo.sends(chat('4'))
    await romeo.hearsError('resource-constraint')
    mend()
    juliet.transport.destroy()
    await settle(p)
    const account = p.store.accounts.find('juliet@bix.org')
    const rows = account ? p.store.messages.waiting(account, 0, 9) : []
    expect(rows.map(({ xml }) => /<body>(.)/.exec(xml)?.[1])).toEqual(['1', '2', '3'])
  })

  test('XEP-0386 §4.2: that a session fetches from the archive what came before', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    const app = await p.online('juliet@bix.org/phone')
    app.sends(`<enable xmlns='${SM}'/>`)
    await app.settles()
    romeo.sends(`<message to='juliet@bix.org/phone' type='chat'><body>hist!</body></message>`)
    await romeo.settles()
    const session = [...p.world.sessions.of('juliet@bix.org')].find(({ jid }) => jid.resource === 'balcony')
    const undone = p.router.run((t) => {
      if (session) offline.bound?.(t, session)
      throw new Error('undone')
    })
    expect(await undone.catch(String)).toContain('undone')
    app.transport.destroy()
    await settle(p)
    await juliet.settles()
    expect(bodies(juliet)).toEqual(['hist!'])
  })

  test('XEP-0160 §3: that a message was stored and a push decided, in the figures too', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const figures = async () =>
      [await offlineStored.get(), await pushVerdicts.get()].map(({ values }) =>
        values.reduce((sum, { value }) => sum + value, 0),
      )
    await p.account('nurse@bix.org')
    const before = await figures()
    const mend = p.commitsFail()
    for (const name of ['nurse', 'juliet'])
      romeo.sends(`<message to='${name}@bix.org' type='chat'><body>hist!</body></message>`)
    for (let i = 0; i < 2; i++) await romeo.hearsError('resource-constraint')
    expect(await figures()).toEqual(before)
    mend()
  })

  test('XEP-0353 §3.3: that a call is over: the phone is told once the disk can', async () => {
    using p = play({ toml: PUSH })
    const { romeo } = await cast(p)
    const part = (name: string) =>
      `<message to='juliet@bix.org' type='chat'><${name} xmlns='${JINGLE}' id='c'/><store xmlns='urn:xmpp:hints'/></message>`
    romeo.sends(part('propose'))
    await romeo.settles()
    const mend = p.commitsFail()
    romeo.sends(part('retract'))
    await romeo.hearsError('resource-constraint')
    mend()
    romeo.sends(part('retract'))
    await romeo.settles()
    expect(kinds(p)).toEqual(['call', 'call-missed'])
  })
})

test('XEP-0398 §4: presence that could not be said again with the new picture is as it was', async () => {
  let broken = true
  const bug: Feature = {
    name: 'bug',
    xeps: [],
    received(t) {
      if (broken && hashIn(t.stanza.el)) throw new Error('a bug')
    },
  }
  using p = play({ extra: [bug] })
  const romeo = await p.online('romeo@bix.org/orchard')
  const before = sessionOf(p, 'romeo@bix.org')?.presence?.toString()
  await romeo.asks('set', card(photo(picture('a'))))
  await settle(p)
  expect(presences(romeo)).toEqual([])
  expect(sessionOf(p, 'romeo@bix.org')?.presence?.toString()).toBe(before ?? 'none')
  broken = false
  await romeo.asks('set', card(photo(picture('b'))))
  await settle(p)
  expect(presences(romeo).map(hashIn)).toEqual([picture('b').hash])
})
