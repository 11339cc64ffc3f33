/** What a session keeps when its client or its connection goes: limits and doubts. */
import { describe, expect, test } from 'bun:test'
import { phoneOf } from '../support/phone.ts'
import { settle } from '../support/phones.ts'
import { bodies, chat, granted, restarted, resumes, sessionOf, SM } from '../support/sm.ts'
import { play } from '../support/world.ts'

const TOKEN = 'ab'.repeat(32)
const HOUR = 3_600_000
const PUSH =
  '[push]\n[[push.apps]]\ntopic = "org.bix.chat"\n' +
  'team_id = "ABCDE12345"\nkey_id = "ABC123DEFG"\nkey_file = "AuthKey.p8"'

describe('stream management', () => {
  test('case 58, limits.sm_queue: a client that is there and acknowledges nothing is cut off, and loses nothing', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsm_queue = 3' })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    await granted(juliet)
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
    await granted(juliet)
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
    const { id } = await granted(juliet)
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

  test('of what a dead session had not acknowledged nothing is sent back', async () => {
    using p = play({ toml: '[sm]\nmax = "30s"' })
    const romeo = await p.online('romeo@bix.org/orchard')
    const juliet = await p.online('juliet@bix.org/balcony')
    await granted(juliet)
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
        const enabled = await granted(juliet)
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
    await using phone = await phoneOf(p, { token: TOKEN })
    const { id } = await granted(juliet)
    romeo.sends(chat('one'))
    await romeo.settles()
    p.clock.advance(10_000)
    await settle(p)
    await phone.rings({})
    expect(sessionOf(p)?.delivery.unresponsive).toBe(true)
    juliet.transport.destroy()
    await resumes(p, 'juliet@bix.org', id)
    romeo.sends(chat('two'))
    await romeo.settles()
    await phone.isSilent()
    p.clock.advance(10_000)
    await settle(p)
    await phone.rings({})
  })

  test('case 53, limits.sessions_per_user: a session without a connection gives way to one that has one', async () => {
    using p = play({ toml: '[limits]\nrates = false\nsessions_per_user = 2' })
    const ghost = await p.online('juliet@bix.org/ghost')
    await granted(ghost)
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
