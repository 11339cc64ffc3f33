/** Stream management over a restart of the server: what an orderly stop writes down, and what a crash leaves. */
import { interested } from '../../src/accounts/roster.ts'
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { child } from '../../src/xmpp/xml.ts'
import { chat, cut, rows, SM, stage, takesBodies, untilAsked } from '../support/sm.ts'
import { type Play, play } from '../support/world.ts'

describe('over a restart', () => {
  async function twice(
    first: (p: Play) => Promise<void>,
    second: (p: Play) => Promise<void>,
    orderly: boolean,
  ) {
    const dir = mkdtempSync(join(tmpdir(), 'belfry-sm-'))
    const file = join(dir, 'belfry.db')
    let next = file
    try {
      {
        using p = play({ file })
        await first(p)
        if (orderly) p.stop()
        else next = p.crash()
      }
      using p = play({ file: next })
      await second(p)
    } finally {
      rmSync(dir, { recursive: true })
    }
  }

  test('after an orderly one a session is resumed exactly: queue, counters, presence, carbons', async () => {
    let id = ''
    await twice(
      async (p) => {
        const { romeo, juliet, id: sm } = await stage(p)
        id = sm
        await juliet.asks('set', `<enable xmlns='urn:xmpp:carbons:2'/>`)
        romeo.sends(chat('one') + chat('two'))
        await untilAsked(juliet)
      },
      async (p) => {
        const back = await p.returns('juliet@bix.org')
        back.sends(`<resume xmlns='${SM}' previd='${id}' h='2'/>`)
        await back.receives(`<resumed xmlns='${SM}' previd='${id}' h='1'/>`)
        await untilAsked(back)
        expect(takesBodies(back)).toEqual(['two'])
        back.sends(`<a xmlns='${SM}' h='3'/>`)
        await back.settles()
        expect(rows(p, '1')).toBe(0)
        const [session] = p.world.sessions.of('juliet@bix.org')
        expect(session).toMatchObject({
          available: true,
          resumable: true,
          hibernating: false,
        })
        expect(session && interested.get(session)).toBe(true)
        const desk = await p.online('juliet@bix.org/desk')
        await back.settles()
        back.forget()
        desk.sends(chat('from my desk', 'romeo@bix.org'))
        await desk.settles()
        await back.settles()
        expect(back.heard.some((el) => child(el, 'sent', 'urn:xmpp:carbons:2'))).toBe(true)
        const left = p.store.db.raw.query('SELECT id FROM sm_sessions').all()
        expect(left).toEqual([])
      },
      true,
    )
  })

  test('after a crash it cannot be resumed, and each message waits', async () => {
    let id = ''
    await twice(
      async (p) => {
        const { romeo, juliet, id: sm } = await stage(p)
        id = sm
        romeo.sends(chat('one') + chat('two'))
        await untilAsked(juliet)
        juliet.sends(`<a xmlns='${SM}' h='1'/>`)
        await juliet.settles()
      },
      async (p) => {
        const back = await p.returns('juliet@bix.org')
        back.sends(`<resume xmlns='${SM}' previd='${id}' h='1'/>`)
        await back.receives(`<failed xmlns='${SM}'><item-not-found xmlns='{any}'/></failed>`)
        back.sends(`<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><presence/>`)
        await back.answer('b')
        await back.settles()
        expect(takesBodies(back)).toEqual(['two'])
      },
      false,
    )
  })

  test('a saved session ends when its time is over, whenever the server came back', async () => {
    await twice(
      async (p) => {
        const { romeo, juliet } = await stage(p)
        cut(juliet)
        p.clock.advance(500_000)
        romeo.sends(chat('one'))
        await romeo.settles()
      },
      async (p) => {
        p.clock.advance(599_000)
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(1)
        p.clock.advance(1_000)
        expect(p.world.sessions.countOf('juliet@bix.org')).toBe(0)
        await p.account('x@bix.org')
        expect(rows(p, 'in_flight = 0')).toBe(1)
      },
      true,
    )
  })
})
