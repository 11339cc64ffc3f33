/** What a session keeps when its client, its connection or the server goes: limits, doubts, and everything remembered. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { child, childText } from '../../src/xmpp/xml.ts'
import type { Actor } from '../support/actor.ts'
import { card, photo, picture, UPDATE } from '../support/avatars.ts'
import { befriend } from '../support/pubsub.ts'
import { type Play, play } from '../support/world.ts'

const SM = 'urn:xmpp:sm:3'
const AGENT = 'd4565fa7-4d72-4749-b3d3-740edbf87770'
const TOKEN = 'ab'.repeat(32)
const STATES = 'http://jabber.org/protocol/chatstates'
const HOUR = 3_600_000
const PUSH =
  '[push]\n[[push.apps]]\ntopic = "org.bix.chat"\n' +
  'team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"'
const chat = (body: string, to = 'juliet@bix.org') =>
  `<message to='${to}' type='chat'><body>${body}</body></message>`

async function enables(actor: Actor): Promise<{ id: string; max: string }> {
  actor.sends(`<enable xmlns='${SM}' resume='true'/>`)
  const { id = '', max = '' } = (await actor.next()).attrs
  return { id, max }
}

const bodies = (actor: Actor) =>
  actor.heard.filter(({ name }) => name === 'message').map((el) => childText(el, 'body'))

const sessionOf = (p: Play, bare = 'juliet@bix.org') => [...p.world.sessions.of(bare)][0]

/** Lets real work under way come to its end: nothing waits for the fake clock here. */
const settle = async (p: Play) => {
  for (let i = 0; i < 3; i++) await p.router.run(() => {})
}

/** Two runs of the server on one file, with an orderly stop between them. */
async function restarted(
  first: (p: Play) => Promise<void>,
  second: (p: Play) => Promise<void>,
  toml = '',
): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'belfry-sessions-'))
  const file = join(dir, 'belfry.db')
  try {
    {
      using p = play({ file, toml })
      await first(p)
      p.stop()
    }
    using p = play({ file, toml })
    await second(p)
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function resumes(p: Play, jid: string, id: string, h = '0'): Promise<Actor> {
  const back = await p.returns(jid)
  back.sends(`<resume xmlns='${SM}' previd='${id}' h='${h}'/>`)
  await back.receives(`<resumed xmlns='${SM}' previd='${id}' h='{any}'/>`)
  return back
}

describe('stream management', () => {
  test('case 58, limits.sm_queue: a client that is there and acknowledges nothing is cut off, and loses nothing', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsm_queue = 3' })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    await enables(juliet)
    romeo.sends(['1', '2', '3'].map((body) => chat(body)).join(''))
    await romeo.settles()
    expect(juliet.ended).toBe(false)
    romeo.sends(chat('4') + chat('5'))
    await romeo.settles()
    await juliet.cutOffAmong('policy-violation')
    juliet.transport.destroy()
    const back = await p.bound('juliet@bix.org/balcony')
    back.sends('<presence/>')
    await back.settles()
    expect(bodies(back)).toEqual(['1', '2', '3', '4', '5'])
    expect(bodies(romeo)).toEqual([])
  })

  test('XEP-0198 §4: beside messages, every twentieth stanza is asked for', async () => {
    using p = play()
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    await enables(juliet)
    const typing = `<message to='${juliet.jid}' type='chat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>`
    romeo.sends(typing.repeat(19))
    await romeo.settles()
    const asked = () => juliet.heard.filter(({ name }) => name === 'r').length
    expect(asked()).toBe(0)
    romeo.sends(typing)
    await romeo.settles()
    expect(asked()).toBe(1)
  })

  test('XEP-0198 §5: the count of a session that has ended is told to its account alone', async () => {
    using p = play({ toml: '[sm]\nmax = "30s"' })
    const juliet = await p.online('juliet@bix.org/balcony')
    const { id } = await enables(juliet)
    juliet.transport.destroy()
    p.clock.advance(30_000)
    await p.account('tybalt@bix.org')
    for (const [who, attrs] of [
      ['tybalt@bix.org', ''],
      ['juliet@bix.org', `h='0'`],
    ] as const) {
      const back = await p.returns(who)
      back.sends(`<resume xmlns='${SM}' previd='${id}' h='0'/>`)
      const failed = await back.receives(
        `<failed xmlns='${SM}' ${attrs}><item-not-found xmlns='{any}'/></failed>`,
      )
      expect('h' in failed.attrs && failed.attrs.h !== undefined).toBe(attrs !== '')
    }
  })

  test('design §3.3: of what a dead session had not acknowledged nothing is sent back', async () => {
    using p = play({ toml: '[sm]\nmax = "30s"' })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    await enables(juliet)
    const inner = `<body>x</body>`
    const all = () =>
      ['chat', 'normal', 'headline', 'error']
        .map((type) => `<message to='${juliet.jid}' type='${type}'>${inner}</message>`)
        .join('') +
      `<iq to='${juliet.jid}' type='get' id='q'><query xmlns='jabber:iq:version'/></iq>` +
      `<presence to='${juliet.jid}'/><message to='juliet@bix.org' type='chat'>${inner}</message>`
    romeo.sends(all())
    await romeo.settles()
    juliet.transport.destroy()
    await settle(p)
    romeo.sends(all())
    await romeo.settles()
    p.clock.advance(30_000)
    await settle(p)
    expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
    await romeo.hearsNothing()
    // The chats and what is like them wait; the rest was for that moment.
    expect(p.store.messages.totalOffline()).toBe(6)
  })

  test('XEP-0198 §3: a day is granted to who has a phone, and it is a day to the second, over a restart as well', async () => {
    let id = ''
    await restarted(
      async (p) => {
        const juliet = await p.online('juliet@bix.org/phone')
        await juliet.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${TOKEN}'/>`)
        const enabled = await enables(juliet)
        expect(enabled.max).toBe('86400')
        id = enabled.id
        juliet.transport.destroy()
        // What was promised holds, whatever becomes of the device.
        await p.router.run((t) => {
          const account = t.store.accounts.find('juliet@bix.org')
          for (const { id: device } of account ? t.store.push.devices.of(account.id) : [])
            t.store.db.raw.run('DELETE FROM devices WHERE id = ?', [device])
        })
        p.clock.advance(12 * HOUR)
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
      },
      async (p) => {
        p.clock.jump(12 * HOUR)
        p.clock.advance(12 * HOUR - 1_000)
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
        const back = await resumes(p, 'juliet@bix.org', id)
        back.transport.destroy()
        p.clock.advance(24 * HOUR - 1_000)
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
        p.clock.advance(1_000)
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
      },
      PUSH,
    )
  })

  test('a client that resumes is trusted again: the next message waits for its ack before it rings', async () => {
    using p = play({ toml: PUSH })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/phone')
    await juliet.asks('set', `<enable xmlns='urn:xmpp:push:0' jid='push.bix.org' node='${TOKEN}'/>`)
    const { id } = await enables(juliet)
    romeo.sends(chat('one'))
    await romeo.settles()
    p.clock.advance(10_000)
    await settle(p)
    expect(p.pushed).toHaveLength(1)
    expect(sessionOf(p)?.suspect).toBe(true)
    juliet.transport.destroy()
    await resumes(p, 'juliet@bix.org', id)
    romeo.sends(chat('two'))
    await romeo.settles()
    expect(p.pushed).toHaveLength(1)
    p.clock.advance(10_000)
    await settle(p)
    expect(p.pushed).toHaveLength(2)
  })

  test('case 53, limits.sessions_per_user: a session without a connection gives way to one that has one', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsessions_per_user = 2' })
    const ghost = await p.online('juliet@bix.org/ghost')
    await enables(ghost)
    await p.online('juliet@bix.org/desk')
    ghost.transport.destroy()
    await settle(p)
    await p.bound('juliet@bix.org/phone')
    expect([...p.world.sessions.of('juliet@bix.org')].map(({ jid }) => jid.resource)).toEqual([
      'desk',
      'phone',
    ])
  })
})

