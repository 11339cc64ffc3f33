/** Another process holds the write lock of the database for a while: everybody waits, nobody is refused, in order. */
import { Database } from 'bun:sqlite'
import { expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { childText } from '../../src/xmpp/xml.ts'
import { type Actor, PASSWORD } from '../support/actor.ts'
import { chat, cut, enables, SM } from '../support/sm.ts'
import { play, type Play } from '../support/world.ts'

/** Passes of the loop. */
async function loop(times = 5): Promise<void> {
  for (let i = 0; i < times; i++) await new Promise((resolve) => setImmediate(resolve))
}

/** A play on a file, and a shell that can hold its write lock. */
async function stage(f: (p: Play, shell: { holds(): void; leaves(): Promise<void> }) => Promise<void>) {
  const directory = mkdtempSync(join(tmpdir(), 'belfry-busy-'))
  try {
    const file = join(directory, 'belfry.db')
    using p = play({ file })
    for (const name of ['romeo', 'juliet']) await p.account(`${name}@bix.org`)
    const other = new Database(file)
    const shell = {
      holds() {
        p.store.turn.end()
        other.run('BEGIN IMMEDIATE')
      },
      async leaves() {
        other.run('ROLLBACK')
        p.clock.advance(5)
        await loop()
      },
    }
    await f(p, shell)
    other.close()
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const bodies = ({ heard }: Actor) =>
  heard.filter(({ name }) => name === 'message').map((el) => childText(el, 'body'))

test('messages arrive late, in order and once; none is acknowledged before, none bounces', () =>
  stage(async (p, shell) => {
    const juliet = await p.online('juliet@bix.org/balcony')
    const romeo = await p.online('romeo@bix.org/orchard')
    await enables(romeo)
    shell.holds()
    for (let i = 0; i < 40; i++) romeo.sends(`${chat(`m${i}`)}<r xmlns='${SM}'/>`)
    for (let ms = 0; ms < 2_000; ms += 5) p.clock.advance(5)
    await loop(50)
    expect([romeo.heard, juliet.heard]).toEqual([[], []])
    expect(romeo.transport.paused).toBe(true)
    await shell.leaves()
    await romeo.settles()
    await juliet.settles()
    expect(bodies(juliet)).toEqual(Array.from({ length: 40 }, (_, i) => `m${i}`))
    expect(romeo.heard.filter(({ name }) => name === 'a').map(({ attrs }) => Number(attrs.h))).toEqual(
      Array.from({ length: 40 }, (_, i) => i + 1),
    )
    expect(romeo.heard.some(({ attrs }) => attrs.type === 'error')).toBe(false)
  }))

test('programs, logins, binding, lost and closed streams wait like messages', () =>
  stage(async (p, shell) => {
    const juliet = await p.online('juliet@bix.org/balcony')
    const lost = await p.online('romeo@bix.org/lost')
    const closes = await p.online('romeo@bix.org/closes')
    lost.forget()
    await enables(lost)
    const back = await p.returns('romeo@bix.org')
    const modern = p.connect()
    await modern.opens()
    shell.holds()
    const program = p.router.run((t) => t.store.settings.set('x', Buffer.from('1')))
    cut(lost)
    closes.sends(`${chat('last words')}</stream:stream>`)
    back.sends(
      `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq><presence/>${chat('hello')}`,
    )
    const token = Buffer.from(`\0romeo\0${PASSWORD}`).toString('base64')
    modern.sends(
      `<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>${token}</initial-response>` +
        `<user-agent id='d4565fa7-4d72-4749-b3d3-740edbf87770'/><bind xmlns='urn:xmpp:bind:0'/></authenticate>`,
    )
    // A login derives its keys in a thread of its own.
    while (!modern.transport.paused) await loop()
    await loop(50)
    await shell.leaves()
    await program
    await back.answer('b')
    const success = await modern.next()
    expect(success.name).toBe('success')
    await back.settles()
    await juliet.settles()
    expect(bodies(juliet).sort()).toEqual(['hello', 'last words'])
  }))

test('after `limits.write_lock_wait` the sender is told, and the next ones at once, until it is free', () =>
  stage(async (p, shell) => {
    const romeo = await p.online('romeo@bix.org/orchard')
    shell.holds()
    romeo.sends(chat('too long'))
    await loop()
    for (let ms = 0; ms <= 10_000; ms += 5) p.clock.advance(5)
    await romeo.hearsError('resource-constraint')
    romeo.sends(chat('again'))
    await romeo.hearsError('resource-constraint')
    await shell.leaves()
    romeo.sends(chat('now'))
    await romeo.settles()
    expect(romeo.heard).toEqual([])
    expect(p.store.messages.totalOffline()).toBe(1)
    // Held again, it is waited for again.
    shell.holds()
    romeo.sends(chat('later'))
    await loop()
    await shell.leaves()
    await romeo.settles()
    expect([romeo.heard, p.store.messages.totalOffline()]).toEqual([[], 2])
  }))
