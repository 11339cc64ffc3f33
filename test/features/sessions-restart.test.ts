/** What a session keeps when the server is restarted in an orderly way: everything remembered. */
import { describe, expect, test } from 'bun:test'
import { child, childText } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { card, photo, picture, UPDATE } from '../support/avatars.ts'
import { settle } from '../support/phones.ts'
import { befriend } from '../support/pubsub.ts'
import { bodies, chat, granted, restarted, resumes, sessionOf, SM } from '../support/sm.ts'
import type { Play } from '../support/world.ts'

const AGENT = 'd4565fa7-4d72-4749-b3d3-740edbf87770'
const STATES = 'http://jabber.org/protocol/chatstates'

/** 150 messages waited for juliet's phone, which has not shown yet that it has the first 100; `sm` is for coming back. */
async function amidPages(p: Play): Promise<{ juliet: Actor; sm: string }> {
  await p.account('juliet@bix.org')
  const romeo = await p.online('romeo@bix.org/orchard')
  for (let i = 0; i < 150; i++) romeo.sends(chat(String(i)))
  await romeo.settles()
  const juliet = await p.bound('juliet@bix.org/phone')
  const { id: sm } = await granted(juliet)
  juliet.sends('<presence/>')
  await juliet.settles()
  return { juliet, sm }
}