test('a doubt that could not be written down is not taken for written: the message is there after the cut', async () => {
  using p = play({ toml: PUSH })
  const romeo = await p.online('romeo@bix.org/orchard')
  const juliet = await p.online('juliet@bix.org/phone')
  romeo.sends(chat('hist!'))
  await romeo.settles()
  const mend = p.commitsFail()
  p.clock.advance(10_000)
  await settle(p)
  mend()
  juliet.transport.destroy()
  await settle(p)
  const back = await p.bound('juliet@bix.org/phone')
  back.sends('<presence/>')
  await back.settles()
  expect(bodies(back)).toEqual(['hist!'])
})

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
        id = (await enables(juliet)).id
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
        id = (await enables(juliet)).id
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
        id = (await enables(juliet)).id
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
        await enables(juliet)
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
        await p.account('juliet@bix.org')
        const romeo = await p.online('romeo@bix.org/orchard')
        for (let i = 0; i < 150; i++) romeo.sends(chat(String(i)))
        await romeo.settles()
        const juliet = await p.bound('juliet@bix.org/phone')
        id = (await enables(juliet)).id
        juliet.sends('<presence/>')
        await juliet.settles()
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

  test('the session of an account that is disabled meanwhile is not there', async () => {
    await restarted(
      async (p) => {
        const romeo = await p.online('romeo@bix.org/orchard')
        const juliet = await p.online('juliet@bix.org/balcony')
        await enables(juliet)
        juliet.transport.destroy()
        romeo.sends(chat('hist!'))
        await romeo.settles()
        p.stop()
        p.store.turn.end()
        p.store.db.raw.run('UPDATE accounts SET disabled = 1 WHERE jid = ?', ['juliet@bix.org'])
      },
      async (p) => {
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
        await settle(p)
        expect(p.store.messages.totalOffline()).toBe(1)
      },
    )
  })
})