describe('after an orderly restart', () => {
  test('a session is still that of its app: its phone is not taken for another’s, and it is logged out with it', async () => {
    const authenticate =
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>` +
      Buffer.from('\0juliet\0wherefore art thou').toString('base64') +
      `</initial-response><user-agent id='${AGENT}'/><bind xmlns='urn:xmpp:bind:0'><enable xmlns='${SM}' resume='true'/></bind></authenticate>`
    await restarted(
      async (p) => {
        await p.account('juliet@bix.org')
        const juliet = p.connect()
        await juliet.opens()
        juliet.sends(authenticate)
        expect((await juliet.next()).name).toBe('success')
        await juliet.next()
        juliet.sends('<presence/>')
        await juliet.settles()
        expect(sessionOf(p)?.agent?.id).toBe(AGENT)
      },
      async (p) => {
        expect(sessionOf(p)).toMatchObject({ hibernating: true, agent: { id: AGENT } })
        // XEP-0386 §4.2: the same app cannot be there twice.
        const again = p.connect()
        await again.opens()
        again.sends(authenticate)
        expect((await again.next()).name).toBe('success')
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
      },
    )
  })

  test('XEP-0398 §4: a new picture is still told for a session that was resumed', async () => {
    let id = ''
    await restarted(
      async (p) => {
        const romeo = await p.online('romeo@bix.org/orchard')
        const juliet = await p.online('juliet@bix.org/balcony')
        await befriend(romeo, juliet)
        id = (await granted(juliet)).id
      },
      async (p) => {
        const romeo = await p.online('romeo@bix.org/orchard')
        const juliet = await resumes(p, 'juliet@bix.org', id)
        await romeo.settles()
        romeo.forget()
        const rose = picture('rose')
        await juliet.asks('set', card(photo(rose)))
        for (let i = 0; i < 3; i++) await romeo.settles()
        const told = romeo.heard.filter(({ name }) => name === 'presence').at(-1)
        const x = told && child(told, 'x', UPDATE)
        expect(x && childText(x, 'photo')).toBe(rose.hash)
      },
    )
  })

  test('XEP-0191 §3.2, XEP-0163 §4.2: it still hears of the block list and of what it asked for', async () => {
    let id = ''
    const BLOCKING = 'urn:xmpp:blocking'
    const node = 'urn:xmpp:example'
    await restarted(
      async (p) => {
        const juliet = await p.online('juliet@bix.org/balcony')
        juliet.sends(
          `<presence><c xmlns='http://jabber.org/protocol/caps' hash='x' node='n' ver='v'/></presence>`,
        )
        let question = await juliet.next()
        while (question.name !== 'iq') question = await juliet.next()
        juliet.sends(
          `<iq type='result' id='${question.attrs.id}' to='juliet@bix.org'>` +
            `<query xmlns='http://jabber.org/protocol/disco#info'><feature var='${node}+notify'/></query></iq>`,
        )
        await juliet.asks('get', `<blocklist xmlns='${BLOCKING}'/>`)
        await juliet.settles()
        juliet.forget()
        id = (await granted(juliet)).id
      },
      async (p) => {
        const juliet = await resumes(p, 'juliet@bix.org', id)
        const desk = await p.bound('juliet@bix.org/desk')
        await desk.asks('set', `<block xmlns='${BLOCKING}'><item jid='a@b.example'/></block>`)
        const item = `<item id='1'><x xmlns='${node}'/></item>`
        const publish = `<pubsub xmlns='http://jabber.org/protocol/pubsub'><publish node='${node}'>${item}</publish></pubsub>`
        await desk.asks('set', publish)
        await juliet.settles()
        expect(juliet.heard.some((el) => child(el, 'block', BLOCKING))).toBe(true)
        expect(juliet.heard.some((el) => child(el, 'event', 'http://jabber.org/protocol/pubsub#event'))).toBe(
          true,
        )
      },
    )
  })

  test('XEP-0352 §5: what waited for a client in the background is there', async () => {
    let id = ''
    await restarted(
      async (p) => {
        const romeo = await p.online('romeo@bix.org/orchard')
        const juliet = await p.online('juliet@bix.org/phone')
        id = (await granted(juliet)).id
        juliet.sends(`<inactive xmlns='urn:xmpp:csi:0'/>`)
        await juliet.settles()
        romeo.sends(`<message to='${juliet.jid}' type='chat'><composing xmlns='${STATES}'/></message>`)
        await romeo.settles()
        expect(juliet.heard).toEqual([])
        juliet.transport.destroy()
        await settle(p)
      },
      async (p) => {
        const juliet = await resumes(p, 'juliet@bix.org', id, '1')
        await juliet.settles()
        expect(juliet.heard.filter((el) => child(el, 'composing', STATES))).toHaveLength(1)
      },
    )
  })

  test('its presence has its priority, and whoever got directed presence hears of its end', async () => {
    await restarted(
      async (p) => {
        const nurse = await p.online('nurse@bix.org/hall')
        const juliet = await p.online('juliet@bix.org/balcony')
        juliet.sends(`<presence><priority>7</priority></presence><presence to='${nurse.jid}'/>`)
        await juliet.settles()
        juliet.forget()
        await granted(juliet)
      },
      async (p) => {
        expect(sessionOf(p)?.priority).toBe(7)
        const nurse = await p.online('nurse@bix.org/hall')
        p.clock.advance(60_000)
        await nurse.settles()
        await nurse.receives(
          `<presence from='juliet@bix.org/balcony' to='nurse@bix.org/hall' type='unavailable'/>`,
        )
      },
      '[sm]\nmax = "60s"',
    )
  })

  test('a box of several pages goes on where it stopped, each message once', async () => {
    let id = ''
    let h = 0
    await restarted(
      async (p) => {
        const { juliet, sm } = await amidPages(p)
        id = sm
        expect(bodies(juliet)).toHaveLength(100)
        h = juliet.heard.filter(({ name }) => name !== 'r').length + 1
      },
      async (p) => {
        const juliet = await resumes(p, 'juliet@bix.org', id, String(h))
        await juliet.settles()
        await juliet.settles()
        expect(bodies(juliet)).toEqual(Array.from({ length: 50 }, (_, i) => String(i + 100)))
      },
    )
  })

  test('what comes for a client amid its pages comes behind them', async () => {
    let id = ''
    let h = 0
    await restarted(
      async (p) => {
        const { juliet, sm } = await amidPages(p)
        id = sm
        h = juliet.heard.filter(({ name }) => name !== 'r').length + 1
      },
      async (p) => {
        const romeo = await p.online('romeo@bix.org/orchard')
        romeo.sends(chat('150'))
        await romeo.settles()
        const juliet = await resumes(p, 'juliet@bix.org', id, String(h))
        await juliet.settles()
        await juliet.settles()
        expect(bodies(juliet)).toEqual(Array.from({ length: 51 }, (_, i) => String(i + 100)))
      },
    )
  })

  test('XEP-0198 §5, RFC 6121 §4.5: of a session that ends while the server is away its contacts hear', async () => {
    let romeos = ''
    let juliets = ''
    await restarted(
      async (p) => {
        const romeo = await p.online('romeo@bix.org/orchard')
        const juliet = await p.online('juliet@bix.org/balcony')
        await befriend(romeo, juliet)
        romeos = (await granted(romeo)).id
        juliet.sends(`<enable xmlns='${SM}' resume='true' max='60'/>`)
        juliets = (await juliet.next()).attrs.id ?? ''
        romeo.sends(chat('art thou there?'))
        await romeo.settles()
        await juliet.settles()
      },
      async (p) => {
        await settle(p)
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
        expect(p.store.messages.totalOffline()).toBe(1)
        const romeo = await resumes(p, 'romeo@bix.org', romeos)
        await romeo.settles()
        const told = romeo.heard.filter(({ name }) => name === 'presence')
        expect(told.map(({ attrs: { from, type } }) => ({ from, type }))).toEqual([
          { from: 'juliet@bix.org/balcony', type: 'unavailable' },
        ])
        const juliet = await p.returns('juliet@bix.org')
        juliet.sends(`<resume xmlns='${SM}' previd='${juliets}' h='0'/>`)
        await juliet.receives(
          `<failed xmlns='${SM}' h='1'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></failed>`,
        )
      },
      '',
      120_000,
    )
  })

  test('the session of an account that is disabled meanwhile is not there', async () => {
    await restarted(
      async (p) => {
        const romeo = await p.online('romeo@bix.org/orchard')
        const juliet = await p.online('juliet@bix.org/balcony')
        await granted(juliet)
        juliet.transport.destroy()
        romeo.sends(chat('hist!'))
        await romeo.settles()
        p.stop()
        p.store.turn.end()
        p.store.db.raw.run('UPDATE accounts SET disabled = 1 WHERE jid = ?', ['juliet@bix.org'])
      },
      async (p) => {
        await settle(p)
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
        expect(p.store.messages.totalOffline()).toBe(1)
      },
    )
  })
})

test('XEP-0198 §5: what came while a session was catching up is there after a restart, also what can wait', async () => {
  let id = ''
  await restarted(
    async (p) => {
      const romeo = await p.online('romeo@bix.org/orchard')
      await p.account('juliet@bix.org')
      for (const text of ['one', 'two']) romeo.sends(chat(text))
      await romeo.settles()
      const juliet = await p.bound('juliet@bix.org/balcony')
      id = (await granted(juliet)).id
      juliet.sends('<presence/>')
      await romeo.settles()
      romeo.sends(
        `<message to='juliet@bix.org' id='r'><received xmlns='urn:xmpp:receipts' id='x'/></message>`,
      )
      await romeo.settles()
    },
    async (p) => {
      const back = await resumes(p, 'juliet@bix.org', id)
      await back.settles()
      expect(back.heard.filter(({ attrs }) => attrs.id === 'r')).toHaveLength(1)
    },
    '[limits]\nrates = false\noffline_page = 1',
  )
})
